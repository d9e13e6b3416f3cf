import assert from "node:assert/strict";
import { mock, test } from "node:test";

const made = [];

/** A connection that, once closed, never answers: as WebRTC 1.0 §4.4.1.2 has it. */
class Connection {
	constructor() {
		this.connectionState = "new";
		this.slow = false;
		this.transceivers = [];
		made.push(this);
	}

	addEventListener() {}

	addTransceiver(track, { direction }) {
		const t = { mid: String(this.transceivers.length), direction, setCodecPreferences() {}, sender: { track, replaceTrack: async () => {}, getParameters: () => ({}), setParameters: async () => {} } };
		this.transceivers.push(t);
		return t;
	}

	createOffer() {
		return this.answer({ type: "offer", sdp: "" });
	}

	setLocalDescription(d) {
		this.localDescription = d;
		return this.answer();
	}

	setRemoteDescription() {
		this.connectionState = "connected";
		return this.answer();
	}

	answer(value) {
		return new Promise((resolve) => setImmediate(() => this.connectionState !== "closed" && resolve(value)));
	}

	close() {
		this.connectionState = "closed";
	}
}

Object.assign(globalThis, { RTCPeerConnection: Connection, RTCRtpSender: { getCapabilities: () => ({ codecs: [] }) } });
const { Publisher } = await import("../publish.js");
const { ProtocolError } = await import("../protocol.js");

const settle = async () => {
	for (let i = 0; i < 20; i++) {
		await new Promise((resolve) => setImmediate(resolve));
	}
};

test("a connection that is given up in the middle of a negotiation stops no later one", async (t) => {
	mock.timers.enable({ apis: ["setTimeout"] });
	t.after(() => mock.timers.reset());
	const asked = [];
	const client = { status: "open", me: { session: "s" }, on() {}, request: async (type, fields) => (asked.push([type, fields.tracks?.length]), { sdp: "" }) };
	const p = new Publisher(client);
	p.start();
	p.set("voice", { kind: "audio" });
	await Promise.resolve();
	assert.equal(made.length, 1);
	p.stop(); // the lesson has gone from the box that has just begun anew
	await settle();
	p.start();
	await settle();
	mock.timers.tick(5000);
	await settle();
	assert.deepEqual(asked, [["media.up", 1]]);
	assert.equal(p.pc?.connectionState, "connected");
	assert.equal(made.filter((c) => c.connectionState !== "closed").length, 1);
});

test("a box that sends for another room is known, until it has a place", async (t) => {
	mock.timers.enable({ apis: ["setTimeout"] });
	t.after(() => mock.timers.reset());
	let why = "full";
	const client = {
		status: "open", me: { session: "s" }, on() {},
		request: async () => {
			if (why !== "") {
				throw new ProtocolError(why);
			}
			return { sdp: "" };
		},
	};
	const p = new Publisher(client);
	p.start();
	p.set("voice", { kind: "audio" });
	await settle();
	assert.equal(p.full, true);
	for (const [next, full] of [["wrong-state", false], ["full", true], ["", false]]) {
		why = next;
		mock.timers.tick(1000);
		await settle();
		assert.equal(p.full, full, next);
	}
});
