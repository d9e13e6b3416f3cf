// Which sentence the wall screen shows, and which signs, from what is known and measured. Pure: no screen and no clock of its own.

import { broken, kept } from "./recording.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").Room} Room */
/** @typedef {import("./messages.js").RoomState} RoomState */
/** @typedef {import("./capture.js").DeviceState} DeviceState */

export const worseAfter = 2000; // ms of trouble until the sentence says so
export const betterAfter = 3000; // ms without it until the sentence says that all is well again
export const joinsWithin = 5000; // ms that a page may take to begin
export const flowing = 1500; // ms without sound and pictures until they are said to have stopped
export const longAfter = 60000; // ms until the class is asked to go on by itself
export const signAfter = 20000; // ms that a ▲ sentence stays before it becomes a sign
export const aboutAfter = 10000; // ms of lesson until the sentence names subject and teacher
export const endedFor = 20000; // ms that the end of a lesson is told
export const doneAfter = 3000; // ms with the floor until it can be given back

/**
 * @typedef {object} Facts all times are ms on the box's clock, 0 is never
 * @property {number} now
 * @property {boolean} beside the page runs on the machine of its box
 * @property {import("./protocol.js").Status} status of the connection to the box
 * @property {string} code why it was refused or closed
 * @property {number} statusSince
 * @property {number} nextTry
 * @property {boolean} [unsent] the box sends for another room: nothing of this one goes out
 * @property {string} box id of the box
 * @property {string} me the own room
 * @property {Room | null} room
 * @property {Lesson | null} lesson
 * @property {number} dataAt when sound or pictures were last received
 * @property {number} enteredAt since when this page has been in this lesson
 * @property {boolean} captures this page has the room's camera and microphone
 * @property {boolean} [films] a network camera of the box films this room
 * @property {DeviceState} camera
 * @property {DeviceState} microphone
 * @property {boolean} covered
 * @property {boolean} soundBlocked the browser wants a gesture before sound
 * @property {boolean} codec the browser cannot decode the lesson's pictures
 * @property {import("./selftest.js").Doing} test what the room is trying of itself, outside lessons
 */

/**
 * @typedef {"floor.us" | "floor.quiet" | "room.taken" | "link.down" | "link.long" | "box.restart" | "teacher.down" | "audio.only" | "board.still"
 *   | "picture.soft" | "cam.missing" | "mic.missing" | "disk.full" | "disk.failed" | "hand.up" | "floor.other" | "wait.teacher" | "live" | "ended" | "removed"
 *   | "installed" | "idle" | "soon" | "soon.look" | "joining" | "tap" | "fresh" | "codec" | "refused"
 *   | "test" | "test.clap" | "test.heard" | "test.show"} Key
 */

/** @typedef {{raw: boolean, at: number, held: boolean, since: number}} Held a trouble that was seen, and since when it is believed */

/**
 * @typedef {object} Memory
 * @property {Key} key what is shown
 * @property {number} since
 * @property {Record<string, Held>} held
 */

/** @returns {Memory} */
export function forgetful() {
	return { key: "joining", since: 0, held: {} };
}

/** The member that is this room. @param {Facts} f @returns {RoomState | undefined} */
export function own(f) {
	return f.lesson?.rooms.find((r) => r.room === f.me);
}

/** Whether the lesson is one that this page shows now. @param {Facts} f */
export function inLesson(f) {
	const state = f.lesson?.state;
	return f.lesson !== null && state !== "ended" && f.room?.state !== "removed" && f.room?.state !== "taken" && f.room?.state !== "ended";
}

/** Whether this is the room where the teacher is: its screen is silent and captures nothing. @param {Facts} f */
export function isMaster(f) {
	return f.lesson !== null && f.lesson.master.room === f.me && own(f) === undefined;
}

/** Since when something that is true has been so; 0 if it is not. @param {boolean} is @param {number} since @param {number} now */
function from(is, since, now) {
	return is ? Math.min(since || now, now) : 0;
}

/**
 * The troubles, and since when; worse is how long each must last.
 * @param {Facts} f
 * @returns {Record<string, {since: number, worse: number}>}
 */
function troubles(f) {
	const l = inLesson(f) ? f.lesson : null;
	const up = f.room?.uplink;
	const running = l !== null && (l.state === "live" || l.state === "over");
	const sends = l !== null && !isMaster(f) && (l.sources.board || l.sources.teacher || l.sources.voice); // the teacher's own room is given nothing of him
	const step = own(f)?.step;
	const dataAt = Math.max(f.dataAt, f.enteredAt);
	const flows = f.dataAt > 0 && f.now - f.dataAt < flowing; // whoever hears and sees is not told that the link is lost
	const away = up !== undefined && !up.up && l !== null && l.ownerBox !== f.box && !flows;
	const silent = running && sends && f.status === "open" && f.now - dataAt >= (f.dataAt < f.enteredAt ? joinsWithin : worseAfter);
	const needed = f.captures && l !== null;
	/** @param {DeviceState} s */
	const lacks = (s) => s === "missing" || s === "busy" || s === "blocked";
	return {
		box: { since: from(f.status === "connecting" && f.statusSince > 0, f.statusSince, f.now), worse: worseAfter },
		link: { since: from(away || ((l?.stale ?? false) && !flows), away ? up.since : f.now - worseAfter, f.now), worse: worseAfter },
		teacher: { since: from((running && l.lead !== null && !l.lead.online) || silent, silent ? dataAt : (l?.lead?.since ?? 0), f.now), worse: worseAfter },
		voice: { since: from(running && step === "voice", f.now, f.now), worse: 0 },
		still: { since: from(running && step === "still", f.now, f.now), worse: 0 },
		small: { since: from(running && step === "small", f.now, f.now), worse: 0 },
		cam: { since: from(needed && lacks(f.camera), f.now, f.now), worse: worseAfter },
		mic: { since: from(needed && lacks(f.microphone), f.now, f.now), worse: worseAfter },
		disk: { since: from(l !== null && (f.room?.code === "disk-full" || broken(l, f.room?.recording)), f.now, f.now), worse: 0 },
	};
}

/**
 * @param {Facts} f
 * @param {Record<string, Held>} before
 * @returns {Record<string, Held>}
 */
function hold(f, before) {
	/** @type {Record<string, Held>} */
	const held = {};
	for (const [name, t] of Object.entries(troubles(f))) {
		const raw = t.since > 0;
		const b = before[name] ?? { raw: false, at: f.now, held: false, since: 0 };
		const at = raw !== b.raw ? (raw ? t.since : f.now) : b.at; // since when it is as it is
		const lasts = f.now - at;
		const is = raw ? b.held || lasts >= t.worse : b.held && lasts < betterAfter;
		held[name] = { raw, at, held: is, since: !is ? 0 : b.held ? b.since : at };
	}
	return held;
}

/** What stands when nothing is wrong. @param {Facts} f @returns {Key} */
function phase(f) {
	switch (f.status === "refused" || f.status === "closed" ? f.code : "") {
		case "room-taken":
		case "taken-over":
			return "room.taken";
		case "removed":
			return "removed";
		case "forbidden":
		case "signed-out":
			return "refused";
		case "unknown-lesson":
			return "wait.teacher";
		case "wrong-state":
		case "ended":
			return f.now - f.statusSince < endedFor ? "ended" : "idle";
	}
	switch (f.test) {
		case "":
			break;
		case "clap":
		case "heard":
		case "show":
			return `test.${f.test}`;
		default:
			return "test";
	}
	if ((f.room?.installed ?? 0) > 0 && ["fresh", "idle"].includes(f.room?.state ?? "")) {
		return "installed";
	}
	switch (f.room?.state) {
		case "fresh":
			return "fresh";
		case "taken":
			return "room.taken";
		case "removed":
			return "removed";
	}
	const l = f.lesson;
	if (l !== null && f.room?.state !== "idle" && f.room?.state !== "soon" && f.room?.state !== "look") {
		switch (l.state) {
			case "planned":
			case "waiting":
				return "wait.teacher";
			case "ended":
				return f.now - (l.endedAt ?? f.now) < endedFor ? "ended" : "idle";
			default:
				return f.dataAt < f.enteredAt && f.now - f.enteredAt < joinsWithin && l.sources.voice && !isMaster(f) ? "joining" : "live";
		}
	}
	switch (f.room?.state) {
		case "idle":
			return "idle";
		case "soon":
			return "soon";
		case "look":
			return "soon.look";
		case "ended":
			return "ended";
	}
	return "joining";
}

/**
 * The sentence of row A: the first of the list that holds.
 * @param {Facts} f
 * @param {Memory} before
 * @returns {Memory}
 */
export function choose(f, before) {
	const held = hold(f, before.held);
	const is = (/** @type {string} */ name) => held[name].held;
	/** A ▲ sentence that has been told long enough is a sign now. @param {string} name */
	const fresh = (name) => is(name) && f.now - held[name].since < signAfter;
	const base = phase(f);
	const me = own(f);
	const floor = inLesson(f) ? (f.lesson?.floor ?? []) : [];
	const ours = floor.find((h) => h.room === f.me);
	const running = base === "live" || base === "joining";
	const cut = is("link") || is("box");
	/** @type {[boolean, Key, number][]} */
	const list = [
		[ours !== undefined && running && !cut && (me?.quiet ?? false), "floor.quiet", 0],
		[ours !== undefined && running && !cut, "floor.us", ours?.since ?? 0],
		[base === "room.taken" || base === "removed" || base === "fresh" || base === "refused", base, 0],
		[is("link") && f.now - held.link.since < longAfter, "link.down", held.link.since],
		[is("link"), "link.long", held.link.since],
		[is("box") && f.beside, "box.restart", held.box.since],
		[is("box") && f.now - held.box.since < longAfter, "link.down", held.box.since],
		[is("box"), "link.long", held.box.since],
		[is("teacher"), "teacher.down", held.teacher.since],
		[f.soundBlocked && inLesson(f), "tap", 0],
		[fresh("voice"), "audio.only", 0],
		[fresh("still"), "board.still", 0],
		[fresh("small"), "picture.soft", 0],
		[fresh("cam"), "cam.missing", 0],
		[fresh("mic"), "mic.missing", 0],
		[fresh("disk"), f.room?.recording?.fault === "disk-failed" ? "disk.failed" : "disk.full", 0],
		[running && (me?.hand ?? 0) > 0, "hand.up", me?.hand ?? 0],
		[running && floor.length > 0 && ours === undefined, "floor.other", 0],
		[running && f.codec, "codec", 0],
	];
	const found = list.find(([holds]) => holds);
	const key = found?.[1] ?? base;
	const since = found !== undefined && found[2] > 0 ? found[2] : key === before.key ? before.since : f.now;
	return { key, since, held };
}

/**
 * How a sentence looks: never colour alone. code is what one reads out on the telephone.
 * @param {Key} key
 * @returns {{look: "good" | "warn" | "bad" | "floor" | "", mark: string, code: string}}
 */
export function look(key) {
	const code = key.replace(".", "-");
	switch (key) {
		case "floor.us":
		case "floor.quiet":
			return { look: "floor", mark: "🎤", code: "" };
		case "room.taken":
		case "link.down":
		case "box.restart":
		case "teacher.down":
			return { look: "bad", mark: "✕", code };
		case "link.long":
			return { look: "bad", mark: "✕", code: "link-down" };
		case "codec":
			return { look: "bad", mark: "✕", code: "codec-mismatch" };
		case "refused":
			return { look: "bad", mark: "✕", code: "token-refused" };
		case "audio.only":
		case "board.still":
		case "picture.soft":
		case "disk.full":
		case "disk.failed":
			return { look: "warn", mark: "▲", code };
		case "cam.missing":
			return { look: "warn", mark: "▲", code: "camera-unplugged" };
		case "mic.missing":
			return { look: "warn", mark: "▲", code: "microphone-unplugged" };
		case "tap":
			return { look: "warn", mark: "▲", code: "" };
		case "hand.up":
			return { look: "warn", mark: "✋", code: "" };
		case "live":
		case "installed":
		case "test.heard":
			return { look: "good", mark: "✓", code: "" };
	}
	return { look: "", mark: "", code: "" };
}

/** @typedef {{id: string, key: string, mark: string, look: "good" | "warn" | "bad" | ""}} Sign */

/**
 * Row B, left to right.
 * @param {Facts} f
 * @param {Memory} m
 * @returns {Sign[]}
 */
export function signs(f, m) {
	/** @type {Sign[]} */
	const out = [];
	const l = f.lesson;
	if (!inLesson(f) || l === null || m.key === "fresh") {
		return out;
	}
	const keeps = kept(l, f.room?.recording);
	const marks = { keep: "●", keepPupils: "●", buffer: "", off: "", notKept: "▲" };
	out.push({ id: "record", key: `class.sign.${keeps}`, mark: marks[keeps], look: keeps === "notKept" ? "warn" : marks[keeps] === "" ? "" : "bad" });
	if (f.captures && f.unsent) {
		out.push({ id: "camera", key: "class.sign.noCamera", mark: "▲", look: "warn" }, { id: "microphone", key: "class.sign.noMicrophone", mark: "▲", look: "warn" });
	} else if (f.captures) {
		const ours = l.floor.some((h) => h.room === f.me) && !own(f)?.muted;
		if (f.covered) {
			out.push({ id: "camera", key: "class.sign.covered", mark: "▣", look: "" });
		} else if (f.camera === "on") {
			out.push({ id: "camera", key: "class.sign.camera", mark: "◉", look: "" });
		}
		if (f.microphone === "on") {
			out.push({ id: "microphone", key: ours ? "class.sign.microphone" : "class.sign.silent", mark: ours ? "🎤" : "⦸", look: ours ? "warn" : "" });
		}
	}
	if (isMaster(f)) { // the teacher's page films this room
		if (f.films && f.covered) {
			out.push({ id: "camera", key: "class.sign.covered", mark: "▣", look: "" });
		} else if (l.sources.teacher || l.sources.pupils) {
			out.push({ id: "camera", key: "class.sign.camera", mark: "◉", look: "" });
		}
		if (l.sources.voice) {
			const on = !l.sources.muted;
			out.push({ id: "microphone", key: on ? "class.sign.microphone" : "class.sign.silent", mark: on ? "🎤" : "⦸", look: "" });
		}
	}
	if (l.mirror) {
		out.push({ id: "mirror", key: "class.sign.mirror", mark: "⇄", look: "" });
	}
	/** @param {string} name @param {string} key */
	const told = (name, key) => {
		if (m.held[name]?.held && f.now - m.held[name].since >= signAfter && !out.some((s) => s.key === key)) {
			out.push({ id: name, key, mark: "▲", look: "warn" });
		}
	};
	for (const thin of ["voice", "still", "small"]) {
		told(thin, "class.sign.slow");
	}
	told("cam", "class.sign.noCamera");
	told("mic", "class.sign.noMicrophone");
	told("disk", "class.sign.notKept");
	return out;
}

/**
 * The hand's button: what it would do now.
 * @param {Facts} f
 * @param {Memory} m
 * @returns {"" | "raise" | "lower" | "done"}
 */
export function hand(f, m) {
	const l = f.lesson;
	if (!inLesson(f) || l === null || (l.state !== "live" && l.state !== "over") || own(f) === undefined || m.key === "joining") {
		return "";
	}
	if (l.floor.some((h) => h.room === f.me)) {
		return "done";
	}
	return (own(f)?.hand ?? 0) > 0 ? "lower" : "raise";
}
