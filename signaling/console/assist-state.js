// Which sentence and which big key the assistant's phone shows. Pure: no screen, no clock of its own.

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").Room} Room */

/**
 * @typedef {"enter" | "joining" | "live" | "hand" | "floor" | "waiting" | "ready" | "link" | "phone" | "covered" | "ended" | "removed"} State
 */

/**
 * @typedef {object} Facts
 * @property {number} now ms by the box's clock
 * @property {boolean} entered a code or cookie has opened a lesson
 * @property {boolean} open the phone is connected to the box
 * @property {number} lostFor ms since the connection went; 0 while it is there
 * @property {Lesson | null} lesson
 * @property {Room | null} room
 * @property {string} own this phone's room
 * @property {boolean} ended the box said that the lesson is over
 */

/** ms that a lost connection may last before the phone says so: shorter gaps nobody feels. */
export const worseAfter = 2000;

/** ms that a raised hand is kept while the classroom's link is down. */
export const keepHand = 10000;

/** @param {Facts} f @returns {State} */
export function state(f) {
	const l = f.lesson;
	if (!f.entered) {
		return "enter";
	}
	if (f.ended || l?.state === "ended") {
		return "ended";
	}
	const own = mine(f);
	if (own?.state === "removed" || f.room?.state === "removed") {
		return "removed";
	}
	if (!f.open && (l === null || f.lostFor >= worseAfter)) {
		return l === null && f.lostFor < worseAfter ? "joining" : "phone";
	}
	if (l === null) {
		return "joining";
	}
	if (l.stale || (f.room?.uplink && !f.room.uplink.up)) {
		return "link";
	}
	if (l.floor.some((x) => x.room === f.own)) {
		return "floor";
	}
	if (l.state === "planned" || l.state === "waiting") {
		return own?.state === "ready" ? "ready" : "waiting";
	}
	if (own?.hand) {
		return "hand";
	}
	return own?.covered || f.room?.covered ? "covered" : "live";
}

/** This room as the lesson knows it. @param {Facts} f */
export function mine(f) {
	return f.lesson?.rooms.find((r) => r.room === f.own);
}

/**
 * The mark before the sentence, a sign or the name of a drawing, and its look: never colour alone.
 * @param {State} s
 * @returns {{mark: string, look: "good" | "warn" | "bad" | ""}}
 */
export function look(s) {
	switch (s) {
		case "live":
			return { mark: "✓", look: "good" };
		case "hand":
			return { mark: "hand", look: "warn" };
		case "floor":
			return { mark: "microphone", look: "warn" };
		case "link":
		case "phone":
			return { mark: "✕", look: "bad" };
		case "covered":
			return { mark: "▣", look: "warn" };
	}
	return { mark: "", look: "" };
}

/** @typedef {"raise" | "lower" | "done" | "ready" | "none"} Act what the big key does */

/**
 * The big key.
 * @param {State} s
 * @returns {{act: Act, key: string, mark: string}} key: of its words
 */
export function big(s) {
	switch (s) {
		case "live":
		case "covered":
		case "link":
			return { act: "raise", key: "assist.raise", mark: "hand" };
		case "hand":
			return { act: "lower", key: "assist.lower", mark: "hand" };
		case "floor":
			return { act: "done", key: "assist.speaking", mark: "microphone" };
		case "waiting":
			return { act: "ready", key: "assist.ready", mark: "" };
		case "ready":
			return { act: "none", key: "assist.ready.said", mark: "✓" };
		case "phone":
			return { act: "none", key: "assist.again", mark: "" };
	}
	return { act: "none", key: "assist.raise", mark: "hand" };
}

/** 0:14 @param {number} ms */
export function stopwatch(ms) {
	const s = Math.max(0, Math.floor(ms / 1000));
	return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/** Whether the phone reaches the box on its own network: only then can the camera be uncovered from here. @param {string} host */
export function onLAN(host) {
	return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|127\.|169\.254\.|localhost$|\[f[cd]|\[fe[89ab]|\[::1\])|\.local$/i.test(host);
}
