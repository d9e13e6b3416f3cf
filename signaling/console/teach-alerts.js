// Which sentence stands at the top of the teacher's page, and what can be done about it. Pure: no screen and no clock of its own.

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./capture.js").DeviceState} DeviceState */

/** @typedef {"retry" | "unmute" | "share" | "window" | "dismiss" | "end" | "extend" | "sound" | "take"} Act */

/**
 * @typedef {object} Alert
 * @property {string} key below teach.alert
 * @property {"warn" | "bad" | "plain"} look
 * @property {Record<string, string | number>} values
 * @property {Act[]} acts the first one is the default
 * @property {string} code what one reads out on the telephone
 * @property {boolean} fades after 20 s it becomes two words among the signs
 */

/**
 * @typedef {object} Facts all times are ms on the box's clock, 0 is never
 * @property {number} now
 * @property {boolean} remote this page controls, and captures nothing
 * @property {import("./protocol.js").Status} status of the connection to the box
 * @property {number} statusSince
 * @property {Lesson | null} lesson
 * @property {DeviceState} camera
 * @property {DeviceState} microphone
 * @property {boolean} muted
 * @property {boolean} speech is heard by the microphone
 * @property {boolean} silence nothing at all comes from it
 * @property {boolean} clipped
 * @property {boolean} stopped sharing ended, not by this page's button
 * @property {boolean} monitor the whole screen is shared, and nobody said that this is known
 * @property {boolean} shareFailed
 * @property {boolean} slow this school's link carries less than a voice, a board and a small picture need, or every campus hears badly at once
 * @property {boolean} soundBlocked the browser wants a gesture before sound
 * @property {"" | "disk-full" | "disk-failed"} fault why nothing is kept of this lesson although it should be
 * @property {string} failed what the box did not do, as a key; "" for nothing
 */

/** @typedef {{raw: boolean, at: number, held: boolean}} Held */

const worse = { link: 2000, silence: 10000, clipped: 1000, speech: 700, slow: 2000 };
const better = 3000;
const fadesAfter = 20000;

/** What is believed, and since when. */
export class Alerts {
	constructor() {
		/** @type {Map<string, Held>} */
		this.held = new Map();
		this.key = "";
		this.since = 0;
	}

	/**
	 * Worse after a while of being so, better after 3 s.
	 * @param {keyof typeof worse} key
	 * @param {boolean} raw
	 * @param {number} now
	 */
	believed(key, raw, now) {
		const h = this.held.get(key) ?? { raw: false, at: now, held: false };
		if (h.raw !== raw) {
			h.raw = raw;
			h.at = now;
		}
		if (now - h.at >= (raw ? worse[key] : better)) {
			h.held = raw;
		}
		this.held.set(key, h);
		return h.held;
	}

	/**
	 * @param {Facts} f
	 * @returns {{alert: Alert | null, faded: boolean}} faded: to be shown as a sign
	 */
	choose(f) {
		const alert = this.first(f);
		const key = alert?.key ?? "";
		if (key !== this.key) {
			this.key = key;
			this.since = f.now;
		}
		return { alert, faded: alert !== null && alert.fades && f.now - this.since >= fadesAfter };
	}

	/** @param {Facts} f @returns {Alert | null} */
	first(f) {
		const { now } = f;
		const away = this.believed("link", f.status !== "open" || f.lesson?.stale === true, now);
		const silence = this.believed("silence", f.microphone === "on" && f.silence && !f.muted, now);
		const clipped = this.believed("clipped", f.microphone === "on" && f.clipped, now);
		const speech = this.believed("speech", f.muted && f.speech, now);
		const slow = this.believed("slow", f.slow, now);
		if (away) {
			const since = f.status === "open" ? now : f.statusSince;
			return alert("away", "bad", { code: "link-down", values: { seconds: Math.max(2, Math.floor((now - since) / 1000)) } });
		}
		if (f.failed !== "") {
			return alert(f.failed, "warn");
		}
		if (f.remote && f.lesson?.lead?.online === false && f.lesson.state !== "ended") {
			return alert("lead", "warn", { acts: ["take"] });
		}
		return question(f) ?? devices(f) ?? sharing(f) ?? hints({ ...f, silence, clipped, speech, slow });
	}
}

/**
 * @param {string} key
 * @param {Alert["look"]} look
 * @param {Partial<Alert>} [more]
 * @returns {Alert}
 */
function alert(key, look, more = {}) {
	return { key, look, values: {}, acts: [], code: "", fades: false, ...more };
}

/** The bell. @param {Facts} f */
function question(f) {
	if (f.lesson?.state !== "over") {
		return null;
	}
	/** @type {Act[]} */
	const acts = f.lesson.extended < 2 ? ["end", "extend"] : ["end"];
	return alert(acts.length > 1 ? "bell" : "bell.last", "plain", { acts, values: { end: f.lesson.end ?? f.now } });
}

/** @param {Facts} f */
function devices(f) {
	if (f.remote) {
		return null;
	}
	if (f.camera === "blocked" || f.microphone === "blocked") {
		return alert("blocked", "bad", { acts: ["retry"], code: "devices-blocked" });
	}
	if (f.camera === "busy") {
		return alert("busy", "warn", { acts: ["retry"], code: "camera-busy" });
	}
	if (f.microphone === "busy") {
		return alert("micbusy", "warn", { acts: ["retry"], code: "microphone-busy" });
	}
	return null;
}

/** @param {Facts} f */
function sharing(f) {
	if (f.monitor) {
		return alert("monitor", "warn", { acts: ["window", "dismiss"] });
	}
	if (f.stopped) {
		return alert("stopped", "warn", { acts: ["share", "dismiss"] });
	}
	return f.shareFailed ? alert("sharefailed", "warn", { acts: ["share", "dismiss"] }) : null;
}

/** @param {Facts} f */
function hints(f) {
	if (f.soundBlocked) {
		return alert("tap", "warn", { acts: ["sound"] });
	}
	if (f.speech) {
		return alert("muted", "warn", { acts: ["unmute"] });
	}
	if (!f.remote && f.microphone === "missing" && f.lesson?.state !== "planned" && f.lesson?.state !== "waiting") {
		return alert("nomic", "warn", { code: "microphone-unplugged" });
	}
	if (f.silence) {
		return alert("silence", "warn", { code: "microphone-silent", fades: true });
	}
	if (f.clipped) {
		return alert("loud", "warn", { fades: true });
	}
	if (f.slow) {
		return alert("slow", "warn", { code: "link-slow", fades: true });
	}
	return f.fault !== "" ? alert(f.fault, "warn", { code: f.fault, fades: true }) : null;
}
