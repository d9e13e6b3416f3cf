// Every state of the wall screen without a box: for screenshots and for people who judge them. Only where the daemon runs with --demo-states.

import { Info } from "./class-info.js";
import { JoinForm } from "./class-join.js";
import { looking, plan, waiting } from "./class-layout.js";
import { choose, forgetful, isMaster } from "./class-state.js";
import { element } from "./class-view.js";

/** @typedef {import("./class-state.js").Facts} Facts */
/** @typedef {import("./messages.js").Lesson} Lesson */

const now = Date.UTC(2026, 8, 1, 0, 52, 30); // 8:52 at school
const minute = 60000;

/** @param {number} n members @param {Record<string, unknown>} [me] what differs for the own room */
function rooms(n, me = {}) {
	const names = ["sanhe", "wuyang", "guanyin", "dazhai", "lishu", "qingshui", "shiqiao", "baiyan", "longtan", "heping", "xinmin"];
	return names.slice(0, n).map((room, i) => ({
		room,
		campus: room,
		name: demoNames[i],
		state: "live",
		since: now - 10 * minute,
		word: "hears",
		wordSince: now - minute,
		covered: false,
		cam: true,
		mic: true,
		camMissing: false,
		micMissing: false,
		level: 0,
		quiet: false,
		muted: false,
		phones: 0,
		step: "full",
		...(i === 0 ? me : {}),
	}));
}

/** Filled from the words when the page is loaded. @type {string[]} */
let demoNames = [];
/** Names as long as they come. @type {string[]} */
let longNames = [];
/** @type {Record<string, string>} */
let demo = {};

/** @param {object} more @param {number} [n] @param {Record<string, unknown>} [me] @returns {Lesson} */
function lesson(more, n = 3, me = {}) {
	return /** @type {Lesson} */ (
		/** @type {unknown} */ ({
			type: "lesson", id: "demo", epoch: 1, rev: 1, stale: false, title: demo.title, subject: demo.subject, teacher: demo.teacher, mode: "same",
			state: "live", end: now + 27 * minute - 30000, startedAt: now - 12 * minute, extended: 0, ownerBox: "core", record: "buffer", scope: "teacher+board",
			kept: false, layout: "lecture", music: false, mirror: false, closed: false, lead: { session: "s", room: "core", online: true, since: now - 12 * minute },
			master: { room: "core", name: demo.core }, sources: { board: true, teacher: true, pupils: false, voice: true, muted: false }, floor: [], rooms: rooms(n, me),
			notes: [], ...more,
		})
	);
}

/** @param {Lesson} l */
const long = (l) => ({ ...l, title: longNames[0], rooms: l.rooms.map((r, i) => ({ ...r, name: longNames[i] })), master: { ...l.master, name: longNames[1] } });

/** @param {object} more @returns {Facts["room"]} */
function room(more) {
	return /** @type {Facts["room"]} */ (
		/** @type {unknown} */ ({
			type: "room", room: "sanhe", name: demoNames[0], state: "in", uplink: { up: true, since: now - minute }, covered: false, layout: "", volume: 60,
			assist: { url: "https://192.0.2.1:8443/assist#K7M3PX", code: "K7M3PX" }, ...more,
		})
	);
}

const next = (/** @type {number} */ start) => ({ id: "next", title: demo.title, subject: demo.subject, teacher: demo.teacher, start });
const floor = (/** @type {string[]} */ ...all) => all.map((r, i) => ({ room: r, since: now - 14000, second: i > 0 }));
const lost = (/** @type {number} */ ago) => ({ up: false, since: now - ago, nextTry: now + 2500 });

/** @type {Record<string, () => Partial<Facts>>} the states by name; the first part of a name up to a + is the sentence */
const states = {
	"floor.us": () => ({ lesson: lesson({ floor: floor("sanhe") }) }),
	"floor.us+second": () => ({ lesson: lesson({ floor: floor("sanhe", "wuyang") }) }),
	"floor.quiet": () => ({ lesson: lesson({ floor: floor("sanhe") }, 3, { quiet: true }) }),
	"room.taken": () => ({ status: "refused", code: "room-taken", room: null, captures: false }),
	"link.down": () => ({ dataAt: now - 12000, lesson: lesson({ stale: true }), room: room({ uplink: lost(12000) }) }),
	"link.long": () => ({ dataAt: now - 3 * minute, lesson: lesson({ stale: true }), room: room({ uplink: lost(3 * minute + 4000) }) }),
	"box.restart": () => ({ lesson: lesson({}), status: "connecting", statusSince: now - 5000 }),
	"teacher.down": () => ({ lesson: lesson({ lead: { session: "s", room: "core", online: false, since: now - 12000 } }) }),
	"audio.only": () => ({ lesson: lesson({}, 3, { step: "voice" }) }),
	"board.still": () => ({ lesson: lesson({}, 3, { step: "still" }) }),
	"picture.soft": () => ({ lesson: lesson({}, 3, { step: "small" }) }),
	"cam.missing": () => ({ lesson: lesson({}), camera: "missing" }),
	"mic.missing": () => ({ lesson: lesson({}), microphone: "missing" }),
	"disk.full": () => ({ lesson: lesson({}), room: room({ recording: { mode: "off", scope: "teacher+board", fault: "disk-full", seconds: 0 } }) }),
	"disk.failed": () => ({ lesson: lesson({}), room: room({ recording: { mode: "off", scope: "teacher+board", fault: "disk-failed", seconds: 0 } }) }),
	"hand.up": () => ({ lesson: lesson({}, 3, { hand: now - 8000 }) }),
	"floor.other": () => ({ lesson: lesson({ floor: floor("wuyang") }) }),
	"floor.other+second": () => ({ lesson: lesson({ floor: floor("wuyang", "guanyin") }, 8) }),
	"floor.other+noboard": () => ({ lesson: lesson({ floor: floor("wuyang"), sources: { board: false, teacher: true, pupils: false, voice: true, muted: false } }) }),
	"wait.teacher": () => ({ lesson: lesson({ state: "waiting" }) }),
	live: () => ({ lesson: lesson({}) }),
	"live+1": () => ({ lesson: lesson({}, 1) }),
	"live+2": () => ({ lesson: lesson({}, 2) }),
	"live+11": () => ({ lesson: lesson({ mirror: true }, 11) }),
	"floor.other+long": () => ({ lesson: long(lesson({ layout: "all", floor: floor("wuyang") }, 11)) }),
	"live+long6": () => ({ lesson: long(lesson({}, 6)) }),
	"wait.teacher+long": () => ({ lesson: long(lesson({ state: "waiting" }, 11)) }),
	"live+noboard": () => ({ lesson: lesson({ sources: { board: false, teacher: true, pupils: false, voice: true, muted: false } }) }),
	"hand.up+board": () => ({ lesson: lesson({ layout: "board" }, 3, { hand: now - 8000 }) }),
	"live+board": () => ({ lesson: lesson({ layout: "board" }) }),
	"live+all": () => ({ lesson: lesson({ layout: "all" }) }),
	"live+all11": () => ({ lesson: lesson({ layout: "all" }, 11) }),
	"live+over": () => ({ lesson: lesson({ state: "over" }) }),
	"live+covered": () => ({ lesson: lesson({}), covered: true }),
	"live+keep": () => ({ lesson: lesson({ record: "keep", kept: true }) }),
	"live+buffer": () => ({ lesson: lesson({}), room: room({ recording: { mode: "buffer", scope: "teacher+board", seconds: 400 } }) }),
	"live+record": () => ({ lesson: lesson({ record: "keep", kept: true, scope: "+pupils", mirror: true }), covered: true }),
	"live+master3": () => ({ lesson: lesson({}, 3), me: "core", captures: false }),
	"floor.other+master": () => ({ lesson: lesson({ floor: floor("wuyang") }, 5), me: "core", captures: false }),
	"live+scan": () => ({ lesson: lesson({}) }),
	"live+info": () => ({ lesson: lesson({}) }),
	ended: () => ({ lesson: lesson({ state: "ended", endedAt: now - 2000 }), room: room({ state: "ended" }), captures: false }),
	removed: () => ({ room: room({ state: "removed" }), captures: false }),
	idle: () => ({ room: room({ state: "idle", next: next(now + 87.5 * minute) }), captures: false }),
	"idle+none": () => ({ room: room({ state: "idle" }), captures: false }),
	installed: () => ({ room: room({ state: "idle", installed: 7 }), captures: false }),
	"idle+info": () => ({ room: room({ state: "idle", next: next(now + 87.5 * minute), assist: undefined }), captures: false }),
	soon: () => ({ room: room({ state: "soon", next: next(now + 4.5 * minute) }) }),
	"soon+bad": () => ({ room: room({ state: "soon", next: next(now + 4.5 * minute), uplink: lost(20000) }), camera: "missing", microphone: "busy", soundBlocked: true }),
	"soon.look": () => ({ room: room({ state: "look", next: next(now + 0.5 * minute) }) }),
	joining: () => ({ room: room({ state: "joining" }) }),
	tap: () => ({ lesson: lesson({}), soundBlocked: true }),
	test: () => ({ room: room({ state: "idle", next: next(now + 25 * minute) }), captures: false, test: "chirp" }),
	"test.clap": () => ({ room: room({ state: "idle" }), captures: false, test: "clap" }),
	"test.heard": () => ({ room: room({ state: "idle" }), captures: false, test: "heard" }),
	"test.show": () => ({ room: room({ state: "idle" }), captures: false, test: "show" }),
	fresh: () => ({ room: room({ state: "fresh", uplink: undefined }), captures: false }),
	"fresh+address": () => ({ room: room({ state: "fresh", uplink: undefined }), captures: false }),
	"fresh+digits": () => ({ room: room({ state: "fresh", uplink: undefined }), captures: false }),
	codec: () => ({ lesson: lesson({}), codec: true }),
	refused: () => ({ status: "refused", code: "forbidden", room: null, captures: false }),
};

/** @type {Facts} */
const usual = {
	now, beside: true, status: "open", code: "", statusSince: now - minute, nextTry: 0, box: "b", me: "sanhe", room: null, lesson: null, dataAt: now, enteredAt: now - 10 * minute,
	captures: true, camera: "on", microphone: "on", covered: false, soundBlocked: false, codec: false, test: "",
};

/**
 * Draws one state and stays; window.tongke.show draws another.
 * @param {import("./class-view.js").View} view
 * @param {URLSearchParams} query
 */
export function demonstrate(view, query) {
	demoNames = view.say("demo.schools").split("|");
	longNames = view.say("demo.long").split("|");
	demo = { title: view.say("demo.title"), subject: view.say("demo.subject"), teacher: view.say("demo.teacher"), core: view.say("demo.core"), box: "tk-3f2a", at: "https://192.168.1.20:8443" };
	const form = new JoinForm((key, values) => view.say(key, values));
	const info = new Info(view, null);
	let key = draw(view, form, info, (query.get("state") ?? "live").replaceAll(" ", "+")); // a plus is a space in a query
	Object.defineProperty(window, "tongke", {
		value: Object.freeze({
			states: Object.keys(states),
			get state() {
				return key;
			},
			/** @param {string} name */
			show(name) {
				key = draw(view, form, info, name);
				return key;
			},
		}),
	});
}

/**
 * @param {import("./class-view.js").View} view
 * @param {JoinForm} form
 * @param {Info} info
 * @param {string} name
 */
function draw(view, form, info, name) {
	const make = states[name] ?? states.live;
	const f = { ...usual, room: room({}), ...make() };
	const then = choose({ ...f, now: now - (name === "live" ? 60000 : 5000) }, forgetful());
	const m = choose(f, then);
	form.show(m.key === "fresh");
	form.fill(name === "fresh+address");
	form.found(name === "fresh+address" ? "" : demo.at);
	if (name === "fresh+digits") {
		form.compare(true, "");
		form.pair.now = { state: "compare", digits: "482 913" };
		form.pair.draw();
	} else {
		form.compare(false, "");
		form.pair.place.hidden = true;
	}
	const l = f.lesson;
	const places =
		m.key === "soon.look"
			? looking()
			: m.key === "wait.teacher"
			? waiting()
			: plan({ me: f.me, master: isMaster(f), board: l?.sources.board ?? false, camera: true, rooms: l?.rooms.map((r) => r.room) ?? [], floor: l?.floor.map((h) => h.room) ?? [], layout: l?.layout ?? "lecture" });
	const thin = l?.rooms[0]?.step === "voice";
	view.calledAt = name === "live+board" ? -Infinity : performance.now();
	view.shown = m.key;
	view.draw(
		f,
		m,
		places,
		(t) => {
			const plug = t.kind === "own" && f.camera === "missing";
			const missing = t.kind === "own" ? false : thin || (t.kind === "campus" && t.room === "guanyin" && !t.floor);
			return { stream: null, key: t.id, note: t.kind === "own" && f.covered ? "covered" : plug ? "plug" : missing && t.kind !== "board" ? "voice" : "" };
		},
		{
			level: m.key === "floor.us" ? 62 : m.key === "floor.quiet" ? 12 : 0,
			checks: [{ name: "camera", cure: f.camera === "on" ? "" : "bad" }, { name: "microphone", cure: f.microphone === "on" ? "" : "silent" }, { name: "sound", cure: f.soundBlocked ? "bad" : "" }, { name: "network", cure: f.room?.uplink?.up ? "" : "bad" }],
			scan: name === "live+scan",
		},
	);
	if (name.endsWith("+info")) {
		info.at = demo.at;
		info.name = demo.box;
		info.show(f, m);
	} else {
		element("info").hidden = true;
	}
	for (const e of element("pictures").querySelectorAll("section")) {
		e.classList.add("sample");
	}
	return m.key;
}
