// What a wall screen has looked at before a lesson begins, so that its ticks are no promises: a camera that gives pictures which are not black,
// a microphone from which something comes, sound that the machine takes, a box that is reached and reaches its core.

import { silence } from "./capture.js";

/** @typedef {import("./class-state.js").Facts} Facts */
/** @typedef {{name: "camera" | "microphone" | "sound" | "network", cure: string}} Check cure "": it is well; else the last part of the cure's key */

const every = 1000; // ms between two looks
const patience = 4000; // ms that a device may be silent or black until that is said: both begin so
const black = 10; // of 255: the mean of a picture behind a cap; a dark classroom is above

export class Checks {
	/**
	 * @param {import("./capture.js").Meter} meter
	 * @param {import("./class-sound.js").Sound} sound
	 */
	constructor(meter, sound) {
		this.meter = meter;
		this.sound = sound;
		this.lookedAt = -Infinity;
		this.since = 0;
		this.heardAt = -Infinity;
		this.seenAt = -Infinity;
		this.outputs = -1; // loudspeakers and screens that play; −1: the browser does not tell
		/** @type {HTMLVideoElement | null} */
		this.video = null;
		/** @type {CanvasRenderingContext2D | null} */
		this.small = null;
	}

	/**
	 * Looks, while a lesson is about to begin; a few times a second is enough.
	 * @param {boolean} soon
	 * @param {MediaStream} preview the room's camera
	 */
	look(soon, preview) {
		const now = performance.now();
		if (!soon) {
			this.rest();
			return;
		}
		if (this.video === null) {
			this.since = now;
			this.video = document.createElement("video");
			this.video.muted = true;
			void this.count();
		}
		if (this.video.srcObject !== preview) {
			this.video.srcObject = preview;
			void this.video.play().catch(() => {});
		}
		this.meter.level();
		if (this.meter.peak() > silence) {
			this.heardAt = now;
		}
		if (now - this.lookedAt >= every) {
			this.lookedAt = now;
			if (this.bright() > black) {
				this.seenAt = now;
			}
		}
	}

	/** The mean of the picture, 0…255. */
	bright() {
		if (this.video === null || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
			return 0;
		}
		this.small ??= Object.assign(document.createElement("canvas"), { width: 16, height: 9 }).getContext("2d", { willReadFrequently: true });
		if (this.small === null) {
			return 255;
		}
		this.small.drawImage(this.video, 0, 0, 16, 9);
		const { data } = this.small.getImageData(0, 0, 16, 9);
		let sum = 0;
		for (let i = 0; i < data.length; i += 4) {
			sum += data[i] + data[i + 1] + data[i + 2];
		}
		return sum / (3 * 16 * 9);
	}

	/** Only Chromium tells of outputs, and only where the page may use a microphone. */
	async count() {
		const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
		this.outputs = "setSinkId" in HTMLMediaElement.prototype && all.some((d) => d.label !== "") ? all.filter((d) => d.kind === "audiooutput").length : -1;
	}

	rest() {
		if (this.video !== null) {
			this.video.srcObject = null;
			this.video = null;
			this.lookedAt = this.heardAt = this.seenAt = -Infinity;
		}
	}

	/** What is known by now; what was not looked at is left out. @param {Facts} f @returns {Check[]} */
	list(f) {
		const waited = performance.now() - this.since > patience;
		/** @type {Check[]} */
		const all = [];
		if (f.camera === "on" && !f.covered) {
			if (performance.now() - this.seenAt < 2 * every) {
				all.push({ name: "camera", cure: "" });
			} else if (waited) {
				all.push({ name: "camera", cure: "black" });
			}
		} else if (f.covered || (f.camera !== "off" && f.camera !== "opening")) {
			all.push({ name: "camera", cure: f.covered ? "covered" : f.camera === "missing" ? "bad" : f.camera });
		}
		if (f.microphone === "on") {
			if (performance.now() - this.heardAt < 2 * patience) {
				all.push({ name: "microphone", cure: "" });
			} else if (waited && this.meter.runs) {
				all.push({ name: "microphone", cure: "silent" });
			}
		} else if (f.microphone !== "off" && f.microphone !== "opening") {
			all.push({ name: "microphone", cure: f.microphone === "missing" ? "bad" : f.microphone });
		}
		const plays = this.sound.plays();
		if (plays !== null) {
			all.push({ name: "sound", cure: !plays ? "bad" : this.outputs === 0 ? "missing" : this.sound.volume === 0 ? "zero" : "" });
		}
		all.push({ name: "network", cure: f.status === "open" && (f.room?.uplink?.up ?? true) ? "" : "bad" });
		return all;
	}
}
