// The bar at the top, with the same signs as the wall screens; the hand that has waited longest; and the one sentence.

import { by, clock, el } from "./home-dom.js";
import { kept } from "./recording.js";
import { button, long, markOf, refill, span, write } from "./teach-parts.js";
import { counted, firstHand, lasting, teaching } from "./teach-view.js";
import { tell } from "./teach-told.js";
import { say } from "./text.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./teach-alerts.js").Alert} Alert */
/** @typedef {import("./teach-alerts.js").Act} Act */
/** @typedef {import("./text.js").Words} Words */

/** @typedef {{key: string, mark: string, look: string}} Sign */

/**
 * @typedef {object} Facts
 * @property {number} now by the box's clock
 * @property {Lesson | null} lesson
 * @property {import("./messages.js").Recording | undefined} recording what this room's box keeps of it
 * @property {boolean} remote
 * @property {boolean} connected
 * @property {boolean} fresh figures of the last 5 s
 * @property {boolean} camera
 * @property {boolean} microphone is heard
 * @property {Alert | null} alert
 * @property {boolean} faded
 */

/** @param {import("./recording.js").Kept} kept @returns {Sign} */
function recording(kept) {
	switch (kept) {
		case "keep":
			return { key: "record", mark: "●", look: "rec" };
		case "keepPupils":
			return { key: "record.pupils", mark: "●", look: "rec" };
		case "notKept":
			return { key: "record.fault", mark: "▲", look: "warn" };
		case "buffer":
			return { key: "record.buffer", mark: "○", look: "plain" };
	}
	return { key: "record.none", mark: "○", look: "plain" };
}

/** The signs, recording first and always. @param {Facts} f @returns {Sign[]} */
export function signs(f) {
	const l = f.lesson;
	if (l === null) {
		return [];
	}
	/** @type {Sign[]} */
	const all = [recording(kept(l, f.recording))];
	const sending = l.sources;
	all.push({ key: sending.teacher ? "camera" : "camera.off", mark: sending.teacher ? "camera" : "covered", look: "device" });
	all.push({ key: sending.voice && !sending.muted ? "mic" : "mic.off", mark: sending.voice && !sending.muted ? "mic" : "silent", look: "device" });
	if (sending.pupils) {
		all.push({ key: "pupils", mark: "camera", look: "device" });
	}
	if (l.mirror) {
		all.push({ key: "mirror", mark: "⇄", look: "plain" });
	}
	if (f.alert && f.faded) {
		all.push({ key: `alert.${f.alert.key}`, mark: "▲", look: "warn" });
	}
	if (f.alert?.key === "slow") {
		return all; // the link is there, and not as it should be
	}
	all.push(f.connected && !l.stale ? { key: f.fresh ? "net" : "net.unknown", mark: f.fresh ? "✓" : "?", look: f.fresh ? "good" : "plain" } : { key: "net.off", mark: "✕", look: "bad" });
	return all;
}

export class Topbar {
	/**
	 * @param {Words} words
	 * @param {{call: (room: string) => void, act: (a: Act) => void}} acts
	 */
	constructor(words, acts) {
		this.words = words;
		this.acts = acts;
		this.told = ""; // the sentence that was told last
	}

	/** @param {Facts} f */
	draw(f) {
		const l = f.lesson;
		const live = teaching(l);
		write(by("phase"), say(this.words, live ? "teach.live" : l?.state === "ended" ? "teach.ended.short" : "teach.waiting"));
		by("bar").classList.toggle("live", live);
		write(by("run"), live && l?.startedAt ? counted(f.now - l.startedAt) : "");
		const left = live && l?.end ? l.end - f.now : 0;
		write(by("left"), left > 0 ? say(this.words, "teach.left", { minutes: Math.ceil(left / 60000) }) : live && l?.end ? say(this.words, "teach.over") : "");
		write(by("clock"), clock(f.now));
		const all = signs(f);
		refill(by("signs"), all.map((s) => s.key).join("|"), () => all.map((s) => el("li", { class: s.look }, markOf(s.mark), el("span", { class: "text" }, say(this.words, `teach.sign.${s.key}`)))));
		by("end").hidden = !live;
		this.hand(by("first"), l, f.now);
	}

	/**
	 * ✋ 邬阳小学 等了 8 秒 [点名]
	 * @param {HTMLElement} host
	 * @param {Lesson | null} l
	 * @param {number} now
	 */
	hand(host, l, now) {
		const r = teaching(l) ? firstHand(l) : undefined;
		host.hidden = r === undefined;
		if (r === undefined) {
			refill(host, "", () => []);
			return;
		}
		refill(host, r.room, () => [
			markOf("hand"), el("b", long(r.name) ? { class: "long" } : {}, r.name), el("span", { class: "waited" }),
			button({ class: "primary", "aria-label": `${say(this.words, "teach.call")} ${r.name}` }, () => this.acts.call(r.room), say(this.words, "teach.call")),
		]);
		const waited = host.querySelector(".waited");
		if (waited) {
			write(waited, say(this.words, "teach.waited", { for: span(this.words, lasting(now - (r.hand ?? now))) }));
		}
	}

	/**
	 * The one sentence with what can be done about it.
	 * @param {HTMLElement} host
	 * @param {Alert | null} a
	 */
	sentence(host, a) {
		const key = a === null ? "" : `${a.key} ${a.acts.join(" ")}`;
		host.dataset.look = a?.look ?? "";
		refill(host, key, () => {
			if (a === null) {
				return [];
			}
			const acts = a.acts.map((act, i) => button({ class: i === 0 ? "primary" : "" }, () => this.acts.act(act), say(this.words, `teach.act.${act}`)));
			return [el("p", {}, markOf(a.look === "bad" ? "✕" : a.look === "warn" ? "▲" : ""), el("span", { class: "said" }), el("small", {}, a.code)), ...(acts.length > 0 ? [el("span", { class: "acts" }, ...acts)] : [])];
		});
		const said = host.querySelector(".said");
		if (a && said) {
			const values = a.values.end === undefined ? a.values : { ...a.values, end: clock(Number(a.values.end)) };
			write(said, say(this.words, `teach.alert.${a.key}`, values));
			if (this.told !== a.key) {
				tell(said.textContent ?? "");
			}
		}
		this.told = a?.key ?? "";
	}
}
