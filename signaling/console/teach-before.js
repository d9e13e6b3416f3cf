// Before the lesson: what will be seen and heard, from which devices, and who is there. 上课 works at once with what there is.

import { by, clock, el, input } from "./home-dom.js";
import { markOf, refill, span, write } from "./teach-parts.js";
import { choices, chosen, open } from "./recording.js";
import { members, tiles } from "./teach-view.js";
import { Board, boards } from "./teach-sharing.js";
import { say } from "./text.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./recording.js").Choice} Choice */
/** @typedef {import("./teach-studio.js").Studio} Studio */
/** @typedef {import("./text.js").Words} Words */

const bars = 8;
const heardFor = 4000; // ms that 听到了 stays after speech

export class Before {
	/**
	 * @param {Words} words
	 * @param {Studio} studio
	 * @param {{start: () => void, music: (on: boolean) => void, record: (wish: import("./messages.js").Requests["lesson.set"]) => void}} acts
	 */
	constructor(words, studio, acts) {
		this.words = words;
		this.studio = studio;
		this.acts = acts;
		const choose = (/** @type {string} */ id, /** @type {(v: string) => void} */ f) => by(id).addEventListener("change", () => f(input(id).value));
		choose("camera", (v) => studio.choose({ camera: v }));
		choose("microphone", (v) => studio.choose({ microphone: v }));
		choose("pupils", (v) => studio.choose({ pupils: v }));
		choose("source", (v) => {
			studio.choose({ board: v });
			void studio.board.start(); // a press has just been made: the browser lets windows be chosen
		});
		by("music").addEventListener("change", () => {
			studio.choose({ music: input("music").checked });
			acts.music(input("music").checked);
		});
		by("with-pupils").addEventListener("change", () => studio.choose({ withPupils: input("with-pupils").checked }));
		by("share-first").addEventListener("click", () => void studio.board.start());
		choose("record", (v) => acts.record(choices[/** @type {Choice} */ (v)]));
		by("start").addEventListener("click", () => acts.start());
	}

	/**
	 * @param {Lesson} l
	 * @param {number} now by the box's clock
	 * @param {boolean} keeps this box can record
	 * @param {boolean} fresh the lesson is as it was told lately
	 */
	draw(l, now, keeps, fresh) {
		const times = l.start ? `${clock(l.start)}${l.end ? `–${clock(l.end)}` : ""}` : "";
		write(by("about"), [l.title, times, members(l).map((r) => r.name).join(" ")].filter((s) => s !== "").join(" · "));
		this.devices();
		const offered = keeps ? open(l) : /** @type {Choice[]} */ (["off"]);
		this.fill("record", offered.map((c) => ({ value: c, text: say(this.words, `teach.record.${c}`) })), chosen(l));
		this.people(l, now, fresh);
		refill(by("missing"), this.missing(l).join("|"), () => this.missing(l).map((text) => el("li", {}, markOf("▲"), text)));
		input("music").checked = this.studio.music;
		input("with-pupils").checked = this.studio.choices.withPupils;
		by("pupils").hidden = !this.studio.choices.withPupils;
		by("share-first").hidden = this.studio.board.track !== null || !this.studio.board.asks || !Board.shares;
	}

	/** The level of the microphone; some times a second. @param {number} now */
	meter(now) {
		const lit = Math.round((this.studio.level / 100) * bars);
		const heard = this.studio.heardAt > 0 && now - this.studio.heardAt < heardFor;
		refill(by("bars"), String(lit), () => Array.from({ length: bars }, (_, i) => el("i", { class: i < lit ? "lit" : "" })));
		write(by("heard"), say(this.words, heard ? "teach.heard" : "teach.speak"));
		by("heard").classList.toggle("good", heard);
	}

	devices() {
		const { known, choices } = this.studio;
		this.options("camera", known.filter((d) => d.kind === "videoinput"), choices.camera, this.studio.camera.track);
		this.options("microphone", known.filter((d) => d.kind === "audioinput" && d.deviceId !== "communications"), choices.microphone, this.studio.clean.track);
		this.options("pupils", known.filter((d) => d.kind === "videoinput"), choices.pupils, this.studio.pupils.track);
		this.fill("source", boards(this.words, known), choices.board);
	}

	/**
	 * @param {string} id
	 * @param {MediaDeviceInfo[]} list
	 * @param {string} chosen
	 * @param {MediaStreamTrack | null} track what is open now
	 */
	options(id, list, chosen, track) {
		const open = track?.getSettings().deviceId ?? "";
		const named = list.map((d, i) => ({ value: d.deviceId, text: d.label || say(this.words, `teach.${id}.some`, { n: i + 1 }) }));
		const all = named.length > 0 ? named : [{ value: "", text: say(this.words, `teach.${id}.none`) }];
		this.fill(id, all, all.some((o) => o.value === chosen) ? chosen : open);
	}

	/** @param {string} id @param {{value: string, text: string}[]} all @param {string} chosen */
	fill(id, all, chosen) {
		const select = /** @type {HTMLSelectElement} */ (by(id));
		refill(select, all.map((o) => `${o.value}=${o.text}`).join("|"), () => all.map((o) => el("option", { value: o.value }, o.text)));
		if (document.activeElement !== select && select.value !== chosen && all.some((o) => o.value === chosen)) {
			select.value = chosen;
		}
	}

	/** @param {Lesson} l @param {number} now @param {boolean} fresh */
	people(l, now, fresh) {
		const rooms = tiles(l, now, {}, fresh).map((t) => ({ name: t.name, word: t.words[0] }));
		const said = rooms.map((r) => `${r.name} ${r.word.key} ${r.word.values.for ?? ""}`);
		refill(by("people"), said.join("|"), () =>
			rooms.map((r) => el("li", { class: r.word.look }, el("b", {}, r.name), markOf(r.word.mark), say(this.words, `teach.before.${r.word.key}`, { ...r.word.values, for: span(this.words, String(r.word.values.for ?? "")) }))),
		);
	}

	/** What is not there, in words; nothing of it stands in the way. @param {Lesson} l */
	missing(l) {
		const all = [];
		const { clean, camera, board } = this.studio;
		if (clean.state !== "on" && clean.state !== "opening") {
			all.push(say(this.words, "teach.missing.mic"));
		}
		if (camera.state !== "on" && camera.state !== "opening") {
			all.push(say(this.words, "teach.missing.camera"));
		}
		if (board.track === null) {
			all.push(say(this.words, "teach.missing.board"));
		}
		const away = members(l).filter((r) => r.state === "absent" || r.state === "lost").length;
		if (away > 0) {
			all.push(say(this.words, away === 1 ? "teach.missing.campus" : "teach.missing.campuses", { count: away }));
		}
		return all;
	}
}
