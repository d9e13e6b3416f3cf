// What a page sends: one connection, one m-line a source, negotiated once and then changed by replaceTrack and by the box's encode requests.

import { ProtocolError } from "./protocol.js";
import { askCaptureTime, ordered, tuned } from "./sdp.js";
import { thin } from "./stats.js";

/** @typedef {import("./messages.js").Source} Source */
/** @typedef {import("./messages.js").Encode} Encode */
/** @typedef {import("./protocol.js").Client} Client */

const startKbps = 2500; // the first picture's rate; the estimate takes over from there
const retry = 1000; // ms between negotiations that failed
const restAfter = 700; // ms without a track until the source is taken back: a camera that is changed is there again before
const mendAfter = 1200; // ms of a broken connection until its ICE is restarted

/** The layers of a camera, smallest first; the box changes them by encode. */
const layers = () => [
	{ rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, active: true },
	{ rid: "h", scaleResolutionDownBy: 2, maxBitrate: 600_000, active: true },
	{ rid: "f", scaleResolutionDownBy: 1, maxBitrate: 2_000_000, active: true },
];

/** @param {Source} source @returns {RTCRtpEncodingParameters[]} */
function encodings(source) {
	switch (source) {
		case "voice":
			return [{ maxBitrate: 64_000, priority: "high", networkPriority: "high" }];
		case "board":
			return [{ maxBitrate: 2_500_000 }];
	}
	return layers();
}

export class Publisher {
	/**
	 * @param {Client} client
	 * @param {{stereo?: boolean}} [options] stereo: music may be sent
	 */
	constructor(client, options = {}) {
		this.client = client;
		this.options = options;
		/** what is to be sent; null keeps the m-line without a track @type {Map<Source, MediaStreamTrack | null>} */
		this.wanted = new Map();
		/** @type {Map<Source, RTCRtpTransceiver>} */
		this.lines = new Map();
		/** @type {Map<Source, Encode>} */
		this.asked = new Map();
		/** @type {RTCPeerConnection | null} */
		this.pc = null;
		this.session = "";
		this.allowed = false;
		/** this browser has no encoder for the lesson's pictures: the voice goes without them */
		this.voiceOnly = false;
		/** the box sends for another room: nothing of this one goes out */
		this.full = false;
		/** ends what waits for the connection: a closed one answers nothing any more @type {(why: Error) => void} */
		this.leave = () => {};
		/** @type {Promise<never>} rejected when the connection is given up */
		this.left = new Promise(() => {});
		/** @type {Promise<void>} one negotiation after the other */
		this.turn = Promise.resolve();
		/** @type {Promise<void>} one change of a sender's parameters after the other */
		this.orders = Promise.resolve();
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		client.on("status", (s) => {
			if (s === "open" && this.client.me?.session !== this.session) {
				this.session = this.client.me?.session ?? "";
				this.voiceOnly = false;
				this.drop();
				this.negotiate();
			} else if (s === "open") {
				this.negotiate();
			}
		});
		client.on("encode", (e) => void this.obey(e));
	}

	/** Begins to send what is set. */
	start() {
		if (!this.allowed) {
			this.allowed = true;
			this.negotiate();
		}
	}

	/** Sends nothing any more; what is set stays set. */
	stop() {
		this.allowed = false;
		this.drop();
	}

	/**
	 * Sets what a source sends.
	 * @param {Source} source
	 * @param {MediaStreamTrack | null} track
	 */
	set(source, track) {
		this.wanted.set(source, track);
		if (track !== null && track.kind === "video") {
			track.contentHint = source === "board" ? "detail" : "motion";
		}
		const line = this.lines.get(source);
		if (line) {
			line.sender.replaceTrack(track).catch(() => this.drop());
			if (track === null) {
				setTimeout(() => this.negotiate(), restAfter); // else its last picture would stay with everybody
			} else if (line.direction === "inactive") {
				this.negotiate();
			}
		} else if (track !== null) {
			this.negotiate();
		}
	}

	drop() {
		clearTimeout(this.timer);
		this.lines.clear();
		this.orders = Promise.resolve();
		this.leave(new ProtocolError("lost"));
		this.pc?.close();
		this.pc = null;
	}

	negotiate(restart = false) {
		this.turn = this.turn.then(() => this.exchange(restart)).catch(() => {
			clearTimeout(this.timer);
			this.timer = setTimeout(() => this.negotiate(), retry);
		});
	}

	/** @param {boolean} restart of ICE */
	async exchange(restart) {
		if (!this.allowed || this.client.status !== "open" || (this.pc === null && ![...this.wanted.values()].some((t) => t !== null))) {
			return;
		}
		let fresh = false;
		if (this.pc === null || this.pc.connectionState === "failed" || this.pc.connectionState === "closed") {
			this.drop();
			this.pc = this.connection();
			fresh = true;
		}
		const pc = this.pc;
		const left = this.left;
		/** @template T @param {Promise<T>} p @returns {Promise<T>} */
		const here = (p) => Promise.race([p, left]);
		let added = false;
		for (const [source, track] of this.wanted) {
			if (track !== null && !this.lines.has(source) && (source === "voice" || !this.voiceOnly)) {
				this.lines.set(source, this.line(pc, source, track));
				added = true;
			}
		}
		const turned = this.rest();
		if (!fresh && !added && !turned && !restart) {
			return;
		}
		try {
			await here(pc.setLocalDescription(await here(pc.createOffer({ iceRestart: restart }))));
			const tracks = [...this.lines].filter(([, t]) => t.direction !== "inactive").map(([source, t]) => ({ mid: t.mid ?? "", source }));
			const answer = await this.client.request("media.up", { sdp: pc.localDescription?.sdp ?? "", tracks });
			await here(pc.setRemoteDescription({ type: "answer", sdp: tuned(answer.sdp, { startKbps, stereo: this.options.stereo }) }));
		} catch (e) {
			if (this.pc === pc) {
				this.drop(); // half negotiated: begin anew
			}
			this.full = e instanceof ProtocolError && e.code === "full";
			this.voiceOnly ||= e instanceof ProtocolError && e.code === "codec-mismatch";
			throw e;
		}
		this.full = false;
		for (const [source, t] of this.lines) {
			this.orders = this.orders.then(() => prefer(t.sender, source)).catch(() => {});
		}
		for (const e of this.asked.values()) {
			void this.obey(e);
		}
	}

	/** Lets lines rest whose source sends nothing, and wakes the others; whether any changed. A voice that is missing stays a voice. */
	rest() {
		let changed = false;
		for (const [source, t] of this.lines) {
			const direction = source !== "voice" && (this.wanted.get(source) ?? null) === null ? "inactive" : "sendonly";
			changed ||= t.direction !== direction;
			t.direction = direction;
		}
		return changed;
	}

	connection() {
		const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
		this.left = new Promise((_, reject) => (this.leave = reject));
		this.left.catch(() => {}); // nobody may be waiting
		pc.addEventListener("connectionstatechange", () => {
			if (this.pc !== pc || (pc.connectionState !== "disconnected" && pc.connectionState !== "failed")) {
				return;
			}
			clearTimeout(this.timer);
			this.timer = setTimeout(() => {
				if (this.pc === pc && pc.connectionState !== "connected") {
					this.negotiate(true);
				}
			}, mendAfter);
		});
		return pc;
	}

	/**
	 * @param {RTCPeerConnection} pc
	 * @param {Source} source
	 * @param {MediaStreamTrack} track
	 */
	line(pc, source, track) {
		const t = pc.addTransceiver(track, { direction: "sendonly", sendEncodings: encodings(source) });
		const kind = source === "voice" ? "audio" : "video";
		const codecs = RTCRtpSender.getCapabilities(kind)?.codecs ?? [];
		t.setCodecPreferences(/** @type {RTCRtpCodec[]} */ (ordered(kind, codecs)));
		askCaptureTime(t);
		return t;
	}

	/** Does what the box asks for, and says what came of it. @param {Encode} e */
	obey(e) {
		this.asked.set(e.source, e);
		// One after the other: setParameters refuses parameters that were read before another call had changed them.
		this.orders = this.orders.then(() => this.carryOut(e)).catch(() => {});
		return this.orders;
	}

	/** @param {Encode} e */
	async carryOut(e) {
		const sender = this.lines.get(e.source)?.sender;
		if (!sender) {
			return;
		}
		try {
			const p = sender.getParameters();
			const over = excess(sender.track, e);
			for (const have of p.encodings ?? []) {
				const want = e.layers.find((l) => l.rid === (have.rid ?? "")) ?? (e.layers.length === 1 ? e.layers[0] : undefined);
				if (want) {
					have.active = want.active;
					if (want.maxBitrate > 0) {
						have.maxBitrate = want.maxBitrate;
					}
					if (e.source !== "voice") {
						have.scaleResolutionDownBy = Math.max(1, want.scale) * over;
						have.maxFramerate = want.fps > 0 ? want.fps : undefined;
					}
				}
			}
			await sender.setParameters(p);
		} catch {
			// a sender that is being replaced: the next negotiation asks again
		}
		void this.report(e.source);
	}

	/** Whether this school's link is too slow for what is sent. */
	async thin() {
		return thin([...((await this.pc?.getStats())?.values() ?? [])]);
	}

	/** @param {Source} source */
	async report(source) {
		const sender = this.lines.get(source)?.sender;
		if (!sender) {
			return;
		}
		let limited = "";
		/** @type {import("./messages.js").Requests["encoded"]["layers"]} */
		const made = [];
		const active = new Map((sender.getParameters().encodings ?? []).map((x) => [x.rid ?? "", x.active !== false]));
		for (const s of (await sender.getStats()).values()) {
			if (s.type === "outbound-rtp" && made.length < 3) {
				limited = s.qualityLimitationReason ?? limited;
				made.push({
					rid: s.rid ?? "",
					active: s.active ?? active.get(s.rid ?? "") ?? true,
					width: s.frameWidth ?? 0,
					height: s.frameHeight ?? 0,
					fps: Math.round(s.framesPerSecond ?? 0),
					bitrate: Math.round(s.targetBitrate ?? 0),
				});
			}
		}
		await this.client.request("encoded", { source, layers: made, limited }).catch(() => {});
	}
}

/** How much more a camera gives than the box's machine can encode. @param {MediaStreamTrack | null} track @param {Encode} e */
function excess(track, e) {
	const { width = 0, height = 0 } = track?.getSettings() ?? {};
	return Math.max(1, width / (e.maxWidth || Infinity), height / (e.maxHeight || Infinity));
}

/**
 * What is given up first when the machine or the path is too slow: the board's frames, a camera's size.
 * @param {RTCRtpSender} sender
 * @param {Source} source
 */
async function prefer(sender, source) {
	if (source === "voice") {
		return;
	}
	const p = /** @type {any} */ (sender.getParameters()); // degradationPreference is not in every version of the types
	p.degradationPreference = source === "board" ? "maintain-resolution" : "balanced";
	await sender.setParameters(p);
}
