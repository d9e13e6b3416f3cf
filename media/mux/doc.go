// Package mux turns a journal into what players read: fragments for Media Source with a time index, and whole files to keep. Nothing is
// decoded or encoded: packets become frames, frames get their place on the journal's timeline, and boxes are written around them. The one
// exception is the G.711 of network cameras, which browsers play in no file: it is written as FLAC, sample by sample the same.
//
// # From packets to frames
//
// The packets of a track are put in the order of their origin sequence; a missing one is waited for until the journal is lateness further,
// for repairs come late; what follows without a hole, and alone in its stream, waits for nothing, so that a running lesson is shown soon. A frame is a run of packets of one RTP timestamp without a hole. A frame with a hole is dropped, and so is every
// frame after it that may refer to it, up to the next keyframe: for H264 all of them (unless the frame itself said that nobody refers to
// it), for VP8 all but those whose temporal layer numbers prove otherwise. So a decoder never sees a broken picture; the last good one
// stands, and the stream names a gap.
//
// # One clock
//
// All streams of a recording share the journal's timeline. RTP clocks run up to some hundred ppm wrong, so time is not counted in RTP
// ticks or samples: each track's offset between RTP time and capture time is tracked (rtpClock). Pictures are placed by it directly.
// Sound must not have seams, because players count its samples: it lies on a grid without holes, where a missing packet is replaced by one that makes the
// decoder conceal, a longer silence by silent packets, and drift is taken up by ten milliseconds of concealment more or less.
//
// # Pictures and guessed rates
//
// Pictures come when they come, but encoders write a rate into their parameter sets, and readers guess one where there is none and round times to it.
// So parameter sets are rewritten to say that the rate varies, up to 200 pictures a second, and pictures lie on a grid of 5 ms.
// A file of few pictures, as of one second, does not let the grid be seen: there they are spaced evenly, if they come so.
//
// # The index
//
// One pass over the journal finds all that is needed to make a fragment or a file from a small part of it, with sizes known to the byte beforehand. It is kept
// beside the journal (index.mux), belongs to exactly the segments it was made from, and is made anew when it does not fit.
package mux
