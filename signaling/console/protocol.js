// The client of tongke.v1: one connection to the box that comes back by itself, requests as promises, events by type, and the box's clock.
// It knows no page and no document. signaling/protocol/README.md has the messages, messages.js their types.

/** @typedef {import("./messages.js").Hello} Hello */
/** @typedef {import("./messages.js").HelloOK} HelloOK */
/** @typedef {import("./messages.js").Events} Events */
/** @typedef {import("./messages.js").Requests} Requests */

const subprotocol = "tongke.v1";
const pauses = [200, 200, 300, 400, 600, 1000, 2000]; // ms between tries; a box that was killed answers again after 0.4 to 0.7 s
const opening = 4000; // ms until a connection that does not open is given up
const patience = 5000; // ms for an answer: the box waits 3 s for the lesson's owner
const taken = 30000; // ms that the box keeps a place for its resume token
const longest = 60; // requests that may wait for an answer

/** What the box said instead of ok, or "lost" when the connection went away before it said anything. */
export class ProtocolError extends Error {
	/**
	 * @param {string} code
	 * @param {string} [message]
	 */
	constructor(code, message = "") {
		super(message === "" ? code : `${code}: ${message}`);
		this.code = code;
	}
}

/**
 * `connecting` at first and after a loss, `open` after the box's hello, `refused` when it does not let this page in (code says why, it is
 * tried again), `closed` after close or the last event.
 * @typedef {"connecting" | "open" | "refused" | "closed"} Status
 */

/** @typedef {{type: string, resolve: (value: any) => void, reject: (e: ProtocolError) => void, at: number}} Waiting */

/**
 * @typedef {object} Socket what is used of a WebSocket
 * @property {(data: string) => void} send
 * @property {(code?: number) => void} close
 * @property {((e: any) => void) | null} onopen
 * @property {((e: {data: any}) => void) | null} onmessage
 * @property {((e: {code: number}) => void) | null} onclose
 */

/**
 * @typedef {object} Options
 * @property {string} url where the box's /ws is
 * @property {() => Hello} hello made anew for each connection; the resume token is added
 * @property {(url: string, protocol: string) => Socket} [socket] for tests
 * @property {() => number} [clock] ms, for tests
 * @property {() => number} [random] 0…1, for tests
 */

/** ms since 1970 that only rise: what is counted goes on counting when somebody sets the computer's clock. */
const steady = () => performance.timeOrigin + performance.now();

/** The address of the box's /ws for a page at an address. @param {{protocol: string, host: string}} at */
export function address(at) {
	return `${at.protocol === "https:" ? "wss:" : "ws:"}//${at.host}/ws`;
}

export class Client {
	/** @param {Options} options */
	constructor(options) {
		this.options = options;
		this.clock = options.clock ?? steady;
		/** @type {Status} */
		this.status = "connecting";
		/** why it was refused, or the code of the last event */
		this.code = "";
		/** ms by the page's clock, since when status is so */
		this.since = this.clock();
		/** ms by the page's clock: when the next connection is tried; 0 while one is open or being opened */
		this.nextTry = 0;
		/** @type {HelloOK | null} the latest hello's answer */
		this.me = null;
		/** box's clock minus the page's, ms */
		this.offset = 0;
		/** the box's word of its clock that was set since hello */
		this.set = 0;
		/** ms by the page's clock: when the box was last heard */
		this.heard = 0;
		this.tries = 0;
		this.id = 0;
		this.resume = "";
		this.resumeUntil = 0;
		/** @type {Socket | null} */
		this.socket = null;
		/** @type {Map<number, Waiting>} */
		this.waiting = new Map();
		/** @type {Map<string, Set<(e: any) => void>>} */
		this.listeners = new Map();
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		/** @type {ReturnType<typeof setInterval> | undefined} */
		this.watch = undefined;
		/** (epoch, rev) of the latest lesson @type {{id: string, epoch: number, rev: number}} */
		this.latest = { id: "", epoch: 0, rev: 0 };
	}

	/** The box's clock, ms since 1970. */
	now() {
		return this.clock() + this.offset;
	}

	/** Begins; from now on it comes back after every loss until close. */
	open() {
		if (this.status === "closed") {
			this.tries = 0;
			this.become("connecting");
		}
		this.watch ??= setInterval(() => this.lookAfter(), 1000);
		this.connect();
	}

	/** Leaves for good. */
	close() {
		if (this.status === "open") {
			this.request("bye", {}).catch(() => {});
		}
		this.end("");
	}

	/**
	 * Tells of events; `status` comes at each change of status, `clock` when the box's clock was set.
	 * @template {keyof Events | "status" | "clock"} K
	 * @param {K} type
	 * @param {(e: K extends keyof Events ? Events[K] : K extends "clock" ? number : Status) => void} f
	 * @returns {() => void} stops it
	 */
	on(type, f) {
		const all = this.listeners.get(type) ?? new Set();
		this.listeners.set(type, all);
		all.add(f);
		return () => all.delete(f);
	}

	/**
	 * Asks the box. Rejected with ProtocolError.
	 * @template {keyof Requests} K
	 * @param {K} type
	 * @param {Requests[K]} fields
	 * @returns {Promise<any>} the answer's fields
	 */
	request(type, fields) {
		if (this.status !== "open" || this.waiting.size >= longest) {
			return Promise.reject(new ProtocolError("lost"));
		}
		return this.post(type, fields);
	}

	/**
	 * @param {string} type
	 * @param {object} fields
	 * @returns {Promise<any>}
	 */
	post(type, fields) {
		const id = ++this.id;
		return new Promise((resolve, reject) => {
			this.waiting.set(id, { type, resolve, reject, at: this.clock() });
			this.socket?.send(JSON.stringify({ type, id, ...fields }));
		});
	}

	connect() {
		this.drop(new ProtocolError("lost"));
		clearTimeout(this.timer);
		this.nextTry = 0;
		this.id = 0;
		const socket = (this.options.socket ?? ((url, protocol) => /** @type {Socket} */ (new WebSocket(url, protocol))))(this.options.url, subprotocol);
		this.socket = socket;
		const slow = setTimeout(() => this.lost(socket), opening);
		socket.onopen = () => {
			if (this.socket === socket) {
				void this.enter(socket, slow);
			}
		};
		socket.onmessage = (e) => {
			if (this.socket === socket) {
				this.heard = this.clock();
				this.receive(String(e.data));
			}
		};
		socket.onclose = () => {
			clearTimeout(slow);
			this.lost(socket);
		};
	}

	/**
	 * @param {Socket} socket
	 * @param {ReturnType<typeof setTimeout>} slow
	 */
	async enter(socket, slow) {
		const sent = this.clock();
		const hello = this.options.hello();
		if (this.resume !== "" && sent < this.resumeUntil) {
			hello.resume = this.resume;
		}
		try {
			/** @type {HelloOK} */
			const me = await this.post("hello", hello);
			this.me = me;
			this.offset = me.now - (sent + this.clock()) / 2;
			this.set = 0;
			this.resume = me.resume;
			this.code = "";
			this.tries = 0;
			this.become("open");
		} catch (e) {
			if (this.socket !== socket || !(e instanceof ProtocolError) || e.code === "lost") {
				return; // onclose has seen to it
			}
			this.resume = "";
			this.code = e.code;
			this.become("refused");
			this.lost(socket);
		} finally {
			clearTimeout(slow);
		}
	}

	/** @param {string} text */
	receive(text) {
		/** @type {any} */
		let m;
		try {
			m = JSON.parse(text);
		} catch {
			return; // a box that speaks otherwise is not helped by a complaint
		}
		if (m.type === "ok" || m.type === "error") {
			const w = this.waiting.get(m.re);
			this.waiting.delete(m.re);
			if (m.type === "ok") {
				w?.resolve(m);
			} else {
				w?.reject(new ProtocolError(String(m.code), String(m.message ?? "")));
			}
			return;
		}
		if (m.type === "lesson" && this.old(m)) {
			return;
		}
		if (m.type === "room") {
			this.right(m.now ?? 0);
		}
		this.emit(m.type, m);
		if (m.type === "bye") {
			this.farewell(String(m.code));
		}
	}

	/** The box's clock was set: `clock` tells by how many ms. @param {number} now */
	right(now) {
		if (now !== 0 && now !== this.set) {
			this.set = now;
			const by = now - this.now();
			this.offset += by;
			this.emit("clock", by);
		}
	}

	/** Whether a lesson's state is older than one that was shown. @param {{id: string, epoch: number, rev: number}} m */
	old(m) {
		const l = this.latest;
		if (m.id === l.id && (m.epoch < l.epoch || (m.epoch === l.epoch && m.rev < l.rev))) {
			return true;
		}
		this.latest = { id: m.id, epoch: m.epoch, rev: m.rev };
		return false;
	}

	/** After a shutdown the box comes back, after everything else the page decides. @param {string} code */
	farewell(code) {
		if (code !== "shutdown") {
			this.end(code);
		}
	}

	/** @param {string} code */
	end(code) {
		clearInterval(this.watch);
		this.watch = undefined;
		clearTimeout(this.timer);
		const socket = this.socket;
		this.socket = null;
		this.resume = "";
		this.nextTry = 0;
		this.code = code;
		this.become("closed");
		this.drop(new ProtocolError("lost"));
		socket?.close(1000);
	}

	/** @param {Socket} socket */
	lost(socket) {
		if (this.socket !== socket) {
			return;
		}
		this.socket = null;
		socket.close();
		if (this.status === "open") {
			this.resumeUntil = this.clock() + taken;
			this.become("connecting");
		}
		this.drop(new ProtocolError("lost"));
		const pause = pauses[Math.min(this.tries++, pauses.length - 1)] * (0.75 + 0.25 * (this.options.random ?? Math.random)());
		this.nextTry = this.clock() + pause;
		this.timer = setTimeout(() => this.connect(), pause);
	}

	/** A box that is frozen or a path that is dead closes nothing: silence while a question waits is a loss. */
	lookAfter() {
		const now = this.clock();
		for (const w of this.waiting.values()) {
			if (this.socket !== null && now - w.at > patience && now - this.heard > patience) {
				this.lost(this.socket);
				return;
			}
		}
	}

	/** @param {ProtocolError} why */
	drop(why) {
		const all = [...this.waiting.values()];
		this.waiting.clear();
		for (const w of all) {
			w.reject(why);
		}
	}

	/** @param {Status} status */
	become(status) {
		if (this.status !== status) {
			this.status = status;
			this.since = this.clock();
		}
		this.emit("status", status);
	}

	/**
	 * @param {string} type
	 * @param {any} e
	 */
	emit(type, e) {
		for (const f of this.listeners.get(type) ?? []) {
			f(e);
		}
	}
}
