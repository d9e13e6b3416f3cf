// What can be chosen at the desk: how rooms show the lesson, what is done with one campus, and what the sentence at the top offers.

import { by } from "./home-dom.js";
import { choices, chosen, open } from "./recording.js";
import { menu, sure } from "./teach-parts.js";
import { boards } from "./teach-sharing.js";
import { teaching } from "./teach-view.js";
import { say } from "./text.js";

/** @typedef {import("./teach-desk.js").Desk} Desk */
/** @typedef {import("./messages.js").Layout} Layout */

/** @type {Layout[]} */
const all = ["lecture", "board", "all"];

/** What holds for all rooms. @param {Desk} desk */
export function layouts(desk) {
	const l = desk.lesson;
	if (l === null) {
		return;
	}
	const w = (/** @type {string} */ key) => say(desk.words, key);
	const set = (/** @type {import("./messages.js").Requests["lesson.set"]} */ fields) => () => void desk.ask("lesson.set", fields);
	const { studio } = desk;
	menu(by("layout"), w("teach.layout"), [
		...all.map((layout) => ({ text: w(`teach.layout.${layout}`), checked: l.layout === layout, radio: true, act: set({ layout }) })),
		{ text: w("teach.layout.mirror"), checked: l.mirror, act: set({ mirror: !l.mirror }) },
		{ text: w("teach.music"), checked: l.music, note: w("teach.music.about"), act: set({ music: !l.music }) },
		...(desk.wish.remote ? [] : [{ text: w("teach.pupils"), checked: studio.choices.withPupils, act: () => studio.choose({ withPupils: !studio.choices.withPupils }) }]),
		{ text: w("teach.layout.closed"), checked: l.closed, act: set({ closed: !l.closed }) },
	]);
}

/** What the board is from now on; a choice is shared at once. @param {Desk} desk */
export function sources(desk) {
	const { studio } = desk;
	const now = studio.board.track === null ? "none" : studio.choices.board;
	menu(by("from"), say(desk.words, "teach.source"), boards(desk.words, studio.known).map(({ value, text }) => ({
		text, checked: value === now, radio: true,
		act: () => {
			studio.choose({ board: value });
			void studio.board.start();
		},
	})));
}

/** What is kept from now on: only less than so far, and after a question, for what was not kept cannot be had back. @param {Desk} desk */
export function less(desk) {
	const l = desk.lesson;
	if (l === null) {
		return;
	}
	const w = (/** @type {string} */ key) => say(desk.words, key);
	menu(by("less"), w("teach.record"), open(l).map((c) => ({
		text: w(`teach.record.${c}`), checked: c === chosen(l), radio: true,
		act: async () => {
			if (c !== chosen(l) && (await sure(w(`teach.record.sure.${c}`), w("teach.record.yes"), w("teach.record.no")))) {
				void desk.ask("lesson.set", choices[c]);
			}
		},
	})));
}

/**
 * One campus.
 * @param {Desk} desk
 * @param {string} room
 * @param {HTMLElement} at
 */
export function more(desk, room, at) {
	const l = desk.lesson;
	const r = l?.rooms.find((x) => x.room === room);
	if (!l || !r) {
		return;
	}
	const w = (/** @type {string} */ key) => say(desk.words, `teach.menu.${key}`);
	const info = { text: w("info"), act: () => void desk.dialogs.info(r, desk.receiver, desk.client.now()) };
	if (r.state === "removed") {
		menu(at, r.name, [{ text: w("admit"), act: () => void desk.ask("room.admit", { room }) }, info]);
		return;
	}
	menu(at, r.name, [
		...(teaching(l) ? [{ text: w(r.muted ? "unmute" : "mute"), act: () => void desk.ask("room.mute", { room, muted: !r.muted }) }] : []),
		...(desk.wish.remote ? [] : [{ text: w("big"), act: () => desk.enlarge(room) }]),
		{ text: w("write"), act: () => desk.dialogs.compose(l, room) },
		...(r.phones > 0 ? [{ text: w("code"), act: () => void renew(desk, room, r.name) }] : []),
		info,
		{ text: w("remove"), danger: true, act: () => void remove(desk, room, r.name) },
	]);
}

/** @param {Desk} desk @param {string} room @param {string} name */
async function remove(desk, room, name) {
	const w = (/** @type {string} */ key) => say(desk.words, `teach.remove.${key}`, { name });
	if (await sure(w("sure"), w("yes"), w("no"))) {
		void desk.ask("room.remove", { room });
	}
}

/** Phones that nobody knows leave, and the others come in again. @param {Desk} desk @param {string} room @param {string} name */
async function renew(desk, room, name) {
	const w = (/** @type {string} */ key) => say(desk.words, `teach.code.${key}`, { name });
	if (await sure(w("sure"), w("yes"), w("no"))) {
		void desk.ask("room.code", { room });
	}
}

/** What the sentence at the top offers. @param {Desk} desk @param {import("./teach-alerts.js").Act} a */
export function act(desk, a) {
	const { studio } = desk;
	switch (a) {
		case "retry":
			void studio.camera.reopen();
			void studio.clean.reopen();
			break;
		case "unmute":
			desk.mute();
			break;
		case "window":
			studio.board.choice = "window";
			void studio.board.start();
			break;
		case "share":
			void studio.board.start();
			break;
		case "dismiss":
			studio.board.dismiss();
			break;
		case "end":
			void desk.ask("lesson.end", { confirm: true }); // the sentence was the question
			break;
		case "extend":
			void desk.ask("lesson.extend", {});
			break;
		case "sound":
			desk.gesture();
			break;
		case "take":
			desk.enter({ remote: false, take: true });
	}
}
