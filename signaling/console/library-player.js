// Plays a recording: several media elements on one clock. The teacher's voice is the clock while it plays; where there is none (a hole, a
// lesson without a voice) the clock runs by itself. Pictures are led back to it by small changes of their speed.

import { Feed } from "./library-stream.js";
import { begins, edge, ends, hole, holds, led } from "./library-time.js";

/** @typedef {import("./library-time.js").Detail} Detail */
/** @typedef {import("./library-time.js").Stream} Stream */
/** @typedef {import("./library-time.js").Span} Span */
/** @typedef {{feed: Feed, media: HTMLMediaElement, shown: () => boolean, picture: boolean, cost: number, sought: number}} Part cost: what a seek takes here, s */

const tick = 40; // ms
const ringAfter = 300; // ms of waiting before anybody sees that it waits
const started = 0.04; // s that a picture may be off when it begins
const patient = 4; // s that a picture stands still until the clock comes up to it; further off it is set
const patience = 12000; // ms that one stream may keep the others waiting

/**
 * @typedef {object} Hooks
 * @property {() => void} changed something to be drawn has changed
 * @property {(gap: Span) => void} skipped a hole was skipped
 * @property {(fault: {code: string} | null) => void} trouble
 * @property {() => void} stale the box has other fragments than it said: ask it again
 * @property {() => void} blocked the browser wants a touch before it plays sound
 * @property {(s: Stream) => {media: HTMLMediaElement, shown: () => boolean} | null} place where a stream is shown; null: nowhere
 */

export class Player {
	/** @param {Detail} detail @param {Hooks} hooks */
	constructor(detail, hooks) {
		this.detail = detail;
		this.hooks = hooks;
		/** @type {Map<string, Part>} */
		this.parts = new Map();
		this.rate = 1;
		this.volume = 1;
		this.silent = false;
		this.playing = false; // wanted
		this.running = false; // the clock runs
		this.waiting = 0; // since when the clock waits for data, 0: it does not
		this.ended = false;
		this.base = begins(detail.streams); // the clock when it last was set, s
		this.baseAt = 0; // when that was, ms
		/** @type {Set<number>} holes not to be skipped */
		this.kept = new Set();
		this.faulty = new Set();
		this.closed = false;
		this.place();
		this.timer = setInterval(() => this.step(), tick);
		this.jump(this.base);
	}

	/** Opens what is not open yet. */
	place() {
		for (const s of this.detail.streams) {
			const old = this.parts.get(s.name);
			if (old) {
				old.feed.grow(s);
				continue;
			}
			const where = s.atMs.length > 0 ? this.hooks.place(s) : null;
			if (where === null) {
				continue;
			}
			if (!Feed.plays(s)) {
				this.hooks.trouble({ code: "browser" });
				continue;
			}
			const feed = new Feed(this.detail.id, s, where.media, (fault) => this.fault(s.name, fault));
			const part = { feed, media: where.media, shown: where.shown, picture: s.kind === "video", cost: 0.1, sought: 0 };
			where.media.onseeked = () => {
				part.cost = Math.min(Math.max((part.cost + (performance.now() - part.sought) / 1000) / 2, 0.03), 2);
			};
			this.parts.set(s.name, part);
			where.media.volume = this.volume;
			where.media.muted = s.kind === "video" || this.silent;
		}
	}

	/** @param {string} name @param {{code: string} | null} fault */
	fault(name, fault) {
		if (fault?.code === "fragment-gone") {
			this.hooks.stale();
			return;
		}
		if (fault === null) {
			this.faulty.delete(name);
		} else {
			this.faulty.add(name);
		}
		if (fault !== null || this.faulty.size === 0) {
			this.hooks.trouble(fault);
		}
	}

	/** The recording as it is now: the lesson goes on. @param {Detail} detail */
	grow(detail) {
		this.detail = detail;
		this.place();
	}

	/** How long it is, s. */
	get length() {
		const newest = Math.max(0, ...this.detail.streams.map(ends));
		return this.detail.live ? newest : Math.max(this.detail.durationMs / 1000, newest);
	}

	/** The clock, s. */
	get at() {
		if (!this.running) {
			return this.base;
		}
		const voice = this.voice;
		if (voice !== null) {
			return voice.currentTime;
		}
		return Math.min(this.base + ((performance.now() - this.baseAt) / 1000) * this.rate, this.length);
	}

	/** The element that is the clock now, if one is. */
	get voice() {
		const part = this.parts.get("voice");
		if (part === undefined || part.feed.failed || part.media.paused || part.media.seeking) {
			return null;
		}
		return part.feed.ready(part.media.currentTime) || part.media.readyState > 2 ? part.media : null;
	}

	/** Where a jump may go at most: a running lesson has no last picture yet. */
	get last() {
		return this.detail.live ? Math.max(edge(this.detail.streams), begins(this.detail.streams)) : this.length;
	}

	/** @param {number} t */
	jump(t) {
		this.base = Math.min(Math.max(t, begins(this.detail.streams)), this.last);
		this.stop();
		this.ended = false;
		this.waiting = performance.now();
		for (const p of this.parts.values()) {
			p.feed.follow(this.base, this.needed(p), true, true);
			this.set(p, this.base);
		}
		this.step();
	}

	/** Stands still, without being told to pause. */
	stop() {
		this.running = false;
		for (const p of this.parts.values()) {
			p.media.pause();
		}
	}

	/** Puts a part to a time, if it has something there: an element that cannot keeps its last picture. @param {Part} p @param {number} t */
	set(p, t) {
		if (p.feed.ready(t) && Math.abs(p.media.currentTime - t) > 0.005) {
			p.sought = performance.now();
			p.media.currentTime = t;
		}
	}

	/** Whether a part is loaded. @param {Part} p */
	needed(p) {
		return !p.feed.failed && (p.shown() || !p.picture);
	}

	play() {
		if (this.ended) {
			this.jump(begins(this.detail.streams));
		}
		this.playing = true;
		this.step();
		this.hooks.changed();
	}

	pause() {
		this.base = this.at;
		this.playing = false;
		this.stop();
		for (const p of this.parts.values()) {
			this.set(p, this.base);
		}
		this.hooks.changed();
	}

	/** @param {number} rate */
	speed(rate) {
		const t = this.at;
		this.rate = rate;
		this.base = t;
		this.baseAt = performance.now();
		for (const p of this.parts.values()) {
			p.media.playbackRate = p.media.defaultPlaybackRate = rate;
		}
		this.hooks.changed();
	}

	/** @param {number} volume 0 … 1 @param {boolean} silent */
	loud(volume, silent) {
		this.volume = volume;
		this.silent = silent;
		for (const p of this.parts.values()) {
			p.media.volume = volume;
			p.media.muted = p.picture || silent;
		}
		this.hooks.changed();
	}

	/** Plays the hole that was skipped. @param {Span} gap */
	unskip(gap) {
		this.kept.add(gap.fromMs);
		this.jump(gap.fromMs / 1000 - 1);
	}

	/** Looks at everything once. */
	step() {
		if (this.closed) {
			return;
		}
		const t = this.at;
		const gap = this.playing ? hole(this.detail.gaps, t, this.kept) : undefined;
		if (gap !== undefined && !this.detail.live && gap.toMs / 1000 >= this.length - 0.1) {
			this.finish(); // its end is what is missing
			return;
		}
		if (gap !== undefined && gap.toMs / 1000 < this.last) {
			this.hooks.skipped(gap);
			this.jump(gap.toMs / 1000 + 0.02);
			return;
		}
		for (const p of this.parts.values()) {
			p.feed.follow(t, this.needed(p), this.waiting !== 0);
		}
		if (!this.detail.live && t >= this.length - 0.05 && (this.playing || this.running)) {
			this.finish();
			return;
		}
		if (this.running) {
			this.run(t);
		} else {
			this.gather();
		}
	}

	finish() {
		this.base = this.length;
		this.playing = false;
		this.ended = true;
		this.waiting = 0;
		this.stop();
		this.hooks.changed();
	}

	/** While the clock stands: is there enough to go on? */
	gather() {
		const t = this.base;
		let ready = true;
		for (const p of this.parts.values()) {
			if (!this.needed(p) || this.empty(p, t)) {
				continue;
			}
			if (!p.feed.ready(t)) {
				ready = ready && this.late(p);
				continue;
			}
			this.set(p, t);
			ready = ready && !p.media.seeking && p.media.readyState >= 2;
		}
		if (this.detail.live && t > this.length - 0.3) {
			ready = false;
		}
		if (!ready) {
			if (this.waiting === 0) {
				this.waiting = performance.now();
			}
			this.hooks.changed();
			return;
		}
		if (this.waiting !== 0) {
			this.waiting = 0;
			this.hooks.changed();
		}
		if (this.playing) {
			this.start(t);
		}
	}

	/** Whether a part has nothing at a time and will not. @param {Part} p @param {number} t */
	empty(p, t) {
		if (this.detail.live && t > ends(p.feed.stream) - 0.3) {
			return p.feed.stream.name !== "voice" && ends(p.feed.stream) < this.length - 12; // a board that was taken away does not hold up the lesson
		}
		const n = holds(p.feed.stream, t);
		return n < 0 || p.feed.have.has(n) && !p.feed.ready(t); // a hole within its fragment
	}

	/** Whether a part has kept the others waiting long enough. Only the voice is always waited for. @param {Part} p */
	late(p) {
		return p.picture && this.waiting !== 0 && performance.now() - this.waiting > patience;
	}

	/** @param {number} t */
	start(t) {
		this.running = true;
		this.base = t;
		this.baseAt = performance.now();
		for (const p of this.parts.values()) {
			if (this.needed(p) && p.feed.ready(t)) {
				this.begin(p);
			}
		}
		this.hooks.changed();
	}

	/** @param {Part} p */
	begin(p) {
		p.media.playbackRate = this.rate;
		p.media.play().catch((/** @type {DOMException} */ e) => {
			if (e.name === "NotAllowedError") {
				this.playing = false;
				this.stop();
				this.hooks.blocked();
				this.hooks.changed();
			}
		});
	}

	/** While the clock runs: leads everything along it. @param {number} t */
	run(t) {
		const voice = this.voice;
		if (voice !== null) { // the clock goes on from here where the voice stops
			this.base = t;
			this.baseAt = performance.now();
		}
		for (const p of this.parts.values()) {
			if (!this.needed(p)) {
				p.media.pause();
				continue;
			}
			if (p.feed.ready(t)) {
				this.lead(p, t, p.media === voice);
			} else if (this.empty(p, t) || (p.picture && !p.feed.covers(t))) {
				p.media.pause(); // its last picture stays
			} else if (!p.feed.failed && p.feed.dry(t)) {
				this.base = t;
				this.stop();
				this.waiting = performance.now();
				return;
			}
		}
		if (this.detail.live && t > this.length - 0.2) {
			this.base = t;
			this.stop();
		}
	}

	/** @param {Part} p @param {number} t @param {boolean} clock it is the clock itself */
	lead(p, t, clock) {
		if (clock || p.media.seeking) {
			return;
		}
		const off = p.media.currentTime - t;
		if (p.media.paused) {
			if (Math.abs(off) < started * Math.max(1, this.rate)) {
				this.begin(p);
			} else if (off < 0 || off > patient) {
				this.set(p, t + p.cost * this.rate); // and then the clock comes up to it
			}
			return;
		}
		const rate = led(off, this.rate);
		if (rate !== null) {
			if (Math.abs(p.media.playbackRate - rate) > 0.002) {
				p.media.playbackRate = rate;
			}
		} else if (off > 0 && off <= patient) {
			p.media.pause(); // until the clock comes up to it
		} else {
			this.set(p, t + p.cost * this.rate);
		}
	}

	/** Whether the ring is shown. */
	get ring() {
		return this.waiting !== 0 && performance.now() - this.waiting > ringAfter;
	}

	close() {
		this.closed = true;
		clearInterval(this.timer);
		for (const p of this.parts.values()) {
			p.feed.close();
		}
	}
}
