// 消息: what assistants and teacher write to each other. A fresh word of a room also stands on its tile.

import { by, clock, el } from "./home-dom.js";
import { button, refill } from "./teach-parts.js";
import { tell } from "./teach-told.js";
import { say } from "./text.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").Note} Note */
/** @typedef {import("./text.js").Words} Words */

const bubbleFor = 15000; // ms on the tile

export class Notes {
	/**
	 * @param {Words} words
	 * @param {(note: number) => void} seen
	 */
	constructor(words, seen) {
		this.words = words;
		this.seen = seen;
		/** the last note that a screen reader was told of */
		this.told = 0;
	}

	/** @param {Note} n */
	text(n) {
		return n.kind === "phrase" ? say(this.words, `teach.phrase.${n.code ?? ""}`) : (n.text ?? "");
	}

	/**
	 * What a room said just now, for its tile.
	 * @param {Lesson} l
	 * @param {string} room
	 * @param {number} now
	 */
	bubble(l, room, now) {
		const n = l.notes.findLast((x) => x.from === "assistant" && x.room === room);
		return n && !n.seen && now - n.at < bubbleFor ? { id: n.id, text: this.text(n) } : null;
	}

	/** The list, newest first. @param {Lesson} l */
	draw(l) {
		const list = [...l.notes].sort((a, b) => b.at - a.at || b.id - a.id);
		refill(by("note-list"), list.map((n) => `${n.id}${n.seen}`).join(), () => (list.length === 0 ? [el("li", { class: "none" }, say(this.words, "teach.notes.none"))] : list.map((n) => this.line(l, n))));
		const newest = list.find((n) => n.from === "assistant");
		if (newest && newest.id > this.told) {
			this.told = newest.id;
			tell(this.sentence(l, newest));
		}
	}

	/** @param {Lesson} l @param {Note} n */
	sentence(l, n) {
		const name = l.rooms.find((r) => r.room === n.room)?.name ?? (n.room === "" ? say(this.words, "teach.note.all") : n.room);
		return say(this.words, n.from === "assistant" ? "teach.note.line" : "teach.note.mine", { name, text: this.text(n) });
	}

	/** @param {Lesson} l @param {Note} n */
	line(l, n) {
		const time = el("time", {}, clock(n.at));
		const text = this.sentence(l, n);
		if (n.from === "teacher") {
			return el("li", { class: "mine" }, el("span", {}, text), n.seen ? el("span", { class: "seen", text: "✓" }) : "", time);
		}
		if (n.seen) {
			return el("li", {}, el("span", {}, text), el("span", { class: "seen", text: "✓" }), time);
		}
		return el("li", { class: "new" }, button({ "aria-label": say(this.words, "teach.note.seen", { text }) }, () => this.seen(n.id), el("span", {}, text), time));
	}
}
