import assert from "node:assert/strict";
import { test } from "node:test";
import { ordered, tuned } from "../sdp.js";
import { Counter, sent, thin } from "../stats.js";

test("the answer gets a rate to begin with, once a codec, and stereo only for music", () => {
	const sdp = [
		"v=0",
		"m=audio 9 UDP/TLS/RTP/SAVPF 63 111",
		"a=rtpmap:63 red/48000/2",
		"a=fmtp:63 111/111",
		"a=rtpmap:111 opus/48000/2",
		"a=fmtp:111 minptime=10",
		"m=video 9 UDP/TLS/RTP/SAVPF 102 103 96",
		"a=rtpmap:102 H264/90000",
		"a=fmtp:102 packetization-mode=1",
		"a=rtpmap:103 rtx/90000",
		"a=fmtp:103 apt=102",
		"a=rtpmap:96 VP8/90000",
		"",
	].join("\r\n");
	const plain = tuned(sdp, { startKbps: 2500 }).split("\r\n");
	assert.ok(plain.includes("a=fmtp:102 packetization-mode=1;x-google-start-bitrate=2500"));
	assert.ok(plain.includes("a=fmtp:96 x-google-start-bitrate=2500"));
	assert.ok(plain.includes("a=fmtp:103 apt=102"));
	assert.ok(plain.includes("a=fmtp:111 minptime=10"));
	assert.equal(plain.length, sdp.split("\r\n").length + 1);
	assert.equal(plain.at(-1), "");
	assert.ok(tuned(sdp, { startKbps: 1, stereo: true }).includes("a=fmtp:111 minptime=10;stereo=1"));
});

test("redundancy before plain sound, H264 before VP8, nothing else", () => {
	const c = (...names) => names.map((mimeType) => ({ mimeType }));
	assert.deepEqual(ordered("audio", c("audio/opus", "audio/PCMU", "audio/red")), c("audio/red", "audio/opus"));
	assert.deepEqual(ordered("video", c("video/VP8", "video/rtx", "video/AV1", "video/H264")), c("video/H264", "video/VP8", "video/rtx"));
	assert.deepEqual(ordered("video", c("video/AV1")), c("video/AV1"));
});

const slot = (more) => ({ slot: 0, mid: "0", kind: "audio", source: "voice", room: "", name: "", own: false, ...more });
const sound = (concealed, total) => ({ type: "inbound-rtp", mid: "0", packetsReceived: total / 960, concealedSamples: concealed, totalSamplesReceived: total });

test("only what grows within one binding is counted", () => {
	const c = new Counter();
	c.read(1, [slot({})], [sound(0, 9600)]);
	c.read(1, [slot({})], [sound(100, 57600)]);
	assert.deepEqual([c.concealed, c.total], [100, 48000]);
	c.read(1, [slot({ source: "" })], [sound(40000, 105600)]);
	c.read(1, [slot({})], [sound(80000, 153600)]);
	assert.deepEqual([c.concealed, c.total], [100, 48000], "unbound, and the reading that begins a binding");
	c.read(1, [slot({})], [sound(80000, 201600)]);
	c.read(2, [slot({})], [sound(0, 960)]);
	c.read(2, [slot({})], [sound(0, 48960)]);
	assert.deepEqual([c.concealed, c.total], [100, 144000], "a new connection");
	assert.equal(c.message(41.6).level, 42);
});

test("a link is thin when it carries too little and what is sent has shrunk", () => {
	const path = (availableOutgoingBitrate, nominated = true) => ({ type: "candidate-pair", nominated, availableOutgoingBitrate });
	const sent = (qualityLimitationReason) => ({ type: "outbound-rtp", qualityLimitationReason });
	assert.equal(thin([]), false);
	assert.equal(thin([path(400_000), sent("bandwidth")]), true);
	assert.equal(thin([path(400_000), sent("none")]), false, "nothing more was wanted");
	assert.equal(thin([path(400_000), sent("cpu")]), false);
	assert.equal(thin([path(2_500_000), sent("bandwidth")]), false, "it is still rising");
	assert.equal(thin([path(undefined), sent("bandwidth")]), false, "a browser that does not say");
	assert.equal(thin([path(400_000, false), sent("bandwidth")]), false);
});

test("the clock of what is sent goes on from its latest report", () => {
	const told = (timestamp, remoteTimestamp) => ({ type: "remote-outbound-rtp", timestamp, remoteTimestamp });
	const read = (timestamp) => ({ type: "inbound-rtp", timestamp });
	assert.equal(sent([]), 0);
	assert.equal(sent([read(5000)]), 0, "nothing was told yet");
	assert.equal(sent([told(4000, 0), read(5000)]), 0, "a browser that does not say when");
	assert.equal(sent([told(4000, 90_000), read(5000), read(5000)]), 91_000);
	assert.equal(sent([told(4800, 90_900), told(4000, 90_000), read(5000)]), 91_100, "the latest");
	assert.equal(sent([told(4000, 90_000), read(3000)]), 0, "the browser's own clock was set back between the two");
});

test("how old the newest picture is, where the clocks agree", () => {
	const c = new Counter();
	const now = 1788249600000;
	const since1900 = 2208988800000;
	for (const [captured, want] of [[now + since1900 - 140, 140], [0, undefined], [now + since1900 + 5, undefined], [now + since1900 - 3600000, undefined], [now + since1900 - 60, 60]]) {
		c.delay(now, captured);
		assert.equal(c.message(0).delayMs, want);
	}
});
