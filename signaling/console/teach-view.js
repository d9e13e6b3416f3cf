// What the teacher's page says of each room, from what the lesson is. Pure: no screen and no clock of its own.

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").RoomState} RoomState */

/**
 * A word about a room: its key below teach.word, a mark that says the same by its shape, and how it looks.
 * @typedef {{key: string, mark: string, look: "good" | "warn" | "bad" | "plain" | "hand" | "floor", values: Record<string, string | number>}} Word
 */

/**
 * @typedef {object} Tile
 * @property {string} room
 * @property {number} number 1… in an order that never changes
 * @property {string} name
 * @property {Word[]} words the most important first
 * @property {boolean} floor
 * @property {boolean} second of two that speak together
 * @property {number} turn of its hand, 1…; 0: no hand
 * @property {boolean} callable
 * @property {boolean} muted
 * @property {boolean} removed
 * @property {"picture" | "covered" | "none"} picture
 * @property {number} level
 */

/** The keys that call on rooms 1 to 11. */
export const callKeys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "-"];

/** The turn of a hand: ① ② … */
export const turnMark = (/** @type {number} */ n) => (n > 0 && n <= 20 ? String.fromCharCode(0x245f + n) : "");

/** The members, in the order of the lesson. @param {Lesson} l */
export function members(l) {
	return l.rooms.filter((r) => r.room !== l.master.room);
}

/** Rooms that are in the lesson now. @param {Lesson} l */
export function present(l) {
	return members(l).filter((r) => r.state === "here" || r.state === "ready" || r.state === "live");
}

/** Whether every campus hears badly at once: then it is not their links, but the one of the school that teaches. @param {Lesson} l */
export function allSuffer(l) {
	const heard = present(l).filter((r) => r.word !== "unknown");
	return !l.stale && heard.length >= 2 && heard.every((r) => r.word === "choppy" || r.word === "hard");
}

/** Whether lessons are spoken in: somebody can be called on. @param {Lesson | null} l */
export function teaching(l) {
	return l?.state === "live" || l?.state === "over";
}

/**
 * @param {Lesson} l
 * @param {number} now by the box's clock
 * @param {Record<string, number>} [levels] fresher than the lesson's
 * @param {boolean} [fresh] whether the lesson is as it was told lately; else nobody knows how a room is
 * @returns {Tile[]}
 */
export function tiles(l, now, levels = {}, fresh = true) {
	return members(l).map((r, i) => {
		const held = l.floor.find((f) => f.room === r.room);
		const removed = r.state === "removed";
		return {
			room: r.room,
			number: i + 1,
			name: r.name,
			words: words(l, r, now, fresh && !l.stale),
			floor: held !== undefined,
			second: held?.second === true,
			turn: r.hand ? (r.handOrder ?? 1) : 0,
			callable: teaching(l) && (held !== undefined || r.state === "live"),
			muted: r.muted,
			removed,
			picture: r.covered ? "covered" : r.state === "live" && r.cam && !r.camMissing ? "picture" : "none",
			level: levels[r.room] ?? r.level,
		};
	});
}

/**
 * @param {string} key
 * @param {string} mark
 * @param {Word["look"]} look
 * @param {Record<string, string | number>} [values]
 * @returns {Word}
 */
const word = (key, mark, look, values = {}) => ({ key, mark, look, values });

/**
 * @param {Lesson} l
 * @param {RoomState} r
 * @param {number} now
 * @param {boolean} fresh
 * @returns {Word[]}
 */
function words(l, r, now, fresh) {
	switch (r.state) {
		case "removed":
			return [word("removed", "–", "plain")];
		case "lost":
			return [word("offline", "✕", "bad", { for: lasting(now - r.since) }), ...hand(r)];
		case "absent":
			return [r.lastSeen ? word("away", "–", "plain", { for: lasting(now - r.lastSeen) }) : word("absent", "–", "plain")];
	}
	const held = l.floor.find((f) => f.room === r.room);
	const all = [];
	if (held) {
		all.push(r.quiet ? word("quiet", "▲", "warn") : word("speaking", "mic", "floor", { for: counted(now - held.since) }));
	}
	all.push(...hand(r), ...doings(r));
	if (!fresh) {
		all.push(word("unknown", "?", "plain"));
	} else if (!teaching(l)) {
		all.push(r.state === "ready" ? word("ready", "✓", "good") : word("here", "✓", "good"));
	} else {
		all.push(hearing(r, now));
	}
	return all.length > 1 ? all.filter((w) => w.key !== "hears") : all;
}

/** @param {RoomState} r @returns {Word[]} */
function hand(r) {
	return r.hand ? [word("hand", "hand", "hand", { turn: turnMark(r.handOrder ?? 1) })] : [];
}

/** What the room itself did, or what is unplugged there. @param {RoomState} r @returns {Word[]} */
function doings(r) {
	const all = [];
	if (r.muted) {
		all.push(word("muted", "▣", "plain"));
	}
	if (r.micMissing) {
		all.push(word("nomic", "▲", "warn"));
	}
	if (r.covered) {
		all.push(word("covered", "▣", "plain"));
	} else if (r.camMissing) {
		all.push(word("nocam", "▲", "warn"));
	}
	return all;
}

/** @param {RoomState} r @param {number} now @returns {Word} */
function hearing(r, now) {
	switch (r.word) {
		case "hears":
			return word("hears", "✓", "good");
		case "smaller":
			return word("smaller", "▲", "warn");
		case "choppy":
			return word("choppy", "▲", "warn");
		case "hard":
			return word("hard", "▲", "warn");
		case "offline":
			return word("offline", "✕", "bad", { for: lasting(now - r.wordSince) });
	}
	return word("unknown", "?", "plain");
}

/** The room whose hand is up the longest. @param {Lesson | null} l @returns {RoomState | undefined} */
export function firstHand(l) {
	return l ? members(l).filter((r) => r.hand && r.state !== "removed" && r.state !== "lost").sort((a, b) => (a.handOrder ?? 99) - (b.handOrder ?? 99))[0] : undefined;
}

/**
 * A time that lasted, as a key and a number that the page puts into words: "12|s". @param {number} ms
 */
export function lasting(ms) {
	const s = Math.max(0, Math.floor(ms / 1000));
	if (s < 60) {
		return `${s}|seconds`;
	}
	if (s < 3600) {
		return `${Math.floor(s / 60)}|minutes`;
	}
	return s < 172800 ? `${Math.floor(s / 3600)}|hours` : `${Math.floor(s / 86400)}|days`;
}

/** 0:14 @param {number} ms */
export function counted(ms) {
	const s = Math.max(0, Math.floor(ms / 1000));
	const h = Math.floor(s / 3600);
	const m = String(Math.floor((s % 3600) / 60));
	return `${h > 0 ? `${h}:${m.padStart(2, "0")}` : m}:${String(s % 60).padStart(2, "0")}`;
}

/**
 * What a tap on a room does: it gives the floor or takes it back.
 * @param {Lesson} l
 * @param {string} room
 * @param {boolean} second beside the one who speaks
 * @returns {{type: "floor.call", fields: {room: string, second?: boolean}} | {type: "floor.release", fields: {room: string}} | null}
 */
export function tap(l, room, second) {
	const r = l.rooms.find((x) => x.room === room);
	if (!r || !teaching(l)) {
		return null;
	}
	if (l.floor.some((f) => f.room === room)) {
		return { type: "floor.release", fields: { room } };
	}
	if (r.state !== "live") {
		return null;
	}
	return { type: "floor.call", fields: second && l.floor.length > 0 ? { room, second: true } : { room } };
}

/** The layout after this one. @param {import("./messages.js").Layout} now @returns {import("./messages.js").Layout} */
export function nextLayout(now) {
	return now === "lecture" ? "board" : now === "board" ? "all" : "lecture";
}

/** @typedef {{name: string, key: string, values: Record<string, string>}} News key below teach */

/**
 * What is new of the campuses: hands, who speaks and who does not any more, who is gone and who came back.
 * @param {Lesson} former
 * @param {Lesson} l
 * @returns {News[]}
 */
export function news(former, l) {
	/** @type {News[]} */
	const all = [];
	for (const r of members(l)) {
		const add = (/** @type {string} */ key, values = {}) => all.push({ name: r.name, key, values });
		const before = former.rooms.find((x) => x.room === r.room);
		const speaks = l.floor.some((f) => f.room === r.room);
		const spoke = former.floor.some((f) => f.room === r.room);
		if (speaks !== spoke) {
			add(speaks ? "word.speaking" : "told.done", { for: "" });
		}
		if (r.hand && !before?.hand) {
			add("word.hand", { turn: turnMark(r.handOrder ?? 1) });
		}
		if (before && (r.state === "lost") !== (before.state === "lost")) {
			add(r.state === "lost" ? "word.offline" : "told.back", { for: "" });
		}
	}
	return all;
}
