// What the teacher sends: camera, microphone for speech and for music, a second camera on the own pupils, the board. Choices are remembered
// for each teacher on each computer.

import { Device, Meter, camera, microphone, silence } from "./capture.js";
import { Publisher } from "./publish.js";
import { Board } from "./teach-sharing.js";

/** @typedef {import("./protocol.js").Client} Client */

/** @typedef {{camera: string, microphone: string, board: string, withPupils: boolean, pupils: string, music: boolean}} Choices */

const speech = 35; // of the meter's 100: a voice at arm's length is above, a quiet room below
const full = 0.985; // of full scale: samples that were cut

/** @returns {Choices} */
const unchosen = () => ({ camera: "", microphone: "", board: "window", withPupils: false, pupils: "", music: false });

export class Studio {
	/**
	 * @param {Client} client
	 * @param {() => void} onChange
	 */
	constructor(client, onChange) {
		this.client = client;
		this.onChange = onChange;
		this.choices = unchosen();
		this.key = "";
		/** @type {MediaDeviceInfo[]} */
		this.known = [];
		this.publisher = new Publisher(client, { stereo: true });
		this.meter = new Meter();
		this.muted = false;
		this.music = false;
		this.called = false;
		this.sending = false;
		this.open = false;
		this.level = 0;
		this.heardAt = 0;
		this.loudAt = 0;
		this.clips = false;
		this.noise = false;
		/** what network cameras of the box make of this room @type {import("./messages.js").Source[]} */
		this.films = [];
		this.slow = false; // this school's link carries less than is needed
		/** what is sent as the voice: a copy of a microphone's track that is switched off while muted @type {MediaStreamTrack | null} */
		this.voice = null;
		/** @type {MediaStreamTrack | null} */
		this.voiceOf = null;
		this.camera = new Device("video", () => camera(this.there("videoinput", this.choices.camera)), () => this.changed());
		this.pupils = new Device("video", () => camera(this.second), () => this.changed());
		this.clean = new Device("audio", () => microphone({ deviceId: this.there("audioinput", this.choices.microphone) }), () => this.changed());
		this.plain = new Device("audio", () => microphone({ music: true, deviceId: this.there("audioinput", this.choices.microphone) }), () => this.changed());
		this.board = new Board(() => this.changed());
	}

	/** Opens camera and microphone; nothing is sent yet. @param {string} who the choices are remembered for */
	async begin(who) {
		if (this.open) {
			return;
		}
		this.open = true;
		this.key = `tongke.teach.${who}`;
		this.remember();
		navigator.mediaDevices?.addEventListener("devicechange", () => void this.list());
		await this.list();
		this.film(this.films);
		this.clean.start();
		this.follow();
		if (!this.board.asks && this.choices.board !== "none" && this.there("videoinput", this.choices.board)) {
			void this.board.start();
		}
		this.board.resume();
	}

	/** No camera is opened for what a network camera of the box makes. @param {import("./messages.js").Source[]} sources */
	film(sources) {
		this.films = sources;
		if (!this.open) {
			return;
		}
		if (sources.includes("teacher")) {
			this.camera.stop();
		} else if (this.camera.state === "off") {
			this.camera.start();
		}
		this.follow();
	}

	/** Gives everything up: lights go out. */
	end() {
		if (!this.open) {
			return;
		}
		this.open = false;
		this.send(false);
		for (const d of [this.camera, this.pupils, this.clean, this.plain]) {
			d.stop();
		}
		this.board.stop();
		this.voice?.stop();
		this.voice = null;
		this.voiceOf = null;
		this.meter.watch(null);
	}

	remember() {
		try {
			this.choices = { ...unchosen(), ...JSON.parse(localStorage.getItem(this.key) ?? "{}") };
		} catch {
			this.choices = unchosen();
		}
		this.board.choice = this.choices.board;
		this.music = this.choices.music;
	}

	/** @param {Partial<Choices>} more */
	choose(more) {
		this.choices = { ...this.choices, ...more };
		try {
			localStorage.setItem(this.key, JSON.stringify(this.choices));
		} catch {
			// a browser that keeps nothing forgets it
		}
		this.board.choice = this.choices.board;
		if (more.camera !== undefined) {
			void this.camera.reopen();
		}
		if (more.microphone !== undefined) {
			void this.clean.reopen();
			void this.plain.reopen();
		}
		if (more.pupils !== undefined) {
			void this.pupils.reopen();
		}
		if (more.music !== undefined) {
			this.music = more.music;
		}
		this.follow();
		this.changed();
	}

	/** The lesson's own word about music and the floor: the echo must be taken out while a campus speaks. @param {boolean} music @param {boolean} called */
	lesson(music, called) {
		if (this.music !== music || this.called !== called) {
			this.music = music;
			this.called = called;
			this.follow();
			this.changed();
		}
	}

	/** Both microphones are open while music is on, so that the change takes no time. */
	follow() {
		if (!this.open) {
			return;
		}
		if (this.music) {
			this.plain.start();
		} else {
			this.plain.stop();
		}
		if (this.choices.withPupils && this.second !== undefined && !this.films.includes("pupils")) {
			this.pupils.start();
		} else {
			this.pupils.stop();
		}
	}

	/** The camera on the own pupils: the one that was chosen, else any that films neither teacher nor board. */
	get second() {
		const taken = [this.camera.track?.getSettings().deviceId, this.choices.camera, this.choices.board];
		return this.there("videoinput", this.choices.pupils) ?? this.known.find((d) => d.kind === "videoinput" && d.deviceId !== "" && !taken.includes(d.deviceId))?.deviceId;
	}

	/** A remembered device, if it is plugged in. @param {MediaDeviceKind} kind @param {string} id */
	there(kind, id) {
		return id !== "" && this.known.some((d) => d.kind === kind && d.deviceId === id) ? id : undefined;
	}

	async list() {
		this.known = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
		this.follow();
		this.onChange();
	}

	/** @param {boolean} on */
	send(on) {
		if (on === this.sending) {
			return;
		}
		this.sending = on;
		if (on) {
			this.publisher.start();
		} else {
			this.publisher.stop();
		}
	}

	/** @param {boolean} muted */
	mute(muted) {
		this.muted = muted;
		if (this.voice) {
			this.voice.enabled = !muted;
		}
		this.onChange();
	}

	changed() {
		const source = this.music && !this.called && this.plain.track ? this.plain.track : this.clean.track;
		if (source !== this.voiceOf) {
			const before = this.voice;
			this.voiceOf = source;
			this.voice = source?.clone() ?? null;
			if (this.voice) {
				this.voice.enabled = !this.muted;
			}
			this.publisher.set("voice", this.voice);
			this.meter.watch(source);
			before?.stop();
		}
		this.publish("teacher", this.camera.track);
		this.publish("pupils", this.choices.withPupils ? this.pupils.track : null);
		this.publish("board", this.board.track);
		if (this.known.every((d) => d.label === "") && (this.camera.state === "on" || this.clean.state === "on")) {
			void this.list(); // names are told only to those who may use them
		}
		this.onChange();
	}

	/** @param {"teacher" | "pupils" | "board"} source @param {MediaStreamTrack | null} track */
	publish(source, track) {
		if ((this.publisher.wanted.get(source) ?? null) !== track) {
			this.publisher.set(source, track);
		}
	}

	/** Looks at the microphone; called some times a second. @param {number} now */
	listen(now) {
		this.level = this.meter.level();
		if (this.level >= speech) {
			this.loudAt = now;
			this.heardAt = now;
		}
		const most = this.meter.peak();
		this.clips = this.level > 0 && most >= full;
		this.noise = most > silence || !this.meter.runs;
	}

	/** Whether speech is heard now. @param {number} now */
	speaks(now) {
		return now - this.loudAt < 400;
	}

	/** Looks at this school's link; called once a second. */
	async measure() {
		this.slow = this.sending && (await this.publisher.thin());
	}

	/** The message devices. */
	get devices() {
		const gone = (/** @type {Device} */ d) => d.state === "missing" || d.state === "busy" || d.state === "blocked";
		return { cam: this.camera.state === "on", mic: this.clean.state === "on" && !this.muted, camMissing: gone(this.camera), micMissing: gone(this.clean) };
	}
}
