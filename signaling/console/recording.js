// What is kept of a lesson, and what the signs say of it. Pure.

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").Recording} Recording */
/** @typedef {"keep" | "keepPupils" | "buffer" | "off" | "notKept"} Kept */

/**
 * What is really kept, by this room's box or by another one of the lesson; the most of both. notKept: it should be kept here, but the disk
 * does not take it.
 * @param {Lesson} l
 * @param {Recording | undefined} here what the box of this room does; a box without a recorder says nothing
 * @returns {Kept}
 */
export function kept(l, here) {
	const elsewhere = l.kept ? l.record : "off";
	const mode = here?.mode ?? "off";
	if (mode === "keep" || elsewhere === "keep") {
		return (mode === "keep" && here?.scope === "+pupils") || (elsewhere === "keep" && l.scope === "+pupils") ? "keepPupils" : "keep";
	}
	if (broken(l, here)) {
		return "notKept";
	}
	return mode === "buffer" || elsewhere === "buffer" ? "buffer" : "off";
}

/** Whether the disk of this room's box keeps a lesson from being recorded. @param {Lesson} l @param {Recording | undefined} here */
export function broken(l, here) {
	return l.record !== "off" && (here?.fault ?? "") !== "";
}

/** @typedef {"off" | "board" | "pupils"} Choice what a teacher chooses of 录制 */

/** @type {Record<Choice, {record: "buffer" | "keep", scope: "teacher+board" | "+pupils"}>} most is last */
export const choices = {
	off: { record: "buffer", scope: "teacher+board" },
	board: { record: "keep", scope: "teacher+board" },
	pupils: { record: "keep", scope: "+pupils" },
};

/** What is chosen. @param {Lesson} l @returns {Choice} */
export function chosen(l) {
	return l.record !== "keep" ? "off" : l.scope === "+pupils" ? "pupils" : "board";
}

/** What may still be chosen: once the lesson is on, only less. @param {Lesson} l @returns {Choice[]} */
export function open(l) {
	const all = /** @type {Choice[]} */ (Object.keys(choices));
	return l.state === "planned" || l.state === "waiting" ? all : all.slice(0, all.indexOf(chosen(l)) + 1);
}

/** What has been kept of a lesson, to be told when it is over. */
export class Stored {
	constructor() {
		this.lesson = "";
		this.seconds = 0;
		/** why not all of it @type {"" | "disk-full" | "disk-failed"} */
		this.fault = "";
	}

	/** @param {Lesson | null} l @param {Recording | undefined} r */
	take(l, r) {
		if (l !== null && l.id !== this.lesson) {
			Object.assign(this, { lesson: l.id, seconds: 0, fault: "" });
		}
		if (l?.record === "keep" && r !== undefined && r.seconds > 0) {
			this.seconds = Math.max(this.seconds, r.seconds);
			this.fault = r.fault ?? "";
		}
	}
}
