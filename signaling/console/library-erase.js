// Taking something out of a recording for good: a stretch of everything, one voice or picture, or a stretch of one.

import { ask, by, complain, dialog, el, input, sure } from "./home-dom.js";
import { counted, pieces, seconds } from "./library-time.js";
import { say } from "./text.js";

/** @typedef {import("./library-desk.js").Desk} Desk */
/** @typedef {import("./library-time.js").Stream} Stream */
/** @typedef {import("./home-dom.js").Answer} Answer */

const atLeast = 0.5; // s: less is not worth a cut
const soon = 15; // s that are offered at first

/** What a piece is called. @param {Desk} d @param {Stream | null} s null: everything */
function called(d, s) {
	if (s === null) {
		return say(d.words, "library.erase.all");
	}
	const [campus, room] = (s.campus ?? "").split("/");
	const name = [d.detail.campuses.find((c) => c.id === campus)?.name ?? campus, room].filter(Boolean).join(" ");
	return say(d.words, `library.erase.${s.campus ? "pupils" : s.name === "board" ? "board" : "teacher"}${s.kind === "audio" ? ".voice" : ""}`, { name });
}

/**
 * The dialog. reopen shows the recording as it is afterwards.
 * @param {Desk} d
 * @param {(text: string) => void} reopen
 * @param {(words: import("./text.js").Words, a: Answer) => string} why
 */
export function erase(d, reopen, why) {
	const { words } = d;
	if (d.detail.protected) {
		d.notice(say(words, "library.error.recording-protected"));
		return;
	}
	d.player.pause();
	const box = dialog("erase");
	const form = /** @type {HTMLElement} */ (box.querySelector("form"));
	const list = pieces(d.detail);
	by("erase-what").replaceChildren(...list.map((s, i) => el("label", { class: "chip" },
		el("input", { type: "radio", name: "erase-what", value: String(i), checked: i === 0 }), el("span", { text: called(d, s) }))));
	const at = Math.floor(d.player.at);
	input("erase-from").value = counted(at);
	input("erase-to").value = counted(Math.min(at + soon, d.player.length));
	const piece = () => list[Number(/** @type {HTMLInputElement | null} */ (by("erase-what").querySelector("input:checked"))?.value ?? 0)];
	const draw = () => {
		const whole = input("erase-whole");
		whole.disabled = piece() === null; // everything, all of the time: that is deleting the recording
		whole.checked = whole.checked && !whole.disabled;
		for (const id of ["erase-from", "erase-to"]) {
			input(id).disabled = whole.checked;
		}
		complain(form, "");
	};
	by("erase-what").onchange = input("erase-whole").onchange = draw;
	input("erase-whole").checked = false;
	draw();
	by("erase-do").onclick = () => void take(d, piece(), reopen, why);
	box.showModal();
}

/** Asks once more, and does it. @param {Desk} d @param {Stream | null} s @param {(text: string) => void} reopen @param {(words: import("./text.js").Words, a: Answer) => string} why */
async function take(d, s, reopen, why) {
	const { words } = d;
	const box = dialog("erase");
	const form = /** @type {HTMLElement} */ (box.querySelector("form"));
	const whole = input("erase-whole").checked;
	const [from, to] = [seconds(input("erase-from").value), seconds(input("erase-to").value)];
	if (!whole && (Number.isNaN(from) || Number.isNaN(to) || to - from < atLeast || from >= d.player.length)) {
		complain(form, say(words, "library.erase.times"));
		return;
	}
	const what = called(d, s);
	const fields = { what, from: counted(from), to: counted(to) };
	const question = whole ? "library.erase.sure.whole" : "library.erase.sure";
	if (!(await sure(say(words, question, fields), say(words, "library.erase.yes")))) {
		return;
	}
	/** @type {HTMLButtonElement} */ (by("erase-do")).disabled = true;
	const span = whole ? {} : { fromMs: from * 1000, toMs: Math.min(to, d.player.length) * 1000 };
	const a = await ask("POST", `/recordings/${d.detail.id}/erase`, { ...(s === null ? {} : { stream: s.name }), ...span });
	/** @type {HTMLButtonElement} */ (by("erase-do")).disabled = false;
	if (!a.ok) {
		complain(form, why(words, a));
		return;
	}
	box.close();
	reopen(say(words, whole ? "library.erase.done.whole" : "library.erase.done", fields));
}
