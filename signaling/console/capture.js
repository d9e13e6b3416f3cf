// Cameras and microphones: opened, watched, and opened again when a cable was pulled and pushed back.

/**
 * `off` not wanted, `opening` asked for, `on` there, `missing` none or pulled out, `busy` held by another program, `blocked` not allowed.
 * @typedef {"off" | "opening" | "on" | "missing" | "busy" | "blocked"} DeviceState
 */

const again = 700; // ms between tries; a device that comes back is also announced by the browser
const settle = 150; // ms that a device needs after it was announced

/** Below one step of 16 bits: a microphone that is switched off. A quiet room is above, even with its noise removed. */
export const silence = 2e-5;

/** What a camera is asked for: full size at the highest layer. @param {string} [deviceId] @returns {MediaTrackConstraints} */
export function camera(deviceId) {
	return {
		width: { ideal: 1280 },
		height: { ideal: 720 },
		frameRate: { ideal: 30, max: 30 },
		...(deviceId ? { deviceId: { exact: deviceId } } : {}),
	};
}

/**
 * A voice is freed of echo and noise; music is left as it is, in stereo.
 * @param {{music?: boolean, deviceId?: string}} [o]
 * @returns {MediaTrackConstraints}
 */
export function microphone(o = {}) {
	const clean = !o.music;
	return {
		echoCancellation: clean,
		noiseSuppression: clean,
		autoGainControl: clean,
		channelCount: { ideal: o.music ? 2 : 1 },
		sampleRate: { ideal: 48000 },
		...(o.deviceId ? { deviceId: { exact: o.deviceId } } : {}),
	};
}

/** One camera or one microphone. */
export class Device {
	/**
	 * @param {"video" | "audio"} kind
	 * @param {() => MediaTrackConstraints} constraints read anew at each opening
	 * @param {(track: MediaStreamTrack | null, state: DeviceState) => void} onChange
	 */
	constructor(kind, constraints, onChange) {
		this.kind = kind;
		this.constraints = constraints;
		this.onChange = onChange;
		/** @type {MediaStreamTrack | null} */
		this.track = null;
		/** @type {DeviceState} */
		this.state = "off";
		this.run = 0; // counts openings: what a former one finds is thrown away
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		this.changed = () => {
			if (this.state !== "off" && this.state !== "on" && this.state !== "opening") {
				this.later(settle);
			}
		};
	}

	/** Wants the device from now on. */
	start() {
		if (this.state !== "off") {
			return;
		}
		navigator.mediaDevices?.addEventListener("devicechange", this.changed);
		void this.open();
	}

	/** Gives the device up; its light goes out. */
	stop() {
		navigator.mediaDevices?.removeEventListener("devicechange", this.changed);
		this.run++;
		clearTimeout(this.timer);
		this.release();
		this.become("off");
	}

	/** Opens it anew: other constraints, another device. The former track goes on until the new one is there. */
	async reopen() {
		if (this.state !== "off") {
			await this.open();
		}
	}

	async open() {
		clearTimeout(this.timer);
		const run = ++this.run;
		if (this.state === "off") {
			this.become("opening"); // a device that is tried again stays missing until it is there
		}
		try {
			const constraints = this.constraints();
			const stream = await navigator.mediaDevices.getUserMedia(this.kind === "video" ? { video: constraints } : { audio: constraints });
			const track = stream.getTracks()[0];
			if (run !== this.run) {
				track.stop();
				return;
			}
			this.release();
			this.track = track;
			track.addEventListener("ended", () => this.gone(track));
			this.become("on");
		} catch (e) {
			if (run === this.run) {
				this.failed(e instanceof DOMException ? e.name : "");
			}
		}
	}

	/** @param {string} name of the exception */
	failed(name) {
		if (this.track?.readyState === "live") {
			return; // the former one goes on
		}
		/** @type {DeviceState} */
		const state = name === "NotAllowedError" || name === "SecurityError" ? "blocked" : name === "NotReadableError" || name === "AbortError" ? "busy" : "missing";
		this.track = null;
		this.become(state);
		this.later(again);
	}

	/** @param {MediaStreamTrack} track */
	gone(track) {
		if (this.track === track) {
			this.track = null;
			this.become("missing");
			this.later(settle);
		}
	}

	release() {
		const track = this.track;
		this.track = null;
		track?.stop();
	}

	/** @param {number} ms */
	later(ms) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => void this.open(), ms);
	}

	/** @param {DeviceState} state */
	become(state) {
		this.state = state;
		this.onChange(this.track, state);
	}
}

/** Pictures of nothing, for a camera that is covered: black, one a second, of the camera's size. */
export class Black {
	constructor(width = 1280, height = 720) {
		const canvas = document.createElement("canvas");
		canvas.width = width;
		canvas.height = height;
		const paint = canvas.getContext("2d");
		let odd = false;
		const draw = () => {
			if (paint !== null) {
				odd = !odd; // a canvas that does not change gives no frame
				paint.fillStyle = odd ? "#000000" : "#000001";
				paint.fillRect(0, 0, width, height);
			}
		};
		draw();
		this.track = canvas.captureStream(2).getVideoTracks()[0];
		this.timer = setInterval(draw, 1000);
	}

	stop() {
		clearInterval(this.timer);
		this.track.stop();
	}
}

/** How loud a microphone is. */
export class Meter {
	constructor() {
		/** @type {AudioContext | null} */
		this.context = null;
		/** @type {MediaStreamAudioSourceNode | null} */
		this.source = null;
		/** @type {AnalyserNode | null} */
		this.analyser = null;
		this.samples = new Float32Array(2048); // 43 ms at 48 kHz
	}

	/** @param {MediaStreamTrack | null} track */
	watch(track) {
		this.source?.disconnect();
		this.source = null;
		if (track === null) {
			return;
		}
		if (this.context === null || this.analyser === null) {
			this.context = new AudioContext();
			this.analyser = this.context.createAnalyser();
			this.analyser.fftSize = this.samples.length;
		}
		this.source = this.context.createMediaStreamSource(new MediaStream([track]));
		this.source.connect(this.analyser);
	}

	/** After a gesture, where the browser wanted one. */
	resume() {
		void this.context?.resume();
	}

	/** Whether it measures at all: some browsers want a gesture first. */
	get runs() {
		return this.source !== null && this.context?.state === "running";
	}

	/** The largest of the samples that level has looked at last, 0…1. */
	peak() {
		let most = 0;
		for (const s of this.samples) {
			most = Math.max(most, Math.abs(s));
		}
		return this.runs ? most : 0;
	}

	/** 0…100 over 60 dB: 0 is silence, speech near a microphone is above 40, 100 is full scale. */
	level() {
		if (this.analyser === null || this.source === null || this.context?.state !== "running") {
			return 0;
		}
		this.analyser.getFloatTimeDomainData(this.samples);
		let power = 0;
		for (const s of this.samples) {
			power += s * s;
		}
		const db = 10 * Math.log10(power / this.samples.length + 1e-9);
		return Math.round(Math.min(100, Math.max(0, ((db + 60) / 60) * 100)));
	}
}
