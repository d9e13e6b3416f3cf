// The board: a window, a whole screen, or any camera that looks at a chalk board or is a capture device.

import { Device } from "./capture.js";
import { say } from "./text.js";

const remembered = "tongke.shared"; // of a tab: this page shared something when it was loaded anew

/** `none`, `window`, `screen`, `tab`, or the id of a camera. @typedef {string} BoardChoice */

/** What the browser's own list shows first. @type {Record<string, string>} */
const surfaces = { window: "window", screen: "monitor", tab: "browser" };

/**
 * What can be the board: nothing, what the browser can share, and each camera, for a capture device is one too.
 * @param {import("./text.js").Words} words
 * @param {MediaDeviceInfo[]} known
 * @returns {{value: BoardChoice, text: string}[]}
 */
export function boards(words, known) {
	const shared = Board.shares ? Object.keys(surfaces) : [];
	const cameras = known.filter((d) => d.kind === "videoinput" && d.deviceId !== "");
	return [
		...["none", ...shared].map((value) => ({ value, text: say(words, `teach.board.${value}`) })),
		...cameras.map((d) => ({ value: d.deviceId, text: say(words, "teach.board.camera", { name: d.label }) })),
	];
}

export class Board {
	/** @param {() => void} onChange */
	constructor(onChange) {
		this.onChange = onChange;
		/** @type {BoardChoice} */
		this.choice = "window";
		/** @type {MediaStreamTrack | null} */
		this.track = null;
		/** ended, and not by stop */
		this.stopped = false;
		/** the whole screen is shared and nobody has said that this is known */
		this.monitor = false;
		this.failed = false;
		/** @type {Device | null} */
		this.camera = null;
	}

	/** Whether a browser can share a window or a screen at all: phones cannot. */
	static get shares() {
		return typeof navigator.mediaDevices?.getDisplayMedia === "function";
	}

	/** Whether the choice needs a person to choose a window each time. */
	get asks() {
		return this.choice in surfaces;
	}

	/** Begins with what was chosen; for a window or a screen only after a press, which browsers ask for. */
	async start() {
		this.stopped = false;
		this.failed = false;
		if (this.choice === "none") {
			this.stop();
		} else if (this.asks) {
			await this.display();
		} else {
			this.look();
		}
	}

	/** A page that is loaded anew has lost what it shared, and may not share again without a press. */
	resume() {
		if (this.asks && this.track === null && sessionStorage.getItem(remembered) !== null) {
			this.stopped = true;
			this.onChange();
		}
	}

	/** Ends it, because somebody said so. */
	stop() {
		sessionStorage.removeItem(remembered);
		this.stopped = false;
		this.monitor = false;
		this.failed = false;
		this.camera?.stop();
		this.camera = null;
		this.replace(null);
	}

	/** The page is known to be seen: the warning goes, the screen stays. */
	dismiss() {
		if (this.track === null) {
			sessionStorage.removeItem(remembered);
		}
		this.stopped = false;
		this.monitor = false;
		this.failed = false;
		this.onChange();
	}

	async display() {
		const want = {
			video: {
				displaySurface: surfaces[this.choice],
				width: { max: 1920 },
				height: { max: 1080 },
				frameRate: { ideal: 15, max: 30 },
			},
			audio: false,
			selfBrowserSurface: "exclude", // this tab would show itself in itself
			surfaceSwitching: "include",
			monitorTypeSurfaces: "include",
		};
		try {
			const stream = await navigator.mediaDevices.getDisplayMedia(/** @type {DisplayMediaStreamOptions} */ (want));
			const track = stream.getVideoTracks()[0];
			this.camera?.stop();
			this.camera = null;
			track.addEventListener("ended", () => this.ended(track));
			this.monitor = /** @type {any} */ (track.getSettings()).displaySurface === "monitor";
			sessionStorage.setItem(remembered, "1");
			this.replace(track);
		} catch (e) {
			// Closing the browser's own list is an answer, not a failure.
			this.failed = !(e instanceof DOMException && e.name === "NotAllowedError");
			this.onChange();
		}
	}

	/** Takes a camera for the board. */
	look() {
		this.camera?.stop();
		const id = this.choice;
		this.camera = new Device(
			"video",
			() => ({ deviceId: { exact: id }, width: { ideal: 1920 }, height: { ideal: 1080 }, frameRate: { ideal: 15, max: 30 } }),
			(track, state) => {
				if (state === "on" || this.track?.readyState === "ended") {
					this.monitor = false;
					this.replace(track);
				}
			},
		);
		this.camera.start();
	}

	/** @param {MediaStreamTrack} track */
	ended(track) {
		if (this.track === track) {
			this.stopped = true;
			this.monitor = false;
			this.replace(null);
		}
	}

	/** @param {MediaStreamTrack | null} track */
	replace(track) {
		const old = this.track;
		this.track = track;
		if (old !== null && old !== track && this.camera?.track !== old) {
			old.stop();
		}
		this.onChange();
	}
}
