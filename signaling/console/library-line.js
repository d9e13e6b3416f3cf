// The line of time under the pictures: where it stands, who speaks where, what is missing; and the rows of who was heard.

import { by, el } from "./home-dom.js";
import { counted, during, places } from "./library-time.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./library-player.js").Player} Player */
/** @typedef {import("./library-time.js").Span} Span */
/** @typedef {import("./library-time.js").Detail} Detail */

export class Line {
	/** @param {Words} words @param {Player} player @param {(t: number) => void} jump */
	constructor(words, player, jump) {
		this.words = words;
		this.player = player;
		this.jump = jump;
		this.done = el("div", { class: "done" });
		this.knob = el("div", { class: "knob" });
		/** @type {number | null} where the finger is, s */
		this.held = null;
		this.length = 0;
		this.chapter = -2;
		this.fill(player.detail);
		const track = by("track");
		track.onpointerdown = (e) => {
			track.setPointerCapture(e.pointerId);
			this.held = this.at(e);
			this.draw();
		};
		track.onpointermove = (e) => {
			if (this.held !== null) {
				this.held = this.at(e);
				this.draw();
			}
		};
		track.onpointerup = () => {
			if (this.held !== null) {
				const t = this.held;
				this.held = null;
				this.jump(t);
			}
		};
		track.onpointercancel = () => (this.held = null);
	}

	/** @param {PointerEvent} e */
	at(e) {
		const r = by("bar").getBoundingClientRect();
		return Math.min(Math.max((e.clientX - r.left) / r.width, 0), 1) * this.player.length;
	}

	/** @param {string} kind @param {Span} s */
	mark(kind, s) {
		const e = el("i", { class: kind });
		const whole = this.player.length * 1000;
		e.style.left = `${(100 * s.fromMs) / whole}%`;
		e.style.width = `${(100 * (Math.min(s.toMs, whole) - s.fromMs)) / whole}%`;
		return e;
	}

	/** Draws what stands still. @param {Detail} d */
	fill(d) {
		this.length = this.player.length;
		const floors = d.heard.filter((h) => h.campus !== "").flatMap((h) => h.spans);
		by("bar").replaceChildren(this.done, ...floors.map((s) => this.mark("speech", s)), ...d.gaps.map((s) => this.mark("gap", s)),
			...(d.damaged ?? []).filter((s) => !s.source).map((s) => this.mark("lost", s)), this.knob);
		by("heard").replaceChildren(...d.heard.map((h) => {
			const name = h.name || say(this.words, "library.teacher");
			const bar = el("div", { class: "row" }, ...h.spans.map((s) => this.mark("said", s)));
			const total = h.spans.reduce((n, s) => n + s.toMs - s.fromMs, 0);
			bar.setAttribute("role", "img");
			bar.setAttribute("aria-label", say(this.words, "library.heard.of", { name, time: counted(total / 1000) }));
			return el("div", { class: "line" }, el("span", { class: "label", text: name }), bar);
		}));
		by("heard").hidden = d.heard.length === 0;
		by("legend").hidden = floors.length === 0 && d.gaps.length === 0 && !d.damaged?.length;
		this.draw();
	}

	/** Draws where it stands. */
	draw() {
		const p = this.player;
		if (Math.abs(p.length - this.length) > 0.5) {
			this.fill(p.detail);
			return;
		}
		const t = this.held ?? p.at;
		const share = `${(100 * t) / Math.max(p.length, 0.1)}%`;
		this.done.style.width = share;
		this.knob.style.left = share;
		const track = by("track");
		track.setAttribute("aria-valuemin", "0");
		track.setAttribute("aria-valuemax", String(Math.round(p.length)));
		track.setAttribute("aria-valuenow", String(Math.round(t)));
		track.setAttribute("aria-valuetext", `${counted(t)} / ${counted(p.length)}`);
		const now = during(places(p.detail), t);
		if (now !== this.chapter) {
			this.chapter = now;
			[...by("chapters").querySelectorAll("button")].forEach((b, i) => {
				if (i === now) {
					b.setAttribute("aria-current", "true");
				} else {
					b.removeAttribute("aria-current");
				}
			});
		}
	}
}
