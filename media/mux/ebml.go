package mux

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Element ids of EBML (RFC 8794) and Matroska (RFC 9559), with their marker bits.
const (
	idEBML            = 0x1a45dfa3
	idEBMLVersion     = 0x4286
	idEBMLReadVersion = 0x42f7
	idEBMLMaxID       = 0x42f2
	idEBMLMaxSize     = 0x42f3
	idDocType         = 0x4282
	idDocVersion      = 0x4287
	idDocReadVersion  = 0x4285
	idSegment         = 0x18538067
	idSeekHead        = 0x114d9b74
	idSeek            = 0x4dbb
	idSeekID          = 0x53ab
	idSeekPosition    = 0x53ac
	idInfo            = 0x1549a966
	idTimestampScale  = 0x2ad7b1
	idDuration        = 0x4489
	idMuxingApp       = 0x4d80
	idWritingApp      = 0x5741
	idTracks          = 0x1654ae6b
	idTrackEntry      = 0xae
	idTrackNumber     = 0xd7
	idTrackUID        = 0x73c5
	idTrackType       = 0x83
	idFlagDefault     = 0x88
	idFlagLacing      = 0x9c
	idName            = 0x536e
	idCodecID         = 0x86
	idCodecPrivate    = 0x63a2
	idCodecDelay      = 0x56aa
	idSeekPreRoll     = 0x56bb
	idVideo           = 0xe0
	idPixelWidth      = 0xb0
	idPixelHeight     = 0xba
	idAudio           = 0xe1
	idSamplingRate    = 0xb5
	idChannels        = 0x9f
	idBitDepth        = 0x6264
	idCues            = 0x1c53bb6b
	idCuePoint        = 0xbb
	idCueTime         = 0xb3
	idCuePositions    = 0xb7
	idCueTrack        = 0xf7
	idCueCluster      = 0xf1
	idChapters        = 0x1043a770
	idEdition         = 0x45b9
	idChapter         = 0xb6
	idChapterUID      = 0x73c4
	idChapterStart    = 0x91
	idChapterEnd      = 0x92
	idChapterDisplay  = 0x80
	idChapterText     = 0x85
	idChapterLanguage = 0x437c
	idCluster         = 0x1f43b675
	idTimestamp       = 0xe7
	idSimpleBlock     = 0xa3
	idBlockGroup      = 0xa0
	idBlock           = 0xa1
	idBlockDuration   = 0x9b
	idReferenceBlock  = 0xfb
)

// unknownSize is the size of a Segment that goes on (RFC 8794 §6.2).
const unknownSize = 1<<56 - 1

// ebml writes elements.
type ebml struct{ b []byte }

func (w *ebml) id(id uint32) {
	n := (bits.Len32(id) + 7) / 8
	for i := n - 1; i >= 0; i-- {
		w.b = append(w.b, byte(id>>(8*i)))
	}
}

// size writes a size in eight bytes, so that its length never depends on it.
func (w *ebml) size(n uint64) { w.b = binary.BigEndian.AppendUint64(w.b, 1<<56|n) }

// size4 is a size in four bytes, below 2^28 − 1.
func (w *ebml) size4(n int) { w.b = binary.BigEndian.AppendUint32(w.b, 1<<28|uint32(n)) }

// master writes an element of elements, of less than 256 MB.
func (w *ebml) master(id uint32, inside func()) {
	w.id(id)
	at := len(w.b)
	w.size4(0)
	inside()
	binary.BigEndian.PutUint32(w.b[at:], 1<<28|uint32(len(w.b)-at-4))
}

// uint writes eight bytes: positions that are filled in later keep their length.
func (w *ebml) uint(id uint32, v uint64) {
	w.id(id)
	w.b = append(w.b, 0x88)
	w.b = binary.BigEndian.AppendUint64(w.b, v)
}

func (w *ebml) float(id uint32, v float64) { w.uint(id, math.Float64bits(v)) }

func (w *ebml) bytes(id uint32, v []byte) {
	w.id(id)
	w.size4(len(v))
	w.b = append(w.b, v...)
}

func (w *ebml) text(id uint32, v string) { w.bytes(id, []byte(v)) }

// header is the EBML header; kind is webm or matroska.
func (w *ebml) header(kind string) {
	w.master(idEBML, func() {
		w.uint(idEBMLVersion, 1)
		w.uint(idEBMLReadVersion, 1)
		w.uint(idEBMLMaxID, 4)
		w.uint(idEBMLMaxSize, 8)
		w.text(idDocType, kind)
		w.uint(idDocVersion, 4)
		w.uint(idDocReadVersion, 2)
	})
}
