// What somebody who does not see the page is told: what has changed in the lesson, once. Nothing that counts is told each second.

import { by, el } from "./home-dom.js";
import { news } from "./teach-view.js";
import { say } from "./text.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./text.js").Words} Words */

const stays = 5000; // ms that a sentence stands where screen readers look

/** Tells a sentence; the same one may come again. @param {string} text */
export function tell(text) {
	const p = el("p", {}, text);
	by("told").append(p);
	setTimeout(() => p.remove(), stays);
}

/** @param {Words} words @param {Lesson | null} former @param {Lesson} l */
export function tellNews(words, former, l) {
	if (former !== null && former.id === l.id) {
		for (const n of news(former, l)) {
			tell(say(words, "teach.note.line", { name: n.name, text: say(words, `teach.${n.key}`, n.values).trim() }));
		}
	}
}
