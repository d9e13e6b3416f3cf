// What the parts of the technician's page share: words, requests, and drawing that leaves the reader's place alone.

import { ask, by, el, why } from "./home-dom.js";
import { language, say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./home-dom.js").Answer} Answer */
/** @typedef {{zh: string, en: string}} Both */
/** @typedef {{code: string, severity: "warning" | "error", part: string, text: Both, hint: Both, since?: string, detail?: string}} Finding */
/** @typedef {{part: string, name: Both, ok: boolean, told?: string}} Check */
/** @typedef {{at: string, verdict: "good" | "works" | "down", text: Both, profile?: {name?: string}, findings: Finding[], checks: Check[] | null}} Report */
/**
 * @typedef {object} Device
 * @property {Report} report
 * @property {{campus: string, classroom: string, name: string}} room
 * @property {string} box
 * @property {string} boxName
 * @property {string} version
 * @property {boolean} inLesson
 * @property {{up: boolean, rung: string, kbps: number, lossPercent: number, rttMs: number}} [uplink]
 * @property {{freeBytes: number, lessons: number}} [disk]
 * @property {{address: string, joined: boolean, name?: string, since?: string}} [parent]
 * @property {"core" | "member"} role
 * @property {boolean} fresh nobody ever signed in, and there is no parent
 * @property {boolean} [installing] the screen beside the box may set it up
 */

export class Desk {
	/** @param {Words} words */
	constructor(words) {
		this.words = words;
		/** Who the box takes us for; "" before it said so, and for nobody. */
		this.role = "";
		/** Whether somebody came by a code and has to choose a password first. */
		this.due = false;
		/** @type {Device | null} */
		this.device = null;
		/** When the box last answered, ms of performance.now(). */
		this.heardAt = performance.now();
		/** Whether somebody walks by arrow keys, and may have no others. */
		this.remote = false;
	}

	/** The screen beside the box: nobody has signed in there. */
	get screen() {
		return this.role === "classroom";
	}

	/** Whether the box has said nothing for so long that nothing is known any more. */
	get silent() {
		return performance.now() - this.heardAt > 5000;
	}

	get admin() {
		return this.role === "administrator";
	}

	/** @param {string} key @param {Record<string, string | number>} [values] */
	say(key, values) {
		return say(this.words, `device.${key}`, values);
	}

	/** A sentence that came in both languages. @param {Both | undefined} both */
	pick(both) {
		return both?.[language] ?? "";
	}

	/**
	 * Asks the box, and remembers that it answered.
	 * @param {string} method @param {string} path @param {unknown} [body]
	 * @returns {Promise<Answer>}
	 */
	async ask(method, path, body) {
		const a = await ask(method, path, body);
		if (a.status !== 0) {
			this.heardAt = performance.now();
		}
		return a;
	}

	/** The words for a refusal: the box's own where it has a sentence for it. @param {Answer} a @param {string} [place] a family of words that comes first */
	why(a, place = "error") {
		if (a.data?.text) {
			return this.pick(a.data.text);
		}
		for (const key of [`device.${place}.${a.code}`, `device.error.${a.code}`]) {
			if (this.words[`${key}.left`] !== undefined && a.left > 0) {
				return say(this.words, `${key}.left`, { left: a.left });
			}
			if (this.words[key] !== undefined) {
				return say(this.words, key, { left: a.left });
			}
		}
		return why(this.words, a);
	}

	/** How long ago, or how long, in words. @param {number} seconds */
	span(seconds) {
		const s = Math.max(0, Math.round(seconds));
		return s < 60 ? this.say("span.seconds", { n: s }) : s < 5400 ? this.say("span.minutes", { n: Math.round(s / 60) })
			: s < 129600 ? this.say("span.hours", { n: Math.floor(s / 3600) }) : this.say("span.days", { n: Math.round(s / 86400) });
	}
}

/** @type {WeakMap<Element, string>} */
const drawn = new WeakMap();

/**
 * Draws what an element holds anew when what it is made of has changed; the control that had the focus has it again, by its data-key.
 * @param {Element} e
 * @param {unknown} of
 * @param {() => (Node | string)[]} make
 */
export function change(e, of, make) {
	const sign = JSON.stringify(of);
	if (drawn.get(e) === sign) {
		return;
	}
	drawn.set(e, sign);
	const active = document.activeElement;
	const key = active instanceof HTMLElement && e.contains(active) ? active.dataset.key ?? active.id : undefined;
	e.replaceChildren(...make());
	if (key) {
		const again = [...e.querySelectorAll("[data-key], [id]")].find((x) => x instanceof HTMLElement && (x.dataset.key ?? x.id) === key);
		if (again instanceof HTMLElement) {
			again.focus({ preventScroll: true });
		}
	}
}

/** Forgets what was drawn, so that the next change draws. @param {Element} e */
export const forget = (e) => drawn.delete(e);

/**
 * A labelled field.
 * @param {string} id
 * @param {string} label
 * @param {Record<string, string | boolean>} [fields]
 */
export const field = (id, label, fields = {}) => [el("label", { for: id, text: label }), el("input", { id, autocomplete: "off", spellcheck: "false", maxlength: "64", ...fields })];

/** A place for what a form has to complain about. */
export const fault = () => el("p", { class: "error", role: "alert", hidden: true });

/**
 * Opens the page's dialog with that inside. Esc closes it and does nothing.
 * @param {string} head
 * @param {...Node} inside
 */
export function open(head, ...inside) {
	const d = /** @type {HTMLDialogElement} */ (by("box"));
	d.replaceChildren(el("h2", { id: "box-head", text: head }), ...inside);
	if (!d.open) {
		d.showModal();
	}
	d.querySelector("h2")?.scrollIntoView();
	return d;
}

export const shut = () => /** @type {HTMLDialogElement} */ (by("box")).close();

/** Shapes of the marks: never colour alone. @type {Record<string, string>} */
export const marks = { good: "✓", works: "▲", warning: "▲", down: "✕", error: "✕", unknown: "?" };
