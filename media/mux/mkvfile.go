package mux

import (
	"time"
)

// A cluster begins at a keyframe of the first track of pictures when the one before is this long; at any sample when it is that long.
const (
	clusterLeast  = 2 * time.Second
	clusterAnyway = 10 * time.Second
)

// cluster is one as planned.
type cluster struct {
	at     int64 // milliseconds
	blocks int
	size   int // of its inside
	cue    bool
}

// clusterHead is the length of a cluster's id and size, and of its timestamp.
const (
	clusterHead  = 4 + 4
	clusterStamp = 1 + 1 + 8
	blockHead    = 1 + 4 + 4
)

// planMatroska lays the file out: header, seek head, info, tracks, chapters, cues, clusters. All sizes are known, so cues come first and positions are true.
func (f *File) planMatroska(kind string) error {
	main := f.mainPart()
	clusters, err := f.clusters(main)
	if err != nil {
		return err
	}
	total := 0
	for _, c := range clusters {
		total += clusterHead + c.size
	}
	head := f.matroskaHead(kind, main, clusters, 0, total)
	head = f.matroskaHead(kind, main, clusters, len(head), total)
	f.Size = int64(len(head)) + int64(total)
	f.write = func(o *output) error {
		if err := o.write(head); err != nil {
			return err
		}
		return f.writeClusters(o, clusters)
	}
	return nil
}

// mainPart is the first track of pictures, else the first.
func (f *File) mainPart() *part {
	for i := range f.parts {
		if f.parts[i].stream.codec.Video() {
			return &f.parts[i]
		}
	}
	return &f.parts[0]
}

// clusters walks through all samples in order of time.
func (f *File) clusters(main *part) ([]cluster, error) {
	var out []cluster
	cursors := f.cursors(nil)
	for {
		c, err := earliest(cursors)
		if err != nil || c == nil {
			return out, err
		}
		at := c.time().Round(time.Millisecond).Milliseconds()
		s, _ := c.take()
		begins := c.part == main && s.key
		n := len(out)
		if n > 0 {
			passed := time.Duration(at-out[n-1].at) * time.Millisecond
			begins = begins && passed >= clusterLeast || passed >= clusterAnyway
		}
		if n == 0 || begins {
			out = append(out, cluster{at: at, size: clusterStamp, cue: c.part == main && s.key})
			n++
		}
		out[n-1].blocks++
		out[n-1].size += blockHead + s.size
	}
}

// matroskaHead is everything before the clusters; own is its own length, known from a first call with 0.
func (f *File) matroskaHead(kind string, main *part, clusters []cluster, own, total int) []byte {
	var w ebml
	w.header(kind)
	w.id(idSegment)
	w.size(uint64(max(0, own-len(w.b)-8) + total))
	segment := len(w.b) // positions count from here
	number := 1
	for i := range f.parts {
		if &f.parts[i] == main {
			number = i + 1
		}
	}
	var info, tracks, chapters, cues ebml
	chapters.chapters(f.marks, f.Duration)
	info.info(f.Duration)
	tracks.master(idTracks, func() {
		sounds, pictures := 0, 0
		for i, p := range f.parts {
			n := &sounds
			if p.stream.codec.Video() {
				n = &pictures
			}
			tracks.track(i+1, p.stream, p.stream.largest, *n > 0)
			*n++
		}
	})
	position := uint64(max(0, own-segment))
	cues.master(idCues, func() {
		for _, c := range clusters {
			if c.cue {
				cues.master(idCuePoint, func() {
					cues.uint(idCueTime, uint64(c.at))
					cues.master(idCuePositions, func() {
						cues.uint(idCueTrack, uint64(number))
						cues.uint(idCueCluster, position)
					})
				})
			}
			position += uint64(clusterHead + c.size)
		}
	})
	type part struct {
		id   uint32
		size int
	}
	parts := []part{{idInfo, len(info.b)}, {idTracks, len(tracks.b)}}
	if len(chapters.b) > 0 {
		parts = append(parts, part{idChapters, len(chapters.b)})
	}
	parts = append(parts, part{idCues, len(cues.b)})
	const seek = 2 + 4 + 2 + 4 + 4 + 2 + 1 + 8
	at := uint64(4 + 4 + seek*len(parts))
	w.master(idSeekHead, func() {
		for _, s := range parts {
			w.master(idSeek, func() {
				w.bytes(idSeekID, []byte{byte(s.id >> 24), byte(s.id >> 16), byte(s.id >> 8), byte(s.id)})
				w.uint(idSeekPosition, at)
			})
			at += uint64(s.size)
		}
	})
	w.b = append(append(append(append(w.b, info.b...), tracks.b...), chapters.b...), cues.b...)
	return w.b
}

// chapters is the Chapters element: each goes on to the next one.
func (w *ebml) chapters(marks []Mark, end time.Duration) {
	if len(marks) == 0 {
		return
	}
	w.master(idChapters, func() {
		w.master(idEdition, func() {
			for i, m := range marks {
				to := end
				if i+1 < len(marks) {
					to = marks[i+1].At
				}
				w.master(idChapter, func() {
					w.uint(idChapterUID, uint64(i+1))
					w.uint(idChapterStart, uint64(m.At))
					w.uint(idChapterEnd, uint64(to))
					w.master(idChapterDisplay, func() {
						w.text(idChapterText, m.Text)
						w.text(idChapterLanguage, "und")
					})
				})
			}
		})
	})
}

func (f *File) writeClusters(o *output, clusters []cluster) error {
	cursors := f.cursors(f.reader)
	numbers := map[*part]int{}
	for i := range f.parts {
		numbers[&f.parts[i]] = i + 1
	}
	var w ebml
	for _, cl := range clusters {
		w.b = w.b[:0]
		w.id(idCluster)
		w.size4(cl.size)
		w.uint(idTimestamp, uint64(cl.at))
		for range cl.blocks {
			c, err := earliest(cursors)
			if err != nil {
				return err
			}
			if c == nil {
				return ErrGone
			}
			at := c.time().Round(time.Millisecond).Milliseconds()
			s, data := c.take()
			w.block(block{sample: s, track: numbers[c.part], at: at}, cl.at)
			w.b = append(w.b, data...)
		}
		if err := o.write(w.b); err != nil {
			return err
		}
		o.reached(time.Duration(cl.at) * time.Millisecond)
	}
	o.reached(f.Duration)
	return nil
}
