// The keys of the teacher's page. None acts while somebody writes, or while a menu or a dialog is open.

import { callKeys } from "./teach-view.js";

/**
 * @typedef {object} Acts
 * @property {(n: number, second: boolean) => void} call the campus of that number, from 0
 * @property {() => void} first calls on the first hand
 * @property {() => void} release
 * @property {() => void} mute
 * @property {() => void} share
 * @property {() => void} layout
 * @property {() => void} help
 */

/** What stands on the upper row with Shift: the second speaker, on keyboards that give a sign instead of the digit. */
const digit = /^(?:Digit|Numpad)([0-9])$/;

/** @param {KeyboardEvent} e @returns {string} */
function sign(e) {
	const d = digit.exec(e.code);
	return d ? d[1] : e.code === "Minus" || e.code === "NumpadSubtract" ? "-" : e.key;
}

/** @param {EventTarget | null} at */
function writes(at) {
	const e = /** @type {HTMLElement | null} */ (at);
	return e?.nodeType === 1 && (e.matches("textarea, select, [contenteditable]") || (e.matches("input") && !e.matches("[type=checkbox], [type=radio]")));
}

/**
 * @param {Document} where
 * @param {() => boolean} rests
 * @param {Acts} acts
 */
export function listen(where, rests, acts) {
	where.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || e.repeat || rests() || writes(e.target)) {
			return;
		}
		const n = callKeys.indexOf(sign(e));
		if (n >= 0) {
			acts.call(n, e.shiftKey);
		} else if (!plain(e, acts)) {
			return;
		}
		e.preventDefault();
	});
}

/** @param {KeyboardEvent} e @param {Acts} acts @returns {boolean} */
function plain(e, acts) {
	switch (e.key.toLowerCase()) {
		case "enter":
			if (e.target instanceof Element && e.target.closest("button, a, summary, input")) {
				return false; // presses what has the focus
			}
			acts.first();
			return true;
		case "escape":
			acts.release();
			return true;
		case "m":
			acts.mute();
			return true;
		case "s":
			acts.share();
			return true;
		case "l":
			acts.layout();
			return true;
		case "?":
		case "？":
			acts.help();
			return true;
	}
	return false;
}
