// The shelf: which recordings there are, newest first, and what narrows the choice.

import { ask, by, clock, day, el, input, link, now } from "./home-dom.js";
import { choices, chosen, everything, lasting, marks, titled } from "./library-time.js";
import { language, say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./library-time.js").Recording} Recording */
/** @typedef {import("./library-time.js").Filter} Filter */

const zone = 8 * 3600 * 1000; // Asia/Shanghai has no summer time

/** @type {Recording[]} */
let all = [];
/** @type {Filter} */
let filter = { ...everything };

/** 11月21日 @param {Words} words @param {number} ms */
export function date(words, ms) {
	const d = new Date(ms + zone);
	const year = d.getUTCFullYear() === new Date(now() + zone).getUTCFullYear() ? "" : ".year";
	return say(words, `library.date${year}`, { year: d.getUTCFullYear(), month: language === "en" ? say(words, `library.month.${d.getUTCMonth() + 1}`) : d.getUTCMonth() + 1, day: d.getUTCDate() });
}

/** 11月21日 周五 8:40 @param {Words} words @param {number} ms */
export const moment = (words, ms) => `${date(words, ms)} ${say(words, `home.plan.day.${new Date(ms + zone).getUTCDay() || 7}`)} ${clock(ms)}`;

/** 40 分 @param {Words} words @param {number} ms */
export function long(words, ms) {
	const l = lasting(ms);
	return say(words, `library.${l.key}`, { count: l.count });
}

/** @param {Words} words @param {Recording} r */
function row(words, r) {
	const start = Date.parse(r.start);
	const campuses = r.campuses.map((c) => c.name).join(" ");
	const facts = [r.teacher, campuses, r.live ? "" : long(words, r.durationMs)].filter(Boolean).join(" · ");
	const item = el("li", { class: r.live ? "live" : "" },
		el("a", { class: "open", href: `#${r.id}/this` },
			el("time", { datetime: r.start, text: moment(words, start) }),
			el("span", { class: "what" }, el("span", { class: "title", text: titled(r) }), el("span", { class: "second", text: facts })),
			el("span", { class: "marks" }, ...marks(r).map((m) => el("span", {
				class: `mark ${m.kind}`, text: say(words, m.key, { length: long(words, m.ms ?? 0), date: m.date ? date(words, Date.parse(m.date)) : "" }),
			})))));
	if (r.live) {
		item.append(el("span", { class: "keys" },
			el("a", { class: "chip", href: `#${r.id}/live`, text: say(words, "library.live.now"), "aria-label": say(words, "library.live.now.of", { title: titled(r) }) }),
			el("a", { class: "chip", href: `#${r.id}/start`, text: say(words, "library.live.start"), "aria-label": say(words, "library.live.start.of", { title: titled(r) }) })));
	}
	return item;
}

/** @param {Words} words */
function draw(words) {
	const rows = chosen(all, filter, day, now());
	const focused = document.activeElement?.getAttribute("href");
	by("list").replaceChildren(...rows.map((r) => row(words, r)));
	if (focused) {
		for (const a of by("list").querySelectorAll("a")) {
			if (a.getAttribute("href") === focused) {
				a.focus(); // the list was made anew under the reader
			}
		}
	}
	by("none").hidden = rows.length > 0;
	by("none").textContent = say(words, all.length === 0 ? "library.none" : "library.none.found");
	by("filters").hidden = all.length === 0;
}

/**
 * A chip that opens a choice.
 * @param {Words} words
 * @param {string} key
 * @param {{value: string, text: string}[]} options
 * @param {string} value
 * @param {(value: string) => void} choose
 */
function chip(words, key, options, value, choose) {
	const name = say(words, key);
	const select = el("select", { class: value === "" ? "chip" : "chip chosen", "aria-label": name }, el("option", { value: "", text: value === "" ? name : say(words, "library.all") }),
		...options.map((o) => el("option", { value: o.value, text: o.text, selected: o.value === value })));
	select.addEventListener("change", () => {
		choose(select.value);
		chips(words);
		draw(words);
		/** @type {HTMLElement | null} */ (by("chips").querySelector(`select[aria-label="${CSS.escape(name)}"]`))?.focus();
	});
	return select;
}

/** @param {Words} words */
function chips(words) {
	const c = choices(all);
	const same = (/** @type {string} */ s) => ({ value: s, text: s });
	const own = el("button", { type: "button", class: filter.own ? "chip chosen" : "chip", "aria-pressed": String(filter.own), text: say(words, "library.own") });
	own.addEventListener("click", () => {
		filter.own = !filter.own;
		chips(words);
		draw(words);
		/** @type {HTMLElement | null} */ (by("chips").querySelector("[aria-pressed]"))?.focus();
	});
	by("chips").replaceChildren(
		chip(words, "library.day", [1, 7, 30].map((n) => ({ value: String(n), text: say(words, `library.day.${n}`) })), filter.days ? String(filter.days) : "", (v) => (filter.days = Number(v))),
		chip(words, "library.subject", c.subjects.map(same), filter.subject, (v) => (filter.subject = v)),
		chip(words, "library.teacher.filter", c.teachers.map(same), filter.teacher, (v) => (filter.teacher = v)),
		chip(words, "library.campus", c.campuses.map((x) => ({ value: x.id, text: x.name })), filter.campus, (v) => (filter.campus = v)),
		...(all.some((r) => r.own) || filter.own ? [own] : []),
	);
}

let listened = false;

/**
 * Fetches and shows the shelf.
 * @param {Words} words
 * @returns {Promise<import("./home-dom.js").Answer>}
 */
export async function shelf(words) {
	if (!listened) {
		listened = true;
		input("find").addEventListener("input", () => {
			filter = { ...filter, text: input("find").value };
			draw(words);
		});
		by("filters").addEventListener("submit", (e) => e.preventDefault());
	}
	const answer = await ask("GET", "/recordings");
	if (!answer.ok) {
		return answer;
	}
	const before = JSON.stringify(choices(all)) + all.some((r) => r.own);
	all = answer.data;
	if (before !== JSON.stringify(choices(all)) + all.some((r) => r.own) || by("chips").childElementCount === 0) {
		chips(words);
	}
	draw(words);
	return answer;
}

/** How many more lessons fit, for who may know. @param {Words} words */
export async function disk(words) {
	const answer = await ask("GET", "/disk");
	by("disk").hidden = !answer.ok;
	if (answer.ok) {
		by("disk").textContent = say(words, answer.data.lessons > 0 ? "library.disk" : "library.disk.full", { count: answer.data.lessons });
	}
}

/** The front door in the same language. */
export const home = () => link("/");
