// The full check: each line as it is done, and the questions that only a person can answer.

import { change } from "./device-desk.js";
import { volumeKey } from "./device-volume.js";
import { by, el } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-desk.js").Both} Both */
/** @typedef {"screen-seen" | "speaker-heard" | "clap"} Question */
/** @typedef {{part: string, name: Both, state: "ok" | "bad" | "asking" | "pending" | "running", told?: string, text?: Both, hint?: Both, code?: string, tookMs?: number, ask?: "" | Question}} Item */
/**
 * @typedef {object} Running
 * @property {"idle" | "running" | "done" | "waiting-for-end"} state
 * @property {number} n items that are done
 * @property {number} of
 * @property {Item[]} items
 * @property {string} [verdict]
 * @property {Both} [text] of the verdict
 * @property {number} [minutes] since the box was started for the first time
 */

/** What each question shows: lines on a square of 24, as the screen, a loudspeaker and two hands. @type {Record<Question, string[]>} */
const pictures = {
	"screen-seen": ["M2 4h20v12H2z", "M9 20h6", "M12 16v4", "M6 12l4-4 3 3 2-2 3 3"],
	"speaker-heard": ["M4 9v6h4l5 4V5L8 9z", "M16 9a4 4 0 0 1 0 6", "M18.5 6.5a8 8 0 0 1 0 11"],
	clap: ["M5 21l5-9 3 2", "M19 21l-5-9-3 2", "M8 4l1 3", "M12 3v3", "M16 4l-1 3"],
};

const marks = { ok: "✓", bad: "▲", asking: "?", running: "…", pending: "·" };

/** @param {Question} q */
function picture(q) {
	const space = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(space, "svg");
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("aria-hidden", "true");
	for (const d of pictures[q]) {
		const p = document.createElementNS(space, "path");
		p.setAttribute("d", d);
		svg.append(p);
	}
	return svg;
}

export class FullCheck {
	/** @param {Desk} desk @param {() => void} changed told when what runs has changed */
	constructor(desk, changed) {
		this.desk = desk;
		this.changed = changed;
		/** @type {Running | null} */
		this.now = null;
		this.refused = "";
		/** What was asked in this check. @type {Set<string>} */
		this.asked = new Set();
	}

	get busy() {
		return this.now?.state === "running" || this.now?.state === "waiting-for-end";
	}

	/** Begins one; in a lesson it begins at its end. */
	async start() {
		const a = await this.desk.ask("POST", "/device/check", { wait: true });
		this.refused = a.ok ? "" : a.code === "in-lesson" ? this.desk.say("inLesson") : this.desk.why(a);
		await this.look();
	}

	/** Asks how far it is. */
	async look() {
		const a = await this.desk.ask("GET", "/device/check");
		if (a.ok && a.data?.items) {
			this.now = a.data;
			for (const i of this.now?.items ?? []) {
				if (i.state === "asking" && i.ask) {
					this.asked.add(i.ask);
				}
			}
		}
		this.changed();
	}

	/** @param {Question} ask @param {boolean} yes */
	async answer(ask, yes) {
		await this.desk.ask("POST", "/device/check/answer", { ask, yes });
		await this.look();
	}

	/**
	 * Draws it into a place.
	 * @param {HTMLElement} place
	 * @param {(Node | string)[]} after what follows once it is done
	 * @param {string} sign what after is made of
	 */
	draw(place, after, sign) {
		const c = this.now;
		const d = this.desk;
		const list = c?.items ?? [];
		const asking = list.find((i) => i.state === "asking" && i.ask);
		change(place, [c?.state, list, this.refused, sign], () => [
			el("h2", { id: `${place.id}-head`, tabindex: "-1", text: d.say("check") }),
			el("p", { class: "error", role: "alert", hidden: this.refused === "", text: this.refused }),
			...(c?.state === "waiting-for-end" && d.device?.inLesson !== true ? [el("p", { class: "warn", text: d.say("inLesson") })] : []),
			...(asking?.ask ? [this.question(asking.ask)] : []),
			el("ol", { class: "lines" }, ...list.map((i) => this.line(i))),
			...(c?.state === "done" || !this.busy ? after : []),
		]);
		if (asking && document.activeElement === document.body) {
			/** @type {HTMLElement | null} */ (place.querySelector(".question button"))?.focus({ preventScroll: true });
		}
	}

	/** @param {Question} ask */
	question(ask) {
		const d = this.desk;
		const keys = ask === "clap" ? [el("button", { class: "plain", text: d.say("ask.clap.no"), "data-key": "no", click: () => void this.answer(ask, false) })] : [
			el("button", { class: "primary", text: d.say(`ask.${ask}.yes`), "data-key": "yes", click: () => void this.answer(ask, true) }),
			el("button", { class: "plain", text: d.say(`ask.${ask}.no`), "data-key": "no", click: () => void this.answer(ask, false) })];
		return el("div", { class: "question card", role: "group", "aria-label": d.say(`ask.${ask}`) }, picture(ask), el("p", { class: "asked", "aria-live": "assertive", text: d.say(`ask.${ask}`) }), el("p", { class: "answers" }, ...keys));
	}

	/** @param {Item} i */
	line(i) {
		const d = this.desk;
		const took = (i.tookMs ?? 0) > 0 && (i.state === "ok" || i.state === "bad") ? d.say("took", { s: Math.max(0.1, Math.round((i.tookMs ?? 0) / 100) / 10) }) : "";
		const heard = i.part === "microphone" && i.state === "ok" && this.asked.has("clap");
		return el("li", { class: i.state }, el("span", { class: "mark", text: marks[i.state] ?? "", role: "img", "aria-label": d.say(`line.${i.state}`) }),
			el("p", { class: "name" }, d.pick(i.text) || d.pick(i.name), ...(i.hint ? [el("span", { class: "cure" }, volumeKey(d, i.code, this.changed) ?? d.pick(i.hint))] : [])),
			el("span", { class: "second", text: [heard ? d.say("clap.heard") : i.told, took].filter(Boolean).join(" · ") }));
	}
}

/** The place of the check on the page. @param {FullCheck} check @param {() => void} back */
export function drawCheck(check, back) {
	const d = check.desk;
	const c = check.now;
	check.draw(by("check"), [el("p", { class: "keys" },
		el("button", { class: "primary tall", text: d.say(c?.state === "done" ? "check.again" : "check.start"), "data-key": "start", click: () => void check.start() }),
		el("button", { class: "plain tall", text: d.say("check.back"), "data-key": "back", click: back }))], `${c?.state}`);
}
