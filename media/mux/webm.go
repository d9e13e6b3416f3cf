package mux

import (
	"encoding/binary"
	"time"

	"tongke/media/codec"
)

// clusterMost is how far a block may be from its cluster's timestamp: 16 bits of milliseconds, signed.
const clusterMost = 30 * time.Second

// writer names this program in files.
const writer = "tongke"

// info is the Info element; duration 0 is left out.
func (w *ebml) info(duration time.Duration) {
	w.master(idInfo, func() {
		w.uint(idTimestampScale, uint64(time.Millisecond))
		if duration > 0 {
			w.float(idDuration, float64(duration)/float64(time.Millisecond))
		}
		w.text(idMuxingApp, writer)
		w.text(idWritingApp, writer)
	})
}

// track is one TrackEntry.
func (w *ebml) track(number int, s *stream, p parameters, second bool) {
	w.master(idTrackEntry, func() {
		w.uint(idTrackNumber, uint64(number))
		w.uint(idTrackUID, uint64(number))
		w.text(idName, s.name)
		w.uint(idFlagLacing, 0)
		if second {
			w.uint(idFlagDefault, 0)
		}
		if !s.codec.Video() {
			w.uint(idTrackType, 2)
			if s.codec.G711() {
				w.text(idCodecID, "A_FLAC")
				w.bytes(idCodecPrivate, append([]byte("fLaC"), flacInfo()...))
				w.master(idAudio, func() {
					w.float(idSamplingRate, flacScale)
					w.uint(idChannels, 1)
					w.uint(idBitDepth, flacBits)
				})
				return
			}
			w.text(idCodecID, "A_OPUS")
			w.bytes(idCodecPrivate, opusHead())
			w.uint(idCodecDelay, preSkip*uint64(time.Second)/soundScale)
			w.uint(idSeekPreRoll, uint64(80*time.Millisecond))
			w.master(idAudio, func() {
				w.float(idSamplingRate, soundScale)
				w.uint(idChannels, 2)
			})
			return
		}
		w.uint(idTrackType, 1)
		if s.codec == codec.VP8 {
			w.text(idCodecID, "V_VP8")
		} else {
			w.text(idCodecID, "V_MPEG4/ISO/AVC")
			w.bytes(idCodecPrivate, p.avcC())
		}
		w.master(idVideo, func() {
			w.uint(idPixelWidth, uint64(p.Width))
			w.uint(idPixelHeight, uint64(p.Height))
		})
	})
}

func (s *stream) webmInit() []byte {
	var w ebml
	w.header("webm")
	w.id(idSegment)
	w.size(unknownSize)
	w.info(0)
	w.master(idTracks, func() { w.track(1, s, s.parameters, false) })
	return w.b
}

// milli is a time in the ticks of all our WebM and Matroska.
func milli(ticks, scale int64) int64 { return (ticks*1000 + scale/2) / scale }

// block is one sample of a track in a cluster.
type block struct {
	sample
	track     int
	at        int64 // milliseconds
	before    int64 // of the sample before it
	lasting   int64 // milliseconds, where the duration is to be written; else 0
	reference bool  // refers to the one before
}

// block writes everything of a block but its data, which follows.
func (w *ebml) block(b block, cluster int64) {
	if b.lasting == 0 {
		w.id(idSimpleBlock)
		w.size4(4 + b.size)
		w.blockHead(b, cluster)
		return
	}
	// The block comes last in its group, so that its data can follow.
	inside := 1 + 1 + 8
	if b.reference {
		inside += 1 + 1 + 8
	}
	w.id(idBlockGroup)
	w.size4(inside + 1 + 4 + 4 + b.size)
	w.uint(idBlockDuration, uint64(b.lasting))
	if b.reference {
		w.uint(idReferenceBlock, uint64(b.before-b.at))
	}
	w.id(idBlock)
	w.size4(4 + b.size)
	w.blockHead(b, cluster)
}

func (w *ebml) blockHead(b block, cluster int64) {
	flags := byte(0)
	if b.key && b.lasting == 0 {
		flags = 0x80
	}
	w.b = append(w.b, 0x80|byte(b.track))
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(int16(b.at-cluster)))
	w.b = append(w.b, flags)
}

// clusters writes a fragment as clusters: one, or several where it is long. With data nil it writes all but the samples.
func (s *stream) clusters(f *fragment, samples []sample, data []byte) []byte {
	w := ebml{make([]byte, 0, len(data)+16*len(samples)+64)}
	at, before := f.at, f.at
	var sizeAt int
	cluster := int64(-1)
	finish := func() {
		if cluster >= 0 {
			binary.BigEndian.PutUint32(w.b[sizeAt:], 1<<28|uint32(len(w.b)-sizeAt-4))
		}
	}
	for i, m := range samples {
		ms := milli(at, s.scale())
		if cluster < 0 || ms-cluster >= clusterMost.Milliseconds() {
			finish()
			cluster = ms
			w.id(idCluster)
			sizeAt = len(w.b)
			w.size4(0)
			w.uint(idTimestamp, uint64(ms))
		}
		b := block{sample: m, track: 1, at: ms, before: milli(before, s.scale())}
		if i == len(samples)-1 && s.codec.Video() { // it may have to stand for long
			b.lasting, b.reference = max(1, milli(at+int64(m.duration), s.scale())-ms), !m.key
		}
		w.block(b, cluster)
		if data != nil {
			w.b = append(w.b, data[:m.size]...)
			data = data[m.size:]
		}
		before = at
		at += int64(m.duration)
	}
	finish()
	return w.b
}
