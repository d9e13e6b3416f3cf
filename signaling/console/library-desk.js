// The player's page: pictures in their places, the keys, the line of time. What plays is in library-player.js.

import { ask, by, clock, el, input } from "./home-dom.js";
import { icon } from "./icons.js";
import { keys } from "./library-keys.js";
import { Line } from "./library-line.js";
import { moment } from "./library-list.js";
import { Player } from "./library-player.js";
import { begins, chapter, counted, holds, lasting, nextSpeed, places, rotten, speeds, titled } from "./library-time.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./library-time.js").Detail} Detail */
/** @typedef {import("./library-time.js").Stream} Stream */
/** @typedef {import("./library-time.js").Span} Span */

export const layouts = ["side", "board", "teacher", "only"];
const growEvery = 700; // ms between two looks at a running lesson
const staleFor = 1500; // ms until what is asked again can be true
const noticeFor = 8000; // ms that a skipped hole is told of

/** @param {string} id @param {string} tag @returns {HTMLElement} */
const inside = (id, tag) => /** @type {HTMLElement} */ (by(id).querySelector(tag));
/** @param {string} id */
const select = (id) => /** @type {HTMLSelectElement} */ (by(id));

export class Desk {
	/**
	 * @param {Words} words
	 * @param {Detail} detail
	 * @param {"" | "live" | "start"} begin
	 */
	constructor(words, detail, begin) {
		this.words = words;
		this.detail = detail;
		this.end = new AbortController(); // ends what listens
		this.layout = "side";
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.noticeTimer = undefined;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.noteTimer = undefined;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.staleTimer = undefined;
		/** @type {Span | null} */
		this.gap = null;
		this.blocked = false;
		this.chosen = false; // the layout, by a person
		/** @type {Set<string>} */
		this.have = new Set();
		this.fill();
		this.player = new Player(detail, {
			changed: () => this.draw(), skipped: (gap) => this.skipped(gap), trouble: (f) => this.trouble(f?.code ?? ""), stale: () => this.stale(), blocked: () => this.block(), place: (s) => this.place(s),
		});
		this.line = new Line(words, this.player, (t) => this.player.jump(t));
		this.arrange();
		this.listen();
		if (begin === "live" || (begin === "" && detail.live && detail.durationMs > 60000)) {
			this.player.jump(this.player.last);
		}
		if (detail.fault) {
			this.trouble(`fault-${detail.fault}`);
		} else {
			this.player.play();
		}
		this.drawing = setInterval(() => this.time(), 200);
		this.growing = detail.live ? setInterval(() => void this.grow(), growEvery) : 0;
	}

	/** Where a stream is shown. @param {Stream} s */
	place(s) {
		this.have.add(s.name);
		if (s.name === "board" || s.name === "teacher") {
			const media = /** @type {HTMLVideoElement} */ (inside(s.name, "video"));
			return { media, shown: () => this.shows(s.name) };
		}
		if (s.kind === "audio") {
			const media = el("audio", {});
			by("sounds").append(media);
			return { media, shown: () => true };
		}
		const media = el("video", { playsinline: true, disablepictureinpicture: true });
		const name = this.detail.campuses.find((c) => c.id === s.campus?.split("/")[0])?.name ?? s.campus ?? "";
		by("pupils").append(el("figure", {}, el("figcaption", { text: name }), media));
		return { media, shown: () => this.layout !== "only" };
	}

	/** @param {string} name "board" or "teacher" */
	shows(name) {
		return this.have.has(name) && (name === "board" || this.layout !== "only" || !this.have.has("board"));
	}

	/** Puts the words and the choices into the page. */
	fill() {
		const { words, detail } = this;
		by("name").textContent = [titled(detail), detail.teacher, moment(words, Date.parse(detail.start))].filter(Boolean).join(" · ");
		document.title = titled(detail);
		select("speed").replaceChildren(...speeds.map((s) => el("option", { value: String(s), text: `${s % 1 ? s : s.toFixed(1)}×`, selected: s === 1 })));
		select("layout").replaceChildren(...layouts.map((l) => el("option", { value: l, text: say(words, `library.layout.${l}`) })));
		for (const id of ["sounds", "pupils"]) {
			by(id).replaceChildren();
		}
		by("pupils-note").hidden = detail.pupils && detail.may.pupils === true;
		by("pupils-note").textContent = say(words, detail.pupils ? "library.pupils.others" : "library.pupils.none");
		by("live-keys").hidden = !detail.live;
		by("live-mark").textContent = `● ${say(words, "library.live")}`;
		by("note").hidden = by("trouble").hidden = by("skipped").hidden = by("ring").hidden = by("begin").hidden = true;
		by("begin").textContent = `▶ ${say(words, "library.play")}`;
		by("ring").setAttribute("aria-label", say(words, "library.loading"));
		this.others();
		this.chapters();
	}

	/** Other recordings under the id of this lesson. */
	others() {
		const { words, detail } = this;
		const others = detail.others ?? [];
		by("others").hidden = others.length === 0;
		const newest = others.every((o) => Date.parse(o.start) <= Date.parse(detail.start));
		by("others").replaceChildren(el("span", { text: say(words, newest ? "library.others" : "library.others.older", { count: others.length + 1 }) }),
			...others.map((o) => el("a", { class: "chip", href: `#${o.id}/this`, text: moment(words, Date.parse(o.start)) })));
	}

	chapters() {
		const start = Date.parse(this.detail.start);
		const all = places(this.detail);
		by("chapters").replaceChildren(...all.map((p) => {
			const text = p.chapter ? say(this.words, `library.chapter.${p.chapter.kind}`, { name: p.chapter.name ?? "" }) : say(this.words, "library.chapter.lost", { length: this.long(p.lost) });
			const key = el("button", { type: "button" }, el("time", { text: clock(start + p.atMs) }), ` ${text}`);
			key.addEventListener("click", () => this.player.jump(p.atMs / 1000));
			return el("li", { class: p.lost ? "lost" : "" }, key);
		}));
		by("chapters-head").hidden = all.length === 0;
	}

	/** Shows the places that there are streams for. */
	arrange() {
		const [board, teacher] = [this.have.has("board"), this.have.has("teacher")];
		if (!this.chosen) {
			this.layout = board || !teacher ? "side" : "teacher";
		}
		by("stage").dataset.layout = this.layout;
		by("stage").dataset.streams = `${board ? "b" : ""}${teacher ? "t" : ""}`;
		for (const [id, has] of /** @type {[string, boolean][]} */ ([["board", board], ["teacher", teacher]])) {
			const empty = inside(id, ".empty");
			empty.hidden = has;
			empty.textContent = say(this.words, `library.no.${id}`);
			by(id).hidden = !has && (board || teacher) && id === "teacher";
		}
		by("pupils").hidden = by("pupils").childElementCount === 0;
		select("layout").value = this.layout;
		this.draw();
	}

	/** @param {string} layout */
	lay(layout) {
		this.chosen = true;
		this.layout = layout;
		this.arrange();
	}

	listen() {
		const signal = this.end.signal;
		const on = (/** @type {string} */ id, /** @type {string} */ type, /** @type {(e: Event) => void} */ f) => by(id).addEventListener(type, f, { signal });
		on("play", "click", () => this.toggle());
		on("begin", "click", () => this.toggle());
		on("less", "click", () => this.by(-15));
		on("more", "click", () => this.by(15));
		on("mute", "click", () => this.player.loud(this.player.volume, !this.player.silent));
		on("volume", "input", () => this.player.loud(Number(input("volume").value) / 100, false));
		on("speed", "change", () => this.player.speed(Number(select("speed").value)));
		on("layout", "change", () => this.lay(select("layout").value));
		on("full", "click", () => this.full());
		on("live-now", "click", () => this.from(this.player.last));
		on("live-start", "click", () => this.from(begins(this.detail.streams)));
		on("unskip", "click", () => {
			by("skipped").hidden = true;
			if (this.gap !== null) {
				this.player.unskip(this.gap);
			}
		});
		const narrow = matchMedia("(max-width: 899px)");
		const aside = () => by(narrow.matches ? "theatre" : "stage").append(by("side")); // on a phone the keys come right below the pictures
		narrow.addEventListener("change", aside, { signal });
		aside();
		keys(this, signal);
	}

	/** @param {number} t */
	from(t) {
		this.player.jump(t);
		this.player.play();
	}

	toggle() {
		this.blocked = false;
		by("begin").hidden = true;
		if (this.player.playing) {
			this.player.pause();
		} else {
			this.player.play();
		}
	}

	/** @param {number} seconds */
	by(seconds) {
		this.player.jump(this.player.at + seconds);
	}

	/** @param {1 | -1} way */
	chapter(way) {
		const c = chapter(this.detail.chapters, this.player.at, way);
		if (c !== undefined) {
			this.player.jump(c.atMs / 1000);
		} else if (way < 0) {
			this.player.jump(0);
		}
	}

	/** @param {1 | -1} way */
	faster(way) {
		this.player.speed(nextSpeed(this.player.rate, way));
		select("speed").value = String(this.player.rate);
	}

	/** @param {number} by how much */
	louder(by) {
		this.player.loud(Math.min(Math.max(this.player.volume + by, 0), 1), false);
	}

	full() {
		if (document.fullscreenElement !== null) {
			void document.exitFullscreen();
		} else {
			void by("stage").requestFullscreen();
		}
	}

	/** The browser plays no sound before a touch. */
	block() {
		this.blocked = true;
		by("begin").hidden = false;
	}

	/** @param {Span | undefined} s */
	long(s) {
		const l = lasting(s ? s.toMs - s.fromMs : 0);
		return say(this.words, `library.${l.key}`, { count: l.count });
	}

	/** The box has other fragments than it said: part of the recording rotted, or was erased. */
	stale() {
		clearTimeout(this.staleTimer);
		this.staleTimer = setTimeout(() => void this.grow(), staleFor);
	}

	/** @param {import("./library-time.js").Gap} gap */
	skipped(gap) {
		this.gap = gap;
		inside("skipped", "span").textContent = say(this.words, gap.cause === "erased" ? "library.skip.erased" : rotten(gap) ? "library.skip.lost" : "library.skip", { length: this.long(gap) });
		by("skipped").hidden = false;
		clearTimeout(this.noticeTimer);
		this.noticeTimer = setTimeout(() => (by("skipped").hidden = true), noticeFor);
	}

	/** @param {string} code "" for none */
	trouble(code) {
		by("trouble").hidden = code === "";
		const key = `library.error.${code}`;
		by("trouble").textContent = code === "" ? "" : say(this.words, this.words[key] === undefined ? "library.error.internal" : key);
	}

	/** Tells for a moment what was done. @param {string} text */
	notice(text) {
		by("note").textContent = text;
		by("note").hidden = false;
		clearTimeout(this.noteTimer);
		this.noteTimer = setTimeout(() => (by("note").hidden = true), noticeFor);
	}

	async grow() {
		const answer = await ask("GET", `/recordings/${encodeURIComponent(this.detail.id)}`);
		if (!answer.ok || this.end.signal.aborted) {
			return;
		}
		const before = this.detail;
		this.detail = answer.data;
		this.player.grow(this.detail);
		if (places(before).length !== places(this.detail).length) {
			this.chapters();
		}
		by("live-keys").hidden = !this.detail.live;
		if (!this.detail.live) {
			clearInterval(this.growing);
		}
		this.line.fill(this.detail);
		this.arrange();
	}

	/** What changes with what is pressed. */
	draw() {
		const p = this.player;
		if (p === undefined) { // the player tells while it is made
			return;
		}
		if (by("play").dataset.does !== (p.playing ? "pause" : "play")) {
			by("play").dataset.does = p.playing ? "pause" : "play";
			by("play").replaceChildren(icon(p.playing ? "pause" : "play"));
			by("play").setAttribute("aria-label", say(this.words, p.playing ? "library.pause" : "library.play"));
		}
		by("mute").textContent = say(this.words, p.silent || p.volume === 0 ? "library.unmute" : "library.mute");
		input("volume").value = String(p.silent ? 0 : Math.round(p.volume * 100));
		by("ring").hidden = !p.ring || this.blocked;
		by("stage").dataset.state = p.running ? "playing" : p.waiting !== 0 ? "waiting" : p.ended ? "ended" : "paused";
		this.time();
	}

	/** What changes with the time. */
	time() {
		const p = this.player;
		by("time").textContent = `${counted(p.at)} / ${counted(p.length)}`;
		by("ring").hidden = !p.ring || this.blocked;
		this.line?.draw();
		for (const name of ["board", "teacher"]) { // a picture that is over is seen to be over
			const s = this.detail.streams.find((x) => x.name === name);
			by(name).classList.toggle("over", s !== undefined && !this.detail.live && holds(s, p.at) < 0 && p.at < p.length - 1);
		}
	}

	close() {
		this.end.abort();
		clearInterval(this.drawing);
		clearInterval(this.growing);
		clearTimeout(this.noticeTimer);
		clearTimeout(this.noteTimer);
		clearTimeout(this.staleTimer);
		this.player.close();
		for (const id of ["sounds", "pupils", "heard", "bar", "chapters"]) {
			by(id).replaceChildren();
		}
	}
}

