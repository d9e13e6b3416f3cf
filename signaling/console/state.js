// Which sentence the wall screen shows, from what was measured. Pure: no screen, no clock of its own, so that it can be tested alone.

/**
 * @typedef {"joining" | "wait.teacher" | "live" | "link.down" | "link.long" | "box.restart" | "teacher.down" | "ended" | "tap" | "codec" | "refused"} State
 */

/**
 * @typedef {object} Facts
 * @property {number} now ms
 * @property {boolean} started anything of this lesson has ever been received
 * @property {number} dataAt ms, the latest moment at which something was received
 * @property {number} flowingSince ms, since when data has come without a pause of 2 s; 0 if it does not
 * @property {boolean} answered the box has answered at least once
 * @property {number} unreachableSince ms, since when the box has not answered; 0 if it does
 * @property {boolean} beside the page runs on the machine of its box
 * @property {number} refusedStatus the HTTP status of the latest refusal, 0 if there was none
 * @property {boolean} stale the box says that the lesson's own box cannot be heard
 * @property {boolean} ended the box says that the lesson is over
 * @property {boolean} soundBlocked the browser wants a gesture before sound
 */

export const worseAfter = 2000; // ms without data until the sentence says so
export const betterAfter = 3000; // ms with data until it says that all is well again
export const longAfter = 60000; // ms until the class is asked to go on by itself

/**
 * @typedef {object} Sentence
 * @property {State} state
 * @property {number} since ms, since when what it tells is so
 */

/**
 * The sentence of row A.
 * @param {Facts} f
 * @param {Sentence} before the sentence shown now
 * @returns {Sentence}
 */
export function sentence(f, before) {
	if (f.unreachableSince > 0 && (f.now - f.unreachableSince >= worseAfter || !flowing(f))) {
		if (f.now - f.unreachableSince >= longAfter && !f.beside) {
			return { state: "link.long", since: f.unreachableSince };
		}
		return { state: f.beside ? "box.restart" : "link.down", since: f.unreachableSince };
	}
	if (f.refusedStatus === 401 || f.refusedStatus === 403) {
		return { state: "refused", since: f.now };
	}
	if (f.refusedStatus === 422) {
		return { state: "codec", since: f.now };
	}
	if (f.ended && !flowing(f)) {
		return { state: "ended", since: f.now };
	}
	if (!f.started) {
		return { state: f.answered ? "wait.teacher" : "joining", since: f.now };
	}
	if (!flowing(f)) {
		const long = f.now - f.dataAt >= longAfter;
		return { state: !f.stale ? "teacher.down" : long ? "link.long" : "link.down", since: f.dataAt };
	}
	if (bad(before.state) && f.now - f.flowingSince < betterAfter) {
		return before;
	}
	return { state: f.soundBlocked ? "tap" : "live", since: f.flowingSince };
}

/** @param {Facts} f */
function flowing(f) {
	return f.started && f.now - f.dataAt < worseAfter;
}

/**
 * @param {State} s
 * @returns {boolean} whether the sentence tells of a trouble that data puts an end to
 */
function bad(s) {
	return s === "teacher.down" || s === "link.down" || s === "link.long" || s === "box.restart";
}

/**
 * The mark before a sentence: never colour alone.
 * @param {State} s
 * @returns {{look: "good" | "warn" | "bad" | "", mark: string, code: string}} code is what one reads out on the telephone
 */
export function look(s) {
	switch (s) {
		case "live":
			return { look: "good", mark: "✓", code: "" };
		case "link.down":
		case "link.long":
			return { look: "bad", mark: "✕", code: "link-down" };
		case "box.restart":
			return { look: "bad", mark: "✕", code: "box-restart" };
		case "teacher.down":
			return { look: "bad", mark: "✕", code: "teacher-down" };
		case "codec":
			return { look: "bad", mark: "✕", code: "codec-mismatch" };
		case "refused":
			return { look: "bad", mark: "✕", code: "token-refused" };
		case "tap":
			return { look: "warn", mark: "▲", code: "" };
	}
	return { look: "", mark: "", code: "" };
}
