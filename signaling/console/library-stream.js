// One picture or voice of a recording on its way from the box into a media element: fragments are fetched where the clock is and appended;
// what lies far behind goes again.

import { ahead, ends, from, holds, spare } from "./library-time.js";

/** @typedef {import("./library-time.js").Stream} Stream */

/** What feeds media elements here: iPhones have ManagedMediaSource only. @type {typeof MediaSource | undefined} */
const Source = globalThis.MediaSource ?? /** @type {any} */ (globalThis).ManagedMediaSource;

/** A refusal by the box. */
export class Refused extends Error {
	/** @param {string} code @param {number} status */
	constructor(code, status) {
		super(code);
		this.code = code;
		this.status = status;
	}
}

const enough = 0.3; // s ahead of the clock to begin with
const patience = 20000; // ms for one fragment
const again = [500, 1000, 2000, 4000, 10000]; // ms between tries, the last for ever

/** @param {number} ms */
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

export class Feed {
	/**
	 * @param {string} id of the recording
	 * @param {Stream} stream
	 * @param {HTMLMediaElement} media
	 * @param {(fault: {code: string} | null) => void} tell what is wrong, null: nothing any more
	 */
	constructor(id, stream, media, tell) {
		this.path = `/api/v1/recordings/${encodeURIComponent(id)}/media/${encodeURIComponent(stream.name)}/`;
		this.stream = stream;
		this.media = media;
		this.tell = tell;
		this.wanted = false; // whether anything is fetched
		this.waits = true;
		this.at = 0; // the clock
		/** @type {Set<number>} fragments that are in the buffer */
		this.have = new Set();
		/** @type {SourceBuffer | null} */
		this.buffer = null;
		/** @type {AbortController | null} */
		this.fetching = null;
		this.fetchingNumber = -1;
		this.most = ahead; // s; less where the browser has no room
		this.closed = false;
		this.failed = false; // never again
		/** @type {(() => void) | null} */
		this.wake = null;
		this.source = new /** @type {typeof MediaSource} */ (Source)();
		media.disableRemotePlayback = true; // the other kind asks for that
		this.url = URL.createObjectURL(this.source);
		media.src = this.url;
		this.source.addEventListener("sourceopen", () => void this.run(), { once: true });
	}

	/** Whether this browser plays a stream. @param {Stream} s */
	static plays(s) {
		return Source !== undefined && Source.isTypeSupported(s.mime);
	}

	/** The stream as it is now: a running lesson's grows. @param {Stream} s */
	grow(s) {
		const same = this.stream.atMs.every((at, n) => s.atMs[n] === at && (s.lastMs[n] === this.stream.lastMs[n] || n === this.stream.atMs.length - 1));
		this.stream = s;
		if (!same) { // made anew without what was lost: what is in the buffer stays where it is
			this.have = new Set([...s.atMs.keys()].filter((n) => this.held(s.atMs[n] / 1000, s.lastMs[n] / 1000)));
		}
		this.wake?.();
	}

	/**
	 * Where the clock is. A jump gives up what is fetched for elsewhere.
	 * @param {number} t
	 * @param {boolean} wanted
	 * @param {boolean} waits nothing is shown yet: only what is needed for that is fetched
	 * @param {boolean} [jump]
	 */
	follow(t, wanted, waits, jump = false) {
		this.at = t;
		this.wanted = wanted;
		this.waits = waits;
		if (jump && this.fetching !== null && this.fetchingNumber !== holds(this.stream, t)) {
			this.fetching.abort();
		}
		this.wake?.();
	}

	/** Whether a fragment is in the buffer. @param {number} at @param {number} lasts s */
	held(at, lasts) {
		const b = this.buffer?.buffered;
		for (let i = 0; b && i < b.length; i++) {
			if (b.start(i) <= at + 0.08 && b.end(i) >= at + lasts - 0.08) {
				return true;
			}
		}
		return false;
	}

	/** Whether there is a fragment for a time. @param {number} t */
	covers(t) {
		return holds(this.stream, t) >= 0;
	}

	/** Whether a time has run dry: not merely near the end of what is there. @param {number} t */
	dry(t) {
		const b = this.buffer?.buffered;
		for (let i = 0; b && i < b.length; i++) {
			if (t >= b.start(i) - 0.08 && t < b.end(i) - 0.06) {
				return false;
			}
		}
		return true;
	}

	/** Whether a time can be shown now, with a little after it. @param {number} t */
	ready(t) {
		const b = this.buffer?.buffered;
		for (let i = 0; b && i < b.length; i++) {
			if (t >= b.start(i) - 0.08 && t < b.end(i)) {
				return b.end(i) - t > enough - 0.05 || !this.covers(b.end(i) + 0.05);
			}
		}
		return false;
	}

	async run() {
		try {
			this.source.duration = Math.max(ends(this.stream), 1) + 36000; // fragments of a running lesson come later; the page knows the end
			this.buffer = this.source.addSourceBuffer(this.stream.mime);
			await this.append(await this.fetch("init", -1));
			while (!this.closed) {
				const n = this.next();
				if (n < 0) {
					await this.rest();
					continue;
				}
				let data;
				try {
					data = await this.fetch(String(n), n);
				} catch (e) {
					if (e instanceof DOMException && e.name === "AbortError") {
						continue;
					}
					if (e instanceof Refused && (e.status === 404 || e.code === "fragment-gone")) {
						this.have.add(n); // not there (any more): a hole
						if (e.status !== 404) {
							this.tell({ code: e.code });
						}
						continue;
					}
					throw e;
				}
				await this.append(data);
				this.have.add(n);
				await this.evict(false);
			}
		} catch (e) {
			if (!this.closed) {
				this.failed = true;
				const mute = this.stream.kind === "audio" && /sink/i.test(this.media.error?.message ?? ""); // nothing to play it with
				this.tell({ code: e instanceof Refused ? e.code : mute ? "no-sound" : "browser" });
			}
		}
	}

	/** The fragment that is missing first from the clock on; −1 for none. */
	next() {
		if (!this.wanted) {
			return -1;
		}
		const s = this.stream;
		for (let n = from(s, this.at); n < s.atMs.length && s.atMs[n] / 1000 < this.at + (this.waits ? enough : this.most); n++) {
			if (!this.have.has(n)) {
				return n;
			}
		}
		return -1;
	}

	/** Waits for the clock to move on. */
	rest() {
		return new Promise((/** @type {(v?: unknown) => void} */ r) => {
			this.wake = () => {
				this.wake = null;
				r();
			};
			if (this.closed) {
				this.wake();
			}
		});
	}

	/** @param {string} part @param {number} n */
	async fetch(part, n) {
		for (let tries = 0; ; tries++) {
			const fetching = new AbortController();
			this.fetching = fetching;
			this.fetchingNumber = n;
			let slow = false;
			const timer = setTimeout(() => {
				slow = true;
				fetching.abort();
			}, patience);
			try {
				const answer = await fetch(this.path + part, { signal: fetching.signal });
				if (answer.ok) {
					const data = await answer.arrayBuffer();
					if (tries > 0) {
						this.tell(null);
					}
					return data;
				}
				const fault = await answer.json().catch(() => ({}));
				if (answer.status < 500) {
					throw new Refused(String(fault.code ?? "internal"), answer.status);
				}
				this.tell({ code: String(fault.code ?? "internal") });
			} catch (e) {
				if (e instanceof Refused || this.closed || (!slow && e instanceof DOMException && e.name === "AbortError")) {
					throw e;
				}
				this.tell({ code: "unreachable" });
			} finally {
				clearTimeout(timer);
				this.fetching = null;
			}
			await pause(again[Math.min(tries, again.length - 1)]);
			if (this.closed) {
				throw new DOMException("closed", "AbortError");
			}
		}
	}

	/** @param {ArrayBuffer} data */
	async append(data) {
		for (let tries = 0; ; tries++) {
			try {
				await this.change((b) => b.appendBuffer(data));
				return;
			} catch (e) {
				if (!(e instanceof DOMException && e.name === "QuotaExceededError") || tries > 3) {
					throw e;
				}
				this.most = Math.max(4, this.most / 2); // less ahead from here on
				await this.evict(true);
			}
		}
	}

	/** @param {boolean} hard there is no room */
	async evict(hard) {
		const b = this.buffer;
		if (b === null) {
			return;
		}
		const ranges = Array.from({ length: b.buffered.length }, (_, i) => ({ start: b.buffered.start(i), end: b.buffered.end(i) }));
		for (const r of spare(ranges, this.at, hard ? 3 : undefined, hard ? this.most : undefined)) {
			await this.change((x) => x.remove(r.start, r.end));
			for (const n of this.have) {
				if (this.stream.atMs[n] / 1000 < r.end && (this.stream.atMs[n] + this.stream.lastMs[n]) / 1000 > r.start) {
					this.have.delete(n);
				}
			}
		}
	}

	/** One change of the buffer, to its end. @param {(b: SourceBuffer) => void} f */
	change(f) {
		const b = this.buffer;
		return new Promise((/** @type {(v?: unknown) => void} */ resolve, reject) => {
			if (b === null || this.closed) {
				reject(new DOMException("closed", "AbortError"));
				return;
			}
			const done = () => {
				b.removeEventListener("updateend", done);
				if (this.media.error !== null) {
					reject(new Error(this.media.error.message));
				} else {
					resolve();
				}
			};
			b.addEventListener("updateend", done);
			try {
				f(b);
			} catch (e) {
				b.removeEventListener("updateend", done);
				reject(e);
			}
		});
	}

	close() {
		this.closed = true;
		this.fetching?.abort();
		this.wake?.();
		this.media.pause();
		this.media.removeAttribute("src");
		this.media.load();
		URL.revokeObjectURL(this.url);
	}
}
