// What a page hears and shows: one connection with fixed slots that the box offers; what lies in a slot is told by the event bound.

import { askCaptureTime } from "./sdp.js";
import { Counter, sent } from "./stats.js";

/** @typedef {import("./messages.js").Slot} Slot */
/** @typedef {import("./protocol.js").Client} Client */

const retry = 500; // ms between tries of a negotiation
const mendAfter = 1000; // ms of a broken connection until its ICE is restarted
const fresh = 3000; // ms: a picture older than that says nothing of now
const giveUpAfter = 4000; // ms of a broken connection until it is made anew

export class Receiver {
	/**
	 * @param {Client} client
	 * @param {() => void} onChange the table or the tracks are others than before
	 */
	constructor(client, onChange) {
		this.client = client;
		this.onChange = onChange;
		/** @type {Slot[]} */
		this.table = [];
		/** counts connections: a stream of a former one is not one of this */
		this.generation = 0;
		/** @type {Map<string, MediaStream>} by MID */
		this.streams = new Map();
		/** @type {RTCPeerConnection | null} */
		this.pc = null;
		/** the connection before, whose last pictures stay until the new ones are there @type {RTCPeerConnection | null} */
		this.former = null;
		this.counter = new Counter();
		this.session = "";
		this.allowed = false;
		this.busy = false;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		client.on("bound", (e) => {
			this.table = e.slots;
			this.onChange();
		});
		client.on("status", (s) => {
			if (s !== "open") {
				return;
			}
			const same = this.client.me?.session === this.session && this.pc?.connectionState === "connected";
			this.session = this.client.me?.session ?? "";
			if (!same) {
				void this.begin();
			}
		});
	}

	/** Begins to receive. */
	start() {
		if (!this.allowed) {
			this.allowed = true;
			void this.begin();
		}
	}

	/** Silence and no pictures, until start. */
	stop() {
		this.allowed = false;
		clearTimeout(this.timer);
		this.close();
		this.table = [];
		this.onChange();
	}

	close() {
		this.former?.close();
		this.former = null;
		this.pc?.close();
		this.pc = null;
		this.streams.clear();
	}

	/** The stream of a slot, or null. @param {Slot} slot */
	stream(slot) {
		return this.streams.get(slot.mid) ?? null;
	}

	/** Makes a new connection; the former one goes on until this one has begun. */
	async begin() {
		if (!this.allowed || this.busy || this.client.status !== "open") {
			return;
		}
		this.busy = true;
		clearTimeout(this.timer);
		const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
		try {
			const offer = await this.client.request("media.down", {});
			await this.answer(pc, offer.sdp);
			if (!this.allowed) {
				pc.close();
				return;
			}
			this.take(pc);
		} catch {
			pc.close();
			clearTimeout(this.timer);
			this.timer = setTimeout(() => void this.begin(), retry);
		} finally {
			this.busy = false;
		}
	}

	/**
	 * @param {RTCPeerConnection} pc
	 * @param {string} offer
	 */
	async answer(pc, offer) {
		await pc.setRemoteDescription({ type: "offer", sdp: offer });
		for (const t of pc.getTransceivers()) {
			askCaptureTime(t);
		}
		await pc.setLocalDescription();
		await this.client.request("media.down", { sdp: pc.localDescription?.sdp ?? "" });
	}

	/** @param {RTCPeerConnection} pc */
	take(pc) {
		this.former?.close();
		this.former = this.pc;
		this.pc = pc;
		this.generation++;
		this.streams = new Map(pc.getTransceivers().map((t) => [t.mid ?? "", new MediaStream([t.receiver.track])]));
		pc.addEventListener("connectionstatechange", () => this.watch(pc));
		this.watch(pc);
		this.onChange();
	}

	/** @param {RTCPeerConnection} pc */
	watch(pc) {
		if (this.pc !== pc) {
			return;
		}
		clearTimeout(this.timer);
		switch (pc.connectionState) {
			case "connected":
				this.former?.close();
				this.former = null;
				break;
			case "disconnected":
				this.timer = setTimeout(() => void this.restart(pc), mendAfter);
				break;
			case "failed":
			case "closed":
				void this.begin();
				break;
			default:
				this.timer = setTimeout(() => void this.begin(), giveUpAfter);
		}
	}

	/** @param {RTCPeerConnection} pc */
	async restart(pc) {
		if (this.pc !== pc || !this.allowed) {
			return;
		}
		try {
			const offer = await this.client.request("media.restart", { pc: "down" });
			await this.answer(pc, offer.sdp);
			this.timer = setTimeout(() => {
				if (this.pc === pc && pc.connectionState !== "connected") {
					void this.begin();
				}
			}, giveUpAfter);
		} catch {
			if (this.pc === pc && pc.connectionState !== "connected") {
				void this.begin();
			}
		}
	}

	/** Reads the connection's figures into the counter. */
	async measure() {
		const pc = this.pc;
		if (pc === null) {
			return;
		}
		const report = await pc.getStats();
		if (pc === this.pc) {
			const all = [...report.values()];
			this.counter.read(this.generation, this.table, all);
			this.counter.delay(sent(all), this.captured(pc));
		}
	}

	/**
	 * When the newest picture of the teacher was captured, or else of the board, as the browser knows it by abs-capture-time.
	 * @param {RTCPeerConnection} pc
	 */
	captured(pc) {
		for (const source of ["teacher", "board"]) {
			const slot = this.table.find((s) => s.source === source && !s.reason);
			const t = slot && pc.getTransceivers().find((x) => x.mid === slot.mid);
			const newest = /** @type {any} */ (t?.receiver.getSynchronizationSources()[0]); // captureTimestamp is not in TypeScript's types yet
			if (newest?.captureTimestamp > 0 && performance.timeOrigin + performance.now() - newest.timestamp < fresh) {
				return Number(newest.captureTimestamp);
			}
		}
		return 0;
	}
}

/**
 * Puts a picture into its place once its first frame is there, so that the last frame of what was there before stays until then. Nothing
 * happens while the place shows that picture already.
 * @param {HTMLElement} place
 * @param {MediaStream | null} stream
 * @param {string} key names what is shown: another key is another picture
 * @param {string} label for those who do not see it
 */
export function show(place, stream, key, label) {
	if (place.dataset.key === key) {
		return;
	}
	place.dataset.key = key;
	if (stream === null) {
		clear(place);
		return;
	}
	const video = document.createElement("video");
	video.muted = true; // voices have elements of their own
	video.autoplay = true;
	video.playsInline = true;
	video.disablePictureInPicture = true;
	video.setAttribute("aria-label", label);
	video.srcObject = stream;
	video.addEventListener(
		"loadeddata",
		() => {
			if (place.dataset.key === key) {
				clear(place);
				place.prepend(video);
			} else {
				video.srcObject = null;
			}
		},
		{ once: true },
	);
	void video.play().catch(() => {}); // an element outside the document plays only when it is told to
}

/** @param {HTMLElement} place */
function clear(place) {
	for (const old of place.querySelectorAll("video")) {
		old.srcObject = null;
		old.remove();
	}
}
