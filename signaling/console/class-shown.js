// Which picture stands in a place of the wall screen, and what stands there where none comes.

/** @typedef {import("./class-layout.js").Tile} Tile */
/** @typedef {import("./class-room.js").Wall} Wall */
/** @typedef {import("./class-view.js").Shown} Shown */

/**
 * Where the picture of a place comes from.
 * @param {Wall} wall
 * @param {Tile} t
 * @param {boolean} connected
 * @returns {Shown}
 */
export function shown(wall, t, connected) {
	if (t.kind === "own") {
		if (wall.covered) {
			return { stream: null, key: "covered", note: "covered" };
		}
		if (wall.byBox) {
			return arrived(wall, wall.receiver.table.find((s) => s.kind === "video" && s.own && s.source === "pupils" && !s.reason));
		}
		const track = wall.camera.track;
		return track === null ? { stream: null, key: "plug", note: "plug" } : { stream: wall.preview, key: `own ${track.id}`, note: "" };
	}
	const slot = wall.receiver.table.find((s) => s.kind === "video" && !s.reason && (t.kind === "campus" ? s.room === t.room && s.source === "pupils" : s.source === t.kind));
	const stream = slot ? wall.receiver.stream(slot) : null;
	if (slot === undefined || stream === null) {
		if (!connected || wall.receiver.generation === 0) {
			return { stream: null, key: "", note: "keep" };
		}
		const heard = t.kind === "teacher" ? wall.lesson?.sources.voice : wall.lesson?.rooms.some((r) => r.room === t.room && r.state === "live");
		return { stream: null, key: "none", note: t.kind === "board" ? "" : heard ? "voice" : "name" };
	}
	return { stream, key: `${wall.receiver.generation} ${slot.mid} ${slot.source} ${slot.room}`, note: "" };
}

/**
 * The room's own picture as the box sends it back.
 * @param {Wall} wall
 * @param {import("./messages.js").Slot | undefined} slot
 * @returns {Shown}
 */
function arrived(wall, slot) {
	const stream = slot ? wall.receiver.stream(slot) : null;
	return slot === undefined || stream === null
		? { stream: null, key: "none", note: "name" }
		: { stream, key: `${wall.receiver.generation} ${slot.mid} own`, note: "" };
}
