// Publishes a canvas with frame stamps and a tone by WHIP, and watches lessons by WHEP. The stamp is the time of drawing in ms, modulo 2^23.
// It knows nothing of the product: plain RFC 9725, from another origin than the box's.

const canvas = document.getElementById("source");
const pen = canvas.getContext("2d");
const stampModulo = 1 << 23;

function check(value) {
	let crc = 0xff;
	for (const b of [(value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]) {
		crc ^= b;
		for (let i = 0; i < 8; i++) {
			crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
		}
	}
	return crc;
}

function draw() {
	const now = performance.timeOrigin + performance.now();
	const value = Math.floor(now) % stampModulo;
	const k = canvas.width / 1280;
	pen.fillStyle = `hsl(${(now / 50) % 360} 40% 30%)`;
	pen.fillRect(0, 0, canvas.width, canvas.height);
	pen.fillStyle = "#fff";
	pen.fillRect(((now / 5) % 1200) * k, 400 * k, 80 * k, 80 * k);
	pen.fillStyle = "#808080";
	pen.fillRect(24 * k, 24 * k, 208 * k, 112 * k);
	for (let i = 0; i < 32; i++) {
		const bit = i < 24 ? (value >> (23 - i)) & 1 : (check(value) >> (31 - i)) & 1;
		pen.fillStyle = bit ? "#fff" : "#000";
		pen.fillRect((32 + (i % 8) * 24) * k, (32 + Math.floor(i / 8) * 24) * k, 24 * k, 24 * k);
	}
}

let stream = null;

/** The canvas at 25 frames a second and a tone. */
function source() {
	if (stream === null) {
		draw();
		setInterval(draw, 40);
		const context = new AudioContext();
		const tone = context.createOscillator();
		const out = context.createMediaStreamDestination();
		tone.frequency.value = 440;
		tone.connect(out);
		tone.start();
		stream = canvas.captureStream(25);
		stream.addTrack(out.stream.getAudioTracks()[0]);
	}
	return stream;
}

async function negotiate(pc, url, token) {
	await pc.setLocalDescription();
	const answer = await fetch(url, {
		method: "POST",
		headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
		body: pc.localDescription.sdp,
	});
	const text = await answer.text();
	if (answer.status !== 201) {
		throw new Error(`${url}: ${answer.status} ${text}`);
	}
	await pc.setRemoteDescription({ type: "answer", sdp: text });
	return answer.headers.get("Location");
}

function first(kind, wanted) {
	const codecs = RTCRtpSender.getCapabilities(kind).codecs;
	const match = codecs.filter(wanted);
	return [...match, ...codecs.filter((c) => !match.includes(c) && ["video/rtx", "audio/opus"].includes(c.mimeType.toLowerCase()))];
}

const connections = {};

/**
 * @param {string} name
 * @param {string} url
 * @param {string} token
 * @param {string} codec H264 or VP8
 */
async function publish(name, url, token, codec) {
	const pc = new RTCPeerConnection();
	connections[name] = pc;
	for (const track of source().getTracks()) {
		const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [source()] });
		if (track.kind === "video") {
			transceiver.setCodecPreferences(first("video", (c) =>
				c.mimeType.toLowerCase() === `video/${codec.toLowerCase()}` &&
				(codec !== "H264" || c.sdpFmtpLine.includes("packetization-mode=1") && c.sdpFmtpLine.includes("profile-level-id=42e01f"))));
		} else if (RTCRtpSender.getCapabilities("audio").codecs.some((c) => c.mimeType === "audio/red")) {
			transceiver.setCodecPreferences(first("audio", (c) => c.mimeType === "audio/red"));
		}
	}
	await negotiate(pc, url, token);
	return "published";
}

/** Watches the first video and the sound of a lesson; the stamps are read under this name. */
async function watch(name, url, token) {
	const pc = new RTCPeerConnection();
	connections[name] = pc;
	const sound = pc.addTransceiver("audio", { direction: "recvonly" });
	const codecs = RTCRtpReceiver.getCapabilities("audio").codecs;
	const red = codecs.filter((c) => c.mimeType === "audio/red");
	if (red.length > 0) {
		sound.setCodecPreferences([...red, ...codecs.filter((c) => c.mimeType === "audio/opus")]);
	}
	const picture = pc.addTransceiver("video", { direction: "recvonly" });
	await negotiate(pc, url, token);
	const video = document.createElement("video");
	video.id = name;
	video.width = 320;
	video.muted = true;
	video.autoplay = true;
	video.srcObject = new MediaStream([picture.receiver.track]);
	const audio = document.createElement("audio");
	audio.autoplay = true;
	audio.srcObject = new MediaStream([sound.receiver.track]);
	document.getElementById("screens").append(video, audio);
	return "watching";
}

/** What a connection has sent or received, from its statistics. */
async function figures(name) {
	const out = { state: connections[name].connectionState, bytes: 0, frames: 0, packets: 0, samples: 0, concealed: 0, codecs: [], nacks: 0, plis: 0 };
	const report = await connections[name].getStats();
	for (const s of report.values()) {
		if (s.type !== "inbound-rtp" && s.type !== "outbound-rtp") {
			continue;
		}
		out.bytes += s.bytesSent ?? s.bytesReceived ?? 0;
		out.packets += s.packetsSent ?? s.packetsReceived ?? 0;
		out.frames += s.framesDecoded ?? s.framesEncoded ?? 0;
		out.samples += s.totalSamplesReceived ?? 0;
		out.concealed += (s.concealedSamples ?? 0) - (s.silentConcealedSamples ?? 0);
		out.nacks += s.nackCount ?? 0;
		out.plis += s.pliCount ?? 0;
		const codec = report.get(s.codecId);
		if (codec) {
			out.codecs.push(codec.mimeType);
		}
	}
	return out;
}
