// A wall screen whose person came here by a remote and went away goes back to the lessons by itself.

import { link } from "./home-dom.js";

const mark = "tongke.wall"; // in sessionStorage: the wall screen led here
const after = 180000; // ms without a key
const afterInLesson = 20000; // ms, when a lesson is on

/** Leads the wall screen to the page of its box. */
export function lead() {
	sessionStorage.setItem(mark, "1");
	location.assign(link("/device"));
}

/**
 * Whether the wall screen is to go home now.
 * @param {number} still ms without a key or a touch
 * @param {boolean} busy something is under way that its person waits for
 * @param {boolean} inLesson
 */
export function due(still, busy, inLesson) {
	return inLesson ? still >= afterInLesson : !busy && still >= after;
}

/** @param {() => {busy: boolean, inLesson: boolean}} now */
export function goHome(now) {
	if (sessionStorage.getItem(mark) !== "1") {
		return;
	}
	let touched = performance.now();
	for (const type of ["keydown", "pointerdown"]) {
		addEventListener(type, () => (touched = performance.now()), { capture: true });
	}
	setInterval(() => {
		const n = now();
		if (due(performance.now() - touched, n.busy, n.inLesson)) {
			location.replace(link("/class"));
		}
	}, 1000);
}
