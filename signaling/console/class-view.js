// Draws the wall screen: sentence, signs, pictures, names. It decides nothing that class-state.js and class-layout.js can decide.

import { hand, inLesson, look, own, signs } from "./class-state.js";
import { clock } from "./home-dom.js";
import { icon } from "./icons.js";
import { show } from "./receive.js";
import { language, say } from "./text.js";

/** @typedef {import("./class-state.js").Facts} Facts */
/** @typedef {import("./class-state.js").Memory} Memory */
/** @typedef {import("./class-layout.js").Plan} Plan */
/** @typedef {import("./class-layout.js").Tile} Tile */

/**
 * @typedef {object} Shown where the picture of a tile comes from
 * @property {MediaStream | null} stream
 * @property {string} key another key is another picture
 * @property {"" | "voice" | "name" | "covered" | "plug" | "keep"} note what stands there instead; keep: the last picture stays
 */

const stripFor = 5000; // ms that the bar stays over a board that fills the screen
const many = 5; // names of schools that are listed
const recovery = 20; // seconds that a box needs to start

/** @param {string} id */
export function element(id) {
	const e = document.getElementById(id);
	if (e === null) {
		throw new Error(`no element ${id}`);
	}
	return e;
}

/**
 * Writes only what has changed, so that a screen reader is not told twice.
 * @param {string} id
 * @param {string} text
 * @returns {boolean} whether it has
 */
export function write(id, text) {
	const e = element(id);
	if (e.textContent === text) {
		return false;
	}
	e.textContent = text;
	return true;
}

/** @param {HTMLElement} e @param {{x: number, y: number, w: number, h: number}} p */
function put(e, p) {
	const u = (/** @type {number} */ n) => `calc(${n} * var(--u))`;
	Object.assign(e.style, { left: u(p.x), top: u(p.y), width: u(p.w), height: u(p.h) });
}

export class View {
	/** @param {import("./text.js").Words} words */
	constructor(words) {
		this.words = words;
		/** @type {Map<string, HTMLElement>} by tile */
		this.tiles = new Map();
		this.calledAt = 0; // ms of the page's clock: when the bar was last called back over a full board
		this.shown = "";
		this.fitted = "";
		this.level = -1;
	}

	/** @param {string} key @param {Record<string, string | number>} [values] */
	say(key, values) {
		return say(this.words, `class.${key}`, values);
	}

	/** @param {Facts} f @param {string[]} rooms */
	names(f, rooms) {
		const all = rooms.map((room) => f.lesson?.rooms.find((r) => r.room === room)?.name ?? room);
		return all.join(this.say("names.join"));
	}

	/** The words of row A. @param {Facts} f @param {Memory} m */
	sentence(f, m) {
		const l = f.lesson;
		const lasts = Math.max(0, Math.floor((f.now - m.since) / 1000));
		const minutes = Math.floor(lasts / 60);
		const next = f.room?.next;
		const about = { subject: next?.subject || next?.title || "", teacher: next?.teacher ?? "", time: next ? clock(next.start) : "" };
		switch (m.key) {
			case "link.down": {
				const at = m.held.link?.held ? (f.room?.uplink?.nextTry ?? 0) : f.nextTry;
				const wait = Math.ceil((at - f.now) / 1000);
				return wait > 0 ? this.say("link.down", { seconds: lasts, next: wait }) : this.say("link.down.trying", { seconds: lasts });
			}
			case "link.long":
				return this.say(m.key, { minutes: Math.max(1, minutes) });
			case "box.restart":
				return lasts < recovery ? this.say(m.key, { seconds: recovery - lasts }) : this.say("box.restart.soon");
			case "teacher.down":
				return this.say(m.key, { seconds: lasts });
			case "floor.other":
				return this.say(m.key, { names: this.names(f, l?.floor.map((h) => h.room) ?? []) });
			case "live":
				if (l?.state === "over") {
					return this.say("live.over");
				}
				if (f.now - m.since >= 10000 && l !== null && (l.subject || l.title) && l.teacher) {
					return this.say("live.about", { subject: l.subject || l.title, teacher: l.teacher });
				}
				return this.say("live");
			case "installed":
				return this.say("installed", { minutes: f.room?.installed ?? 1 });
			case "idle":
				return next ? this.say(about.teacher ? "idle" : "idle.alone", about) : this.say("idle.none");
			case "soon": {
				const left = next ? Math.max(0, Math.ceil((next.start - f.now) / 1000)) : 0;
				return left > 0 ? this.say("soon", { ...about, minutes: Math.floor(left / 60), seconds: left % 60 }) : this.say("soon.now", about);
			}
		}
		return this.say(m.key);
	}

	/**
	 * @param {Facts} f
	 * @param {Memory} m
	 * @param {Plan} plan
	 * @param {(t: Tile) => Shown} shown
	 * @param {{level: number, checks: import("./class-checks.js").Check[], scan: boolean}} more
	 */
	draw(f, m, plan, shown, more) {
		this.bar(f, m, plan, more.scan);
		this.row(f, m);
		this.places(f, m, plan, shown);
		this.roomPage(f, m, more.checks);
		if (this.level !== more.level) {
			this.level = more.level; // each write has the whole page's styles looked at again
			document.documentElement.style.setProperty("--level", String(more.level / 100));
		}
		document.body.classList.toggle("mirrored", f.lesson?.mirror ?? false);
		this.fit(f.lesson?.end ?? 0);
	}

	/** @param {Facts} f @param {Memory} m @param {Plan} plan @param {boolean} scan */
	bar(f, m, plan, scan) {
		const l = look(m.key);
		const text = this.sentence(f, m);
		const cut = text.search(/\s?[（(]/); // what stands in brackets leaves first
		write("words", cut > 0 ? text.slice(0, cut) : text);
		write("more", cut > 0 ? text.slice(cut) : "");
		const mark = element("mark");
		if (mark.dataset.mark !== l.mark) {
			mark.dataset.mark = l.mark;
			mark.replaceChildren(l.mark === "✋" ? icon("hand") : l.mark === "🎤" ? "" : l.mark);
		}
		write("code", m.key === "idle" ? this.say("idle.help") : l.code);
		if (this.shown !== m.key) {
			this.shown = m.key;
			this.calledAt = performance.now();
			element("sentence").setAttribute("aria-live", m.key === "floor.us" ? "assertive" : "polite");
		}
		const quietly = m.key === "live" && performance.now() - this.calledAt > stripFor;
		const classes = {
			good: l.look === "good",
			warn: l.look === "warn",
			bad: l.look === "bad",
			turn: l.look === "floor",
			quiet: m.key === "floor.quiet",
			full: plan.full,
			onlysigns: plan.full && quietly,
			look: m.key === "soon.look",
		};
		for (const [name, on] of Object.entries(classes)) {
			document.body.classList.toggle(name, on);
		}
		const does = hand(f, m);
		element("hand").hidden = does === "" || scan;
		element("scan").hidden = does === "" || !scan;
		write("scan", this.say("hand.scan"));
		if (does !== "") {
			const button = element("hand");
			const words = this.say(`hand.${does}`);
			if (write("handwords", words) || button.dataset.does !== does) {
				button.dataset.does = does;
				button.className = does;
				element("handmark").replaceChildren(...(does === "done" ? [] : [icon("hand")]));
			}
		}
	}

	/** Row B. @param {Facts} f @param {Memory} m */
	row(f, m) {
		const list = signs(f, m);
		const key = JSON.stringify(list);
		const ul = element("signs");
		if (ul.dataset.key !== key) {
			ul.dataset.key = key;
			ul.replaceChildren(
				...list.map((s) => {
					const li = document.createElement("li");
					const words = document.createElement("span");
					words.textContent = say(this.words, s.key);
					li.dataset.sign = s.id;
					li.className = s.look;
					if (s.id === "camera" || s.id === "microphone") {
						li.classList.add("device");
						li.setAttribute("aria-label", words.textContent);
						li.append(icon(s.key === "class.sign.covered" ? "covered" : s.key === "class.sign.silent" ? "silent" : s.id));
					} else if (s.mark !== "") {
						const mark = document.createElement("b");
						mark.textContent = s.mark;
						li.append(mark);
					}
					li.append(words);
					return li;
				}),
			);
		}
		const end = inLesson(f) ? (f.lesson?.end ?? 0) : 0;
		const left = Math.ceil((end - f.now) / 60000);
		write("left", left > 0 && f.lesson?.state === "live" ? this.say("left", { minutes: left }) : "");
		write("clock", clock(f.now));
	}

	/** @param {Facts} f @param {Memory} m @param {Plan} plan @param {(t: Tile) => Shown} shown */
	places(f, m, plan, shown) {
		const pictures = element("pictures");
		const there = inLesson(f) || m.key === "soon.look";
		const wanted = there ? plan.tiles : [];
		for (const [id, e] of this.tiles) {
			if (!wanted.some((t) => t.id === id)) {
				show(e, null, "", "");
				e.remove();
				this.tiles.delete(id);
			}
		}
		for (const t of wanted) {
			let e = this.tiles.get(t.id);
			if (e === undefined) {
				e = document.createElement("section");
				e.className = "picture";
				e.id = t.kind === "campus" ? `campus ${t.room}` : t.id;
				this.tiles.set(t.id, e);
				pictures.append(e);
			}
			put(e, t);
			e.classList.toggle("floor", t.floor);
			const s = shown(t);
			const label = t.kind === "campus" ? (f.lesson?.rooms.find((r) => r.room === t.room)?.name ?? t.room) : this.say(`picture.${t.kind}`);
			if (s.note !== "keep") {
				show(e, s.stream, s.key, label);
				this.note(e, s.note, label);
				this.caption(e, t.kind === "campus" && s.note === "" ? label : "");
			}
		}
		const running = there && m.key !== "soon.look";
		const speaking = element("speaking");
		speaking.hidden = !running || plan.speaking === null;
		if (plan.speaking !== null) {
			put(speaking, plan.speaking);
			write("speaking", this.say("speaking", { names: this.names(f, plan.speaking.rooms) }));
		}
		const names = element("names");
		names.hidden = !running || plan.names === null;
		if (plan.names !== null && f.lesson !== null) {
			put(names, plan.names);
			this.listNames(f, f.lesson, names);
		}
	}

	/** The lesson's names where there is room for them: of many schools only how many. @param {Facts} f @param {import("./messages.js").Lesson} l @param {HTMLElement} names */
	listNames(f, l, names) {
		const others = l.rooms.filter((r) => r.room !== f.me && r.state !== "removed").map((r) => r.name);
		const alone = others.length === 0;
		const count = this.say("campuses.more", { count: l.rooms.length });
		const all = alone ? [l.master.name, own(f)?.name ?? ""].filter(Boolean) : [l.master.name, ...others].filter(Boolean);
		const text = others.length > many ? count : all.join(this.say("names.join"));
		const key = [l.state, l.subject, l.title, l.teacher, text, names.style.height, innerWidth, innerHeight].join("|");
		if (names.dataset.key === key) {
			return;
		}
		names.dataset.key = key;
		const roomy = parseFloat(names.style.height.replace("calc(", "")) > 270; // more than one place is free
		names.classList.toggle("wide", (f.lesson?.state === "waiting" || f.lesson?.state === "planned") && roomy);
		write("title", alone || roomy || others.length > many ? l.subject || l.title : "");
		write("by", alone || roomy ? (l.teacher ?? "") : "");
		write("campuses", text);
		names.classList.remove("tight");
		names.classList.toggle("tight", names.scrollHeight > names.clientHeight);
		if (names.scrollHeight > names.clientHeight) {
			write("campuses", count);
		}
	}

	/** The name of another campus stands in a corner of its picture. @param {HTMLElement} e @param {string} name */
	caption(e, name) {
		let p = e.querySelector(".caption");
		if (name === "") {
			p?.remove();
			return;
		}
		if (p === null) {
			p = document.createElement("p");
			p.className = "caption";
			e.append(p);
		}
		if (p.textContent !== name) {
			p.textContent = name;
		}
	}

	/** @param {HTMLElement} e @param {Shown["note"]} kind @param {string} label */
	note(e, kind, label) {
		const key = kind === "" ? "" : `${kind} ${label}`;
		if (e.dataset.note === key) {
			return;
		}
		e.dataset.note = key;
		e.querySelector(".note")?.remove();
		if (kind === "" || kind === "keep") {
			return;
		}
		const note = document.createElement("p");
		note.className = "note";
		const name = document.createElement("span");
		name.textContent = kind === "covered" ? this.say("sign.covered") : label;
		if (kind === "plug") {
			note.append(icon("plug"));
		}
		note.append(name);
		if (kind === "voice") {
			const what = document.createElement("span");
			what.className = "kind";
			what.textContent = this.say("voiceOnly");
			note.append(what);
		}
		e.append(note);
	}

	/** The room's own page between lessons. @param {Facts} f @param {Memory} m @param {import("./class-checks.js").Check[]} checks */
	roomPage(f, m, checks) {
		const here = m.key === "idle" || m.key === "installed" || m.key === "soon" || m.key === "ended" || m.key === "removed" || m.key === "room.taken" || m.key.startsWith("test");
		element("testpicture").hidden = m.key !== "test.show";
		write("testask", this.say("test.ask"));
		write("testhow", this.say("test.how"));
		write("testroom", f.room?.name ?? "");
		element("room").hidden = !here;
		document.body.classList.toggle("between", here);
		write("bigclock", clock(f.now));
		const list = element("checks");
		list.hidden = m.key !== "soon";
		const key = JSON.stringify(checks);
		if (list.dataset.key !== key) {
			list.dataset.key = key;
			list.replaceChildren(
				...checks.map((c) => {
					const li = document.createElement("li");
					li.className = c.cure === "" ? "good" : "bad";
					li.textContent = c.cure === "" ? `✓ ${this.say(`check.${c.name}`)}` : `✕ ${this.say(`check.${c.name}.${c.cure}`)}`;
					return li;
				}),
			);
		}
	}

	/** What does not fit leaves: first the brackets of the sentence; of row B the minutes left, the clock, the words of the devices. @param {number} end */
	fit(end) {
		const state = [element("text").textContent, element("signs").dataset.key, element("left").textContent, end, innerWidth, innerHeight, document.body.className].join("|");
		if (state === this.fitted) {
			return;
		}
		const sentence = element("sentence");
		sentence.classList.remove("brief");
		const text = element("text");
		const twoLines = 2.4 * parseFloat(getComputedStyle(sentence).fontSize);
		sentence.classList.toggle("brief", text.offsetHeight > Math.min(twoLines, sentence.clientHeight) || text.scrollWidth > text.clientWidth + 2);
		const row = element("rowb");
		row.className = "";
		for (const step of ["drop1", "drop2", "drop3", "drop4", "drop5"]) {
			if (row.scrollWidth > row.clientWidth + 1) {
				row.classList.add(step);
			}
		}
		this.fitted = [element("text").textContent, element("signs").dataset.key, element("left").textContent, end, innerWidth, innerHeight, document.body.className].join("|");
	}
}

/** Words that stand on the page of a language are read in it. */
export function speak() {
	document.documentElement.lang = language === "en" ? "en" : "zh-CN";
}
