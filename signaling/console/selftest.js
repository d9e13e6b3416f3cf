// The room tries itself when its box asks: loudspeaker and microphone by a tone, the camera by its picture, the screen by a test picture that
// somebody must see. Nothing that is heard or seen leaves this page: the box is told in words and figures. A lesson ends it at once.

import { camera } from "./capture.js";
import { Matcher, alike, clapped, decibel, heard, longest, likely, loudest, loudness, quietest, sweep, sweepFor } from "./selftest-sound.js";

/** @typedef {import("./messages.js").SelfTest} Asked */
/** @typedef {import("./messages.js").SelfTested} Tested */
/** @typedef {"" | "chirp" | "clap" | "heard" | "picture" | "show"} Doing */

/**
 * @typedef {object} Room what the page knows of itself
 * @property {() => number} volume 0…100
 * @property {() => boolean} covered the camera is covered, and stays so
 * @property {(result: Tested) => void} answer
 * @property {() => void} changed what is being done is something else
 */

const opens = 8000; // ms that a device may take
const rate = 48000;
const window = 32768; // samples that are looked at: 683 ms, more than the tone and the time between two looks
const look = 120; // ms between two looks
const tries = 3; // of which two must be heard
const loud = 0.25; // of full scale, at full volume: clear, and no fright
const clapWithin = 10000; // ms
const watchFor = 2000; // ms of pictures
const black = 10; // of 255, as before a lesson: the mean of a picture behind a cap; a dark classroom is above
const shownFor = 120000; // ms until a test picture that nobody takes away goes by itself
const toldFor = 1500; // ms that 听到了 stays

class Stopped extends Error {}

/** Ends with the promise, or when it has lasted too long. @template T @param {Promise<T>} p @param {number} ms @returns {Promise<T>} */
function within(p, ms) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new DOMException("", "TimeoutError")), ms);
		p.then(resolve, reject).finally(() => clearTimeout(timer));
	});
}

/** What is the matter with a device that could not be opened. @param {unknown} e @returns {"none" | "busy" | "blocked"} */
function lack(e) {
	const name = e instanceof DOMException ? e.name : "";
	return name === "NotAllowedError" || name === "SecurityError" ? "blocked" : name === "NotReadableError" || name === "AbortError" || name === "TimeoutError" ? "busy" : "none";
}

/** One test after the other; the last one asked for counts. */
export class SelfTest {
	/** @param {Room} room */
	constructor(room) {
		this.room = room;
		/** @type {Doing} */
		this.doing = "";
		this.run = 0; // counts tests: what a former one still does is thrown away
		/** @type {Tested | null} the result so far of the one under way */
		this.result = null;
		/** @type {Set<MediaStream>} */
		this.streams = new Set();
		/** @type {AudioContext | null} */
		this.context = null;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
	}

	/** The box asks, or takes back what it asked. @param {Asked} e */
	asked(e) {
		this.stop("asked");
		if (e.do.length > 0) {
			this.result = { test: e.test };
			void this.work(e.do, ++this.run);
		}
	}

	/** Gives camera and microphone up at once, and says so. @param {"lesson" | "asked" | "failed"} why */
	stop(why) {
		this.run++;
		clearTimeout(this.timer);
		this.release();
		if (this.result !== null) {
			this.result.stopped = why;
			this.tell();
		}
		this.become("");
	}

	tell() {
		const result = this.result;
		this.result = null;
		if (result !== null) {
			this.room.answer(result);
		}
	}

	release() {
		for (const s of this.streams) {
			for (const t of s.getTracks()) {
				t.stop();
			}
		}
		this.streams.clear();
		void this.context?.close().catch(() => {});
		this.context = null;
	}

	/** @param {Doing} doing */
	become(doing) {
		if (this.doing !== doing) {
			this.doing = doing;
			this.room.changed();
		}
	}

	/** @param {Asked["do"]} list @param {number} run */
	async work(list, run) {
		try {
			for (const what of list) {
				this.become(what);
				await this.one(what, run);
				this.release();
			}
			this.tell();
			if (list.includes("show")) {
				this.timer = setTimeout(() => this.stop("asked"), shownFor);
				return;
			}
			if (this.doing === "heard") {
				this.timer = setTimeout(() => this.become(""), toldFor);
				return;
			}
			this.become("");
		} catch (e) {
			if (run === this.run) {
				console.error(e);
				this.stop("failed");
			}
		}
	}

	/** @param {Asked["do"][number]} what @param {number} run */
	async one(what, run) {
		switch (what) {
			case "chirp": {
				const chirp = await this.chirp(run);
				this.note(run, { chirp });
				break;
			}
			case "clap": {
				const clap = await this.clap(run);
				this.note(run, { clap });
				if (clap.heard) {
					this.become("heard");
				}
				break;
			}
			case "picture": {
				const picture = await this.picture(run);
				this.note(run, { picture });
				break;
			}
			case "show":
				await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
				this.note(run, { shown: true });
		}
	}

	/** @param {number} run @param {Partial<Tested>} part */
	note(run, part) {
		this.check(run);
		Object.assign(/** @type {Tested} */ (this.result), part);
	}

	/** @param {number} run */
	check(run) {
		if (run !== this.run) {
			throw new Stopped();
		}
	}

	/** @param {number} ms @param {number} run */
	async pause(ms, run) {
		await new Promise((done) => setTimeout(done, ms));
		this.check(run);
	}

	/** A device for this test alone. @param {MediaStreamConstraints} constraints @param {number} run */
	async open(constraints, run) {
		let wanted = true;
		const asked = navigator.mediaDevices.getUserMedia(constraints).then((stream) => {
			if (!wanted || run !== this.run) {
				stream.getTracks().forEach((t) => t.stop());
				throw new Stopped();
			}
			this.streams.add(stream);
			return stream;
		});
		try {
			return await within(asked, opens);
		} catch (e) {
			wanted = false;
			this.check(run);
			throw e;
		}
	}

	/**
	 * The microphone as it is: whoever takes echoes out would take the tone out.
	 * @param {number} run
	 * @param {number} size of the window
	 */
	async listen(run, size) {
		const stream = await this.open({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: { ideal: 1 } } }, run);
		const context = (this.context = new AudioContext({ sampleRate: rate }));
		await within(context.resume(), 1500).catch(() => {}); // not allowed without a gesture here
		this.check(run);
		const analyser = context.createAnalyser();
		analyser.fftSize = size;
		context.createMediaStreamSource(stream).connect(analyser);
		return { context, analyser, samples: new Float32Array(size) };
	}

	/** @param {number} run @returns {Promise<NonNullable<Tested["chirp"]>>} */
	async chirp(run) {
		/** @type {Awaited<ReturnType<SelfTest["listen"]>>} */
		let ear;
		try {
			ear = await this.listen(run, window);
		} catch (e) {
			this.check(run);
			return { microphone: lack(e), plays: false, heard: false, level: -200, noise: -200 };
		}
		const { context, analyser, samples } = ear;
		await this.pause(750, run); // a window of the room before it
		analyser.getFloatTimeDomainData(samples);
		const noise = loudness(samples, samples.length >> 1);
		let most = loudest(samples, rate);
		const plays = context.state === "running" && context.currentTime > 0 && (await outputs()) !== 0;
		const tone = sweep(rate);
		const matcher = new Matcher(tone, window);
		/** @type {{above: number, delay: number, amplitude: number}[]} */
		const hits = [];
		for (let n = 0; n < tries && plays && !heard(hits); n++) {
			await this.pause(400 * Math.random(), run); // an even beat could be the room's own
			hits.push(await this.once(ear, tone, matcher, run, (level) => (most = Math.max(most, level))));
		}
		const best = hits.reduce((a, b) => (b.above > a.above ? b : a), { above: 0, delay: 0, amplitude: 0 });
		const is = heard(hits);
		const silent = decibel(most) < quietest;
		return { microphone: silent ? "silent" : "ok", plays, heard: is && !silent, level: decibel(is ? best.amplitude * Math.SQRT1_2 : most), noise: decibel(noise) };
	}

	/**
	 * Plays the tone once and looks for it.
	 * @param {Awaited<ReturnType<SelfTest["listen"]>>} ear
	 * @param {Float32Array<ArrayBuffer>} tone
	 * @param {Matcher} matcher
	 * @param {number} run
	 * @param {(level: number) => void} loud
	 */
	async once({ context, analyser, samples }, tone, matcher, run, loud) {
		const at = this.play(context, tone);
		let best = { above: 0, delay: 0, amplitude: 0 };
		const latest = performance.now() + 4000; // a sound card that was pulled out stops the clock
		while (context.currentTime < at + sweepFor + longest + 0.1 && performance.now() < latest) {
			await this.pause(look, run);
			analyser.getFloatTimeDomainData(samples);
			const from = context.currentTime - samples.length / rate;
			loud(loudest(samples, rate));
			const found = matcher.find(samples);
			const delay = from + found.at / rate - at;
			if (found.above > best.above && delay >= -alike && delay <= longest) {
				best = { above: found.above, delay, amplitude: found.amplitude };
			}
			if (best.above >= 2 * likely) {
				break;
			}
		}
		return best;
	}

	/** As loud as the lesson would be. @param {AudioContext} context @param {Float32Array<ArrayBuffer>} tone @returns {number} when, by its clock */
	play(context, tone) {
		const buffer = context.createBuffer(1, tone.length, rate);
		buffer.copyToChannel(tone, 0);
		const source = new AudioBufferSourceNode(context, { buffer });
		const gain = new GainNode(context, { gain: (loud * this.room.volume()) / 100 });
		source.connect(gain).connect(context.destination);
		const at = context.currentTime + 0.05;
		source.start(at);
		return at;
	}

	/** @param {number} run @returns {Promise<NonNullable<Tested["clap"]>>} */
	async clap(run) {
		/** @type {Awaited<ReturnType<SelfTest["listen"]>>} */
		let ear;
		try {
			ear = await this.listen(run, window / 2);
		} catch (e) {
			this.check(run);
			return { microphone: lack(e), heard: false, level: -200 };
		}
		const { analyser, samples } = ear;
		let most = 0;
		for (const end = performance.now() + clapWithin; performance.now() < end; ) {
			await this.pause(look, run);
			analyser.getFloatTimeDomainData(samples);
			const level = loudest(samples, rate);
			most = Math.max(most, level);
			if (clapped(samples, rate)) {
				return { microphone: "ok", heard: true, level: decibel(level) };
			}
		}
		return { microphone: decibel(most) < quietest ? "silent" : "ok", heard: false, level: decibel(most) };
	}

	/** @param {number} run @returns {Promise<NonNullable<Tested["picture"]>>} */
	async picture(run) {
		if (this.room.covered()) {
			return "covered";
		}
		const video = document.createElement("video");
		try {
			video.srcObject = await this.open({ video: camera() }, run);
		} catch (e) {
			this.check(run);
			return lack(e);
		}
		video.muted = true;
		void video.play().catch(() => {});
		try {
			return await this.watch(video, run);
		} finally {
			video.srcObject = null;
		}
	}

	/** @param {HTMLVideoElement} video @param {number} run @returns {Promise<"ok" | "black" | "frozen">} */
	async watch(video, run) {
		const [w, h] = [160, 90];
		const paint = Object.assign(document.createElement("canvas"), { width: w, height: h }).getContext("2d", { willReadFrequently: true });
		if (paint === null) {
			return "ok"; // nothing can be told
		}
		paint.imageSmoothingEnabled = false; // the noise of single pixels is what tells a quiet room from a picture that hangs
		/** @type {Uint8ClampedArray | null} */
		let last = null;
		let bright = false;
		for (let end = performance.now() + opens; performance.now() < end; ) {
			await within(next(video), 400).catch(() => {});
			this.check(run);
			if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
				continue;
			}
			paint.drawImage(video, 0, 0, w, h);
			const { data } = paint.getImageData(0, 0, w, h);
			if (last === null) {
				end = performance.now() + watchFor;
			} else if (mean(data) > black && data.some((v, i) => v !== /** @type {Uint8ClampedArray} */ (last)[i])) {
				return "ok";
			}
			bright ||= mean(data) > black;
			last = data;
		}
		return bright || last === null ? "frozen" : "black";
	}
}

/** The next picture of a video. @param {HTMLVideoElement} video */
function next(video) {
	return new Promise((done) => ("requestVideoFrameCallback" in video ? video.requestVideoFrameCallback(done) : setTimeout(done, 50)));
}

/** @param {Uint8ClampedArray} data */
function mean(data) {
	let sum = 0;
	for (let i = 0; i < data.length; i += 4) {
		sum += data[i] + data[i + 1] + data[i + 2];
	}
	return sum / ((data.length / 4) * 3);
}

/** How many loudspeakers and screens play; −1 where the browser does not tell. */
async function outputs() {
	const all = (await navigator.mediaDevices.enumerateDevices().catch(() => [])) ?? [];
	return "setSinkId" in HTMLMediaElement.prototype && all.some((d) => d.label !== "") ? all.filter((d) => d.kind === "audiooutput").length : -1;
}
