// Every state of the teacher's page without a box: for screenshots and for people who judge them. Only where the daemon runs with
// --demo-states. The page is the real one; the box at the other end of its connection is played.

import { Client } from "./protocol.js";
import { Desk } from "./teach-desk.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */

const minute = 60000;

/** What differs for a room. @type {Record<string, unknown>[]} */
const mix = [
	{},
	{ hand: -8000, handOrder: 1 },
	{ word: "smaller", step: "small" },
	{ state: "absent", word: "absent", cam: false, lastSeen: -120 * minute },
	{ covered: true, cam: false },
	{ hand: -3000, handOrder: 2, word: "choppy" },
	{ state: "lost", word: "offline", since: -12000 },
	{ word: "hard" },
	{ camMissing: true, cam: false },
	{ word: "unknown" },
	{ state: "absent", word: "absent", cam: false },
];

/**
 * What is played: the lesson's fields, the first rooms' fields, whether their names are as long as they come, what hello is refused with.
 * @typedef {{long?: boolean, lesson?: Record<string, unknown>, rooms?: Record<string, unknown>[], refuse?: string, failed?: string, recording?: import("./messages.js").Recording, remote?: boolean, facts?: Partial<import("./teach-alerts.js").Facts>, page?: (d: Desk) => void}} State
 */

/** @type {Record<string, State>} */
const states = {
	opening: { refuse: "silent" },
	elsewhere: { refuse: "lesson-elsewhere" },
	refused: { refuse: "forbidden" },
	soon: { lesson: { state: "waiting" }, recording: { mode: "off", scope: "teacher+board", seconds: 0 } },
	before: { lesson: { state: "waiting" }, rooms: [{}, { state: "ready" }, {}, { state: "absent", word: "absent", lastSeen: -120 * minute }] },
	live: {},
	long: { long: true, lesson: { floor: [0, 5] } },
	"long.before": { long: true, lesson: { state: "waiting" } },
	floor: { lesson: { floor: [0] } },
	two: { lesson: { floor: [0, 1] } },
	quiet: { lesson: { floor: [0] }, rooms: [{ quiet: true }, ...mix.slice(1)] },
	notes: { lesson: { notes: true } },
	sharing: { page: (d) => d.studio.board.replace(slide(d.words)) },
	big: { page: (d) => d.enlarge("r0") },
	bell: { lesson: { state: "over", end: -10000 } },
	"bell.last": { lesson: { state: "over", end: -10000, extended: 2 } },
	away: { facts: {}, page: (d) => away(d, 4000) },
	unknown: { facts: {}, page: (d) => away(d, 8000) },
	failed: { page: (d) => (d.failed = { key: "failed", until: Infinity }) },
	norecord: { page: (d) => (d.failed = { key: "norecord", until: Infinity }) },
	lead: { remote: true, lesson: { lead: { session: "x", room: "core", online: false, since: 0 } } },
	sharefailed: { page: (d) => (d.studio.board.failed = true) },
	busy: { facts: { camera: "busy" } },
	micbusy: { facts: { microphone: "busy" } },
	nomic: { facts: { microphone: "missing" } },
	silence: { facts: { silence: true } },
	loud: { facts: { clipped: true } },
	slow: { facts: { slow: true } },
	faded: { facts: { slow: true }, page: (d) => (d.alerts.since = -Infinity) },
	tap: { facts: { soundBlocked: true } },
	whispers: { facts: { muted: true, speech: true } },
	stopped: { page: (d) => (d.studio.board.stopped = true) },
	monitor: { page: (d) => (d.studio.board.monitor = true) },
	muted: { page: (d) => d.studio.mute(true), lesson: { muted: true } },
	blocked: { facts: { camera: "blocked" } },
	end: { page: (d) => setTimeout(() => void d.end(), 500) },
	menu: { page: (d) => /** @type {HTMLElement} */ (document.querySelector(d.lesson ? ".more" : "body")).click() },
	layouts: { page: (d) => d.lesson && document.getElementById("layout")?.click() },
	info: { page: (d) => d.lesson && void d.dialogs.info(d.lesson.rooms[0], d.receiver, d.client.now()) },
	keys: { page: (d) => d.dialogs.keys() },
	phone: { page: (d) => d.dialogs.phone("https://tongke.example") },
	write: { page: (d) => d.lesson && d.dialogs.compose(d.lesson, "") },
	remote: { remote: true },
	ended: { lesson: { state: "ended" } },
	stored: { lesson: { state: "ended", record: "keep" }, recording: { mode: "keep", scope: "teacher+board", seconds: 2412 } },
	keep: { lesson: { record: "keep", scope: "+pupils", kept: true }, recording: { mode: "keep", scope: "+pupils", seconds: 751 } },
	buffer: { lesson: { record: "buffer" }, recording: { mode: "buffer", scope: "teacher+board", seconds: 751 } },
	less: { lesson: { record: "keep", scope: "+pupils", kept: true }, recording: { mode: "keep", scope: "+pupils", seconds: 751 }, page: () => document.getElementById("less")?.click() },
	disk: { lesson: { record: "keep" }, recording: { mode: "off", scope: "teacher+board", fault: "disk-full", seconds: 300 } },
};

/** The box is not heard any more. @param {Desk} d @param {number} ms since when */
function away(d, ms) {
	const { client } = d;
	client.socket = null; // what is still on its way is not heard
	client.status = "connecting";
	client.since -= ms;
	client.heard -= ms;
	d.lessonAt -= ms;
}

/** A page of a text to share. @param {Words} words */
function slide(words) {
	const canvas = document.createElement("canvas");
	[canvas.width, canvas.height] = [1280, 720];
	const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
	const track = canvas.captureStream(5).getVideoTracks()[0];
	pen.fillStyle = "#ffffff";
	pen.fillRect(0, 0, 1280, 720);
	pen.fillStyle = "#14181f";
	pen.font = "64px sans-serif";
	pen.fillText(say(words, "teach.demo.title"), 80, 140);
	return track;
}

/** Where the number of campuses makes another page of it. */
const more = ["before", "live", "long", "long.before", "two", "remote"].flatMap((name) => [1, 2, 3, 6, 7, 11].map((n) => `${name}+${n}`));

/** @param {State} s @param {number} n @param {Words} words */
function lesson(s, n, words) {
	const now = Date.now();
	const names = s.long ? say(words, "class.demo.long").split("|") : say(words, "teach.demo.names").split(" ");
	const rooms = names.slice(0, n).map((name, i) => {
		const more = { ...(s.rooms ?? mix)[i] };
		if (Array.isArray(s.lesson?.floor) && s.lesson.floor.includes(i)) {
			delete more.hand; // who was called has lowered it
		}
		for (const k of ["hand", "lastSeen", "since"]) {
			if (typeof more[k] === "number") {
				more[k] = now + Number(more[k]);
			}
		}
		return {
			room: `r${i}`, campus: `r${i}`, name, box: `b${i}`, state: "live", since: now - 10 * minute, word: "hears", wordSince: now - minute, covered: false, cam: true, mic: true,
			camMissing: false, micMissing: false, level: 55, quiet: false, muted: false, phones: 1, step: "full", ...more,
		};
	});
	const { notes, floor, muted, end, ...more } = s.lesson ?? {};
	return {
		type: "lesson", id: "demo", epoch: 1, rev: 1, stale: false, title: say(words, "teach.demo.title"), mode: "same", state: "live", start: now - 13 * minute, end: now + (typeof end === "number" ? end : 27 * minute),
		startedAt: now - 751000, extended: 0, ownerBox: "core", record: "off", scope: "teacher+board", kept: false, layout: "lecture", music: false, mirror: false, closed: false,
		lead: { session: "s", room: "core", online: true, since: now }, master: { room: "core", name: "core" },
		sources: { board: true, teacher: true, pupils: false, voice: true, muted: muted === true }, rooms,
		floor: Array.isArray(floor) ? floor.filter((i) => i < n).map((i, k) => ({ room: `r${i}`, since: now - 14000, second: k > 0 })) : [],
		notes: notes ? [{ id: 1, from: "assistant", room: "r0", kind: "phrase", code: "board", at: now - 2000, seen: false }, { id: 2, from: "teacher", room: "", kind: "text", text: say(words, "teach.demo.text"), at: now - 60000, seen: true }] : [],
		...more,
	};
}

/** The box that is played. */
class Played {
	/** @param {State} s @param {number} n @param {Words} words */
	constructor(s, n, words) {
		this.s = s;
		this.n = n;
		this.words = words;
		/** @type {((e: any) => void) | null} */
		this.onopen = null;
		/** @type {((e: {data: any}) => void) | null} */
		this.onmessage = null;
		/** @type {((e: {code: number}) => void) | null} */
		this.onclose = null;
		setTimeout(() => this.onopen?.({}), 0);
	}

	/** @param {string} data */
	send(data) {
		const m = JSON.parse(data);
		const say = (/** @type {object} */ answer) => setTimeout(() => this.onmessage?.({ data: JSON.stringify(answer) }), 0);
		if (m.type === "hello" && this.s.refuse) {
			if (this.s.refuse !== "silent") {
				say({ type: "error", re: m.id, code: this.s.refuse, message: "" });
			}
		} else if (m.type === "hello") {
			say({ type: "ok", re: m.id, session: "s", resume: "r", role: "teacher", room: "core", roomName: "core", box: { id: "core", name: "core" }, now: Date.now() });
			say(lesson(this.s, this.n, this.words));
			if (this.s.recording) {
				say({ type: "room", room: "core", name: "core", state: "in", covered: false, layout: "", volume: 60, recording: this.s.recording });
			}
		} else if (m.type.startsWith("media.")) {
			say({ type: "error", re: m.id, code: "internal", message: "" });
		} else {
			say({ type: "ok", re: m.id });
		}
	}

	close() {}
}

/**
 * Shows one state: ?state=, with +n or ?n= campuses.
 * @param {Words} words
 * @param {URLSearchParams} query
 */
export function demonstrate(words, query) {
	const [name, count] = (query.get("state") ?? "").split(/[+ ]/); // a plus is a space in a query
	const s = states[name] ?? {};
	const n = Number(count ?? query.get("n") ?? 5);
	const wish = { remote: s.remote === true, take: false };
	const client = new Client({ url: "demo", hello: () => ({ page: "teach" }), socket: () => new Played(s, n, words) });
	const desk = new Desk(words, client, wish, "demo");
	Object.defineProperty(window, "tongke", { value: Object.freeze({ states: [...Object.keys(states), ...more] }) });
	if (s.facts) {
		const { alerts } = desk;
		const first = alerts.first.bind(alerts);
		alerts.believed = (_, raw) => raw; // as if it had lasted
		alerts.first = (f) => first({ ...f, silence: false, clipped: false, speech: false, ...s.facts }); // a played microphone beeps
	}
	desk.begin();
	client.open();
	let once = false;
	client.on("lesson", () => {
		if (!once) {
			once = true;
			setTimeout(() => s.page?.(desk), 300);
		}
	});
}
