// Every state of the assistant's phone without a box: for screenshots and for people who judge them. Only where the daemon runs with
// --demo-states.

import { say } from "./text.js";

/** @typedef {import("./assist-state.js").Facts} Facts */

const minute = 60000;

/**
 * What stands on the page beside a state: what was wrong with a code, the line under the keys as a key of its words, whether it waits to be
 * read, whether a text is written, whether the answer was given.
 * @typedef {{wrong?: string, note?: string, read?: boolean, writes?: boolean, thanks?: boolean}} More
 */

/**
 * What a state is made of: fields of the lesson, of the own room, and of the facts.
 * @type {Record<string, {lesson?: object, own?: object, facts?: Partial<Facts>, more?: More}>}
 */
const samples = {
	enter: { facts: { entered: false } },
	joining: { facts: { lesson: null } },
	waiting: { lesson: { state: "waiting" }, own: { state: "here" } },
	ready: { lesson: { state: "waiting" }, own: { state: "ready" } },
	live: {},
	hand: { own: { hand: 1, handOrder: 1 } },
	floor: { lesson: { floor: [{ room: "own", since: -14000, second: false }] } },
	covered: { own: { covered: true } },
	link: { lesson: { stale: true } },
	phone: { facts: { open: false, lostFor: 5000 } },
	ended: { lesson: { state: "ended" } },
	removed: { own: { state: "removed" } },
	wrong: { facts: { entered: false }, more: { wrong: "assist.wrong.left" } },
	over: { facts: { entered: false }, more: { wrong: "assist.wrong" } },
	full: { facts: { entered: false }, more: { wrong: "assist.full" } },
	sent: { more: { note: "assist.sent" } },
	seen: { more: { note: "assist.say.phrase-seen" } },
	written: { more: { note: "assist.note", read: true } },
	writes: { more: { writes: true } },
	notraised: { more: { note: "assist.notraised" } },
	helped: { more: { note: "assist.help.said" } },
	thanks: { lesson: { state: "ended" }, more: { thanks: true } },
};

/**
 * Shows a state, and lets a test ask for others.
 * @param {import("./text.js").Words} words
 * @param {(f: Facts, room: string, more: More) => string} draw gives the state that is shown
 * @param {string} first
 */
export function demonstrate(words, draw, first) {
	const show = (/** @type {string} */ name) => {
		const now = Date.now();
		const s = samples[name] ?? {};
		const own = { room: "own", campus: "own", name: "", state: "live", covered: false, ...s.own };
		/** @type {any} */
		const lesson = {
			id: "demo", epoch: 1, rev: 1, stale: false, title: say(words, "assist.demo.subject"), subject: say(words, "assist.demo.subject"), teacher: say(words, "assist.demo.teacher"),
			state: "live", end: now + 27 * minute - 1000, scope: "teacher+board", kept: false, floor: [], notes: [], rooms: [own], ...s.lesson,
		};
		lesson.floor = lesson.floor.map((/** @type {any} */ f) => ({ ...f, since: now + f.since }));
		const drawn = draw(/** @type {Facts} */ (/** @type {unknown} */ ({
			now, entered: true, open: true, lostFor: 0, lesson, own: "own", ended: false,
			room: { room: "own", name: "", state: "in", covered: false, layout: "", volume: 60 }, ...s.facts,
		})), say(words, "assist.demo.room"), s.more ?? {});
		return s.more ? name : drawn;
	};
	Object.assign(window, { tongke: { states: Object.keys(samples), show } });
	show(first);
}
