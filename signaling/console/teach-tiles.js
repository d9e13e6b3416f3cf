// The campuses: pictures or rows, and each of them is the button that calls on it.

import { el } from "./home-dom.js";
import { show } from "./receive.js";
import { button, long, markOf, refill, span, write } from "./teach-parts.js";
import { say } from "./text.js";

/** @typedef {import("./teach-view.js").Tile} Tile */
/** @typedef {import("./teach-view.js").Word} Word */
/** @typedef {import("./text.js").Words} Words */
/** @typedef {{stream: MediaStream | null, key: string}} Picture */
/** @typedef {{id: number, text: string}} Bubble */

const hold = 600; // ms after which a press means: speak together

/**
 * @typedef {object} Acts what the tiles ask for
 * @property {(room: string, second: boolean) => void} call gives the floor, or takes it back
 * @property {((room: string, at: HTMLElement) => void) | null} more opens the menu; null where there is none
 * @property {(note: number) => void} seen
 */

/** @typedef {{tile: HTMLElement, call: HTMLButtonElement, picture: HTMLElement, blank: HTMLElement, number: HTMLElement, name: HTMLElement, words: HTMLElement, level: HTMLElement, bubble: HTMLButtonElement, more: HTMLElement | null, note: number}} Parts */

export class Tiles {
	/**
	 * @param {HTMLElement} host
	 * @param {Words} words
	 * @param {Acts} acts
	 */
	constructor(host, words, acts) {
		this.host = host;
		this.words = words;
		this.acts = acts;
		/** @type {Map<string, Parts>} */
		this.parts = new Map();
		this.order = "";
	}

	/**
	 * @param {Tile[]} tiles
	 * @param {(room: string) => Picture} picture
	 * @param {(room: string) => Bubble | null} bubble
	 * @param {boolean} rows always rows, and no picture at all
	 */
	draw(tiles, picture, bubble, rows) {
		const order = tiles.map((t) => t.room).join("\n");
		if (order !== this.order) {
			this.order = order;
			this.arrange(tiles);
		}
		this.host.dataset.n = tiles.length <= 1 ? "1" : tiles.length === 2 ? "2" : tiles.length <= 6 ? "6" : "11";
		this.host.classList.toggle("rows", rows);
		const first = tiles.filter((t) => t.turn > 0).sort((a, b) => a.turn - b.turn)[0];
		for (const t of tiles) {
			const p = this.parts.get(t.room);
			if (p) {
				this.update(p, t, rows);
				p.tile.classList.toggle("chosen", t.floor || t === first); // rows show the picture of these
				this.show(p, t, rows ? { stream: null, key: "" } : picture(t.room));
				this.say(p, bubble(t.room));
			}
		}
	}

	/** @param {Tile[]} tiles */
	arrange(tiles) {
		for (const [room, p] of this.parts) {
			if (!tiles.some((t) => t.room === room)) {
				p.tile.remove();
				this.parts.delete(room);
			}
		}
		for (const t of tiles) {
			const p = this.parts.get(t.room) ?? this.make(t.room);
			this.parts.set(t.room, p);
			this.host.append(p.tile);
		}
	}

	/** @param {string} room @returns {Parts} */
	make(room) {
		const picture = el("span", { class: "picture" });
		const blank = el("span", { class: "blank" });
		picture.append(blank);
		const number = el("span", { class: "number", "aria-hidden": "true" });
		const name = el("span", { class: "name" });
		const words = el("span", { class: "words" });
		const level = el("i");
		const call = button({ class: "call" }, () => {}, picture, number, name, words, el("span", { class: "level", "aria-hidden": "true" }, level), el("span", { class: "release", "aria-hidden": "true", text: say(this.words, "teach.release") }), el("span", { class: "ring", "aria-hidden": "true" }));
		this.press(call, room);
		const bubble = button({ class: "bubble", hidden: true }, () => this.acts.seen(this.parts.get(room)?.note ?? 0));
		const tile = el("li", { class: "tile" }, call, bubble);
		/** @type {HTMLElement | null} */
		let more = null;
		const open = this.acts.more;
		if (open !== null) {
			const b = button({ class: "more", "aria-haspopup": "menu", "aria-expanded": "false", text: "⋯" }, () => open(room, b));
			more = b;
			tile.append(b);
		}
		return { tile, call, picture, blank, number, name, words, level, bubble, more, note: 0 };
	}

	/**
	 * A tap, a tap with Shift, or a press that is held.
	 * @param {HTMLButtonElement} call
	 * @param {string} room
	 */
	press(call, room) {
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		let timer;
		let held = false;
		const stop = () => {
			clearTimeout(timer);
			call.classList.remove("held");
		};
		call.addEventListener("pointerdown", (e) => {
			held = false;
			if (e.button === 0 && call.getAttribute("aria-pressed") !== "true" && call.getAttribute("aria-disabled") !== "true") {
				call.classList.add("held");
				timer = setTimeout(() => {
					stop();
					held = true;
					this.acts.call(room, true);
				}, hold);
			}
		});
		for (const type of ["pointerup", "pointerleave", "pointercancel"]) {
			call.addEventListener(type, stop);
		}
		call.addEventListener("contextmenu", (e) => e.preventDefault());
		call.addEventListener("click", (e) => {
			if (!held && e.detail < 2) { // the second press of a double one would take back what the first gave
				this.acts.call(room, e.shiftKey);
			}
			held = false;
		});
	}

	/**
	 * @param {Parts} p
	 * @param {Tile} t
	 * @param {boolean} rows
	 */
	update(p, t, rows) {
		const texts = t.words.map((w) => this.text(w));
		const effect = say(this.words, t.floor ? "teach.release" : "teach.call");
		for (const [name, on] of /** @type {[string, boolean][]} */ ([["floor", t.floor], ["hand", t.turn > 0], ["removed", t.removed], ["away", !t.callable]])) {
			p.tile.classList.toggle(name, on);
		}
		attribute(p.call, "aria-label", [`${effect} ${t.name}`, ...t.words.map((w) => this.text(w, false))].join(", "));
		attribute(p.call, "aria-pressed", String(t.floor));
		attribute(p.call, "aria-disabled", String(!t.callable));
		if (p.more) {
			attribute(p.more, "aria-label", say(this.words, "teach.more", { name: t.name }));
		}
		write(p.number, String(t.number));
		write(p.name, t.name);
		p.name.classList.toggle("long", long(t.name));
		const shown = t.words.slice(0, rows ? 2 : 3);
		refill(p.words, shown.map((w, i) => `${w.look}${w.mark}${texts[i]}`).join("|"), () =>
			shown.map((w, i) => el("span", { class: `word ${w.look}` }, markOf(w.mark), texts[i])),
		);
		p.level.style.width = `${t.floor ? t.level : 0}%`;
	}

	/** @param {Word} w @param {boolean} counts with the seconds; a name that changes each second is read each second */
	text(w, counts = true) {
		const values = w.values.for === undefined ? w.values : { ...w.values, for: counts || w.key === "away" ? span(this.words, String(w.values.for)) : "" };
		return say(this.words, `teach.word.${w.key}`, values).trim();
	}

	/**
	 * @param {Parts} p
	 * @param {Tile} t
	 * @param {Picture} picture
	 */
	show(p, t, picture) {
		const there = t.picture === "picture" && picture.stream !== null;
		show(p.picture, there ? picture.stream : null, there ? picture.key : "", t.name);
		p.tile.classList.toggle("seen", there);
		write(p.blank, there ? "" : t.picture === "covered" ? say(this.words, "teach.word.covered") : "");
	}

	/** @param {Parts} p @param {Bubble | null} bubble */
	say(p, bubble) {
		p.note = bubble?.id ?? 0;
		p.bubble.hidden = bubble === null;
		if (bubble !== null) {
			write(p.bubble, bubble.text);
			attribute(p.bubble, "aria-label", say(this.words, "teach.note.seen", { text: bubble.text }));
		}
	}
}

/** @param {Element} e @param {string} name @param {string} value */
function attribute(e, name, value) {
	if (e.getAttribute(name) !== value) {
		e.setAttribute(name, value);
	}
}
