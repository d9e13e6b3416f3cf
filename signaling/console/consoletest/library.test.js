import assert from "node:assert/strict";
import { test } from "node:test";
import { begins, chapter, choices, chosen, counted, during, edge, ends, everything, from, holds, hole, lasting, led, marks, nextSpeed, pieces, places, seconds, sized, spare, titled } from "../library-time.js";

const day = (ms) => Math.floor(ms / 86400000);
const now = Date.parse("2026-11-21T02:00:00Z");
const recording = (id, more) => ({
	id, title: "三年级", subject: "音乐", teacher: "李老师", campuses: [{ id: "core", name: "实验小学" }, { id: "sanhe", name: "三河小学" }],
	start: "2026-11-21T00:40:00Z", durationMs: 2400000, missingMs: 0, bytes: 1e9, may: {}, ...more,
});

test("what a filter leaves", () => {
	const all = [
		recording("a", { own: true }), recording("b", { subject: "数学", title: "数学二年级", teacher: "王老师", start: "2026-11-18T00:40:00Z" }),
		recording("c", { campuses: [{ id: "wuyang", name: "邬阳小学" }], start: "2026-10-30T00:40:00Z" }),
	];
	const ids = (f) => chosen(all, { ...everything, ...f }, day, now).map((r) => r.id).join("");
	assert.equal(ids({}), "abc");
	assert.equal(ids({ text: " 李 音乐 " }), "ac");
	assert.equal(ids({ text: "二年级" }), "b");
	assert.equal(ids({ days: 1 }), "a");
	assert.equal(ids({ days: 7 }), "ab");
	assert.equal(ids({ days: 30 }), "abc");
	assert.equal(ids({ subject: "数学" }), "b");
	assert.equal(ids({ teacher: "李老师", campus: "wuyang" }), "c");
	assert.equal(ids({ own: true }), "a");
	assert.deepEqual(choices(all).subjects, ["数学", "音乐"]);
	assert.deepEqual(choices(all).campuses.map((c) => c.id).sort(), ["core", "sanhe", "wuyang"]);
});

test("the marks of a row", () => {
	const keys = (more) => marks(recording("a", more)).map((m) => m.key);
	assert.deepEqual(keys({}), ["library.whole"]);
	assert.deepEqual(keys({ keepUntil: "2026-12-21T00:00:00Z" }), ["library.whole", "library.until"]);
	assert.deepEqual(keys({ missingMs: 25000, protected: true }), ["library.missing", "library.protected"]);
	assert.deepEqual(keys({ live: true, missingMs: 25000 }), ["library.live"]);
	assert.deepEqual([titled(recording("a")), titled(recording("b", { title: "音乐《茉莉花》" }))], ["音乐 三年级", "音乐《茉莉花》"]);
});

test("times and sizes", () => {
	assert.deepEqual([counted(0), counted(751), counted(3661.9), counted(-1)], ["0:00", "12:31", "1:01:01", "0:00"]);
	assert.deepEqual([lasting(400), lasting(25000), lasting(2412000)], [{ key: "seconds", count: 1 }, { key: "seconds", count: 25 }, { key: "minutes", count: 40 }]);
	assert.deepEqual([sized(500), sized(860e6), sized(1.24e9)], ["1 KB", "860 MB", "1.2 GB"]);
});

test("a time that somebody writes", () => {
	assert.deepEqual(["12:31", "1:01:01", " 0:05 ", "7", "12：31"].map(seconds), [751, 3661, 5, 7, 751]);
	assert.deepEqual(["", "x", "1:60", "-1:00", "1:2:3:4", "1.5", "1:"].map((t) => Number.isNaN(seconds(t))), Array(7).fill(true));
	for (const s of [0, 59, 751, 3600, 3661]) {
		assert.equal(seconds(counted(s)), s);
	}
	const stream = (name, atMs) => /** @type {any} */ ({ name, atMs });
	assert.deepEqual(pieces(/** @type {any} */ ({ streams: [stream("board", [0]), stream("voice", [])] })).map((s) => s?.name), [undefined, "board"]);
});

test("a picture is led back to the clock", () => {
	assert.equal(led(0, 1), 1);
	assert.equal(led(0.01, 1.5), 1.5);
	assert.ok(led(0.06, 1) < 1 && led(0.06, 1) >= 0.85);
	assert.ok(led(-0.06, 1) > 1 && led(-0.06, 1) <= 1.15);
	assert.ok(led(-0.25, 2) <= 2.3 && led(-0.25, 2) > 2);
	assert.equal(led(0.4, 1), null);
	assert.equal(led(-3, 0.5), null);
	let ahead = 0.28; // from there it comes back within three seconds and does not swing
	for (let t = 0; t < 3; t += 0.04) {
		ahead += 0.04 * (led(ahead, 1) - 1);
		assert.ok(ahead > -0.013, `swings to ${ahead}`);
	}
	assert.ok(Math.abs(ahead) < 0.02, `is ${ahead} ahead after 3 s`);
});

const stream = (name, list, more) => ({ name, kind: "video", mime: "", bytes: 0, atMs: list.map((x) => x[0]), lastMs: list.map((x) => x[1]), ...more });

test("fragments of a time", () => {
	const s = stream("board", [[400, 2000], [2400, 2000], [30000, 4000]]);
	assert.deepEqual([0, 0.4, 2.399, 2.4, 4.39, 4.4, 29.9, 30, 33.99, 34].map((t) => holds(s, t)), [-1, 0, 1, 1, 1, -1, -1, 2, 2, -1]);
	assert.deepEqual([0, 2.3, 2.4, 10, 34].map((t) => from(s, t)), [0, 0, 1, 2, 3]);
	assert.deepEqual([ends(s), ends(stream("x", []))], [34, 0]);
	assert.equal(begins([s, stream("voice", [[200, 4000]]), stream("pupils:a", [[0, 100]], { campus: "a" })]), 0.2);
	assert.equal(begins([]), 0);
	assert.equal(edge([s, stream("voice", [[0, 32000]])]), 31);
	assert.equal(edge([stream("board", [[0, 9000]]), stream("voice", [[0, 32000]])]), 31, "the board was taken away");
	assert.equal(edge([]), 0);
});

test("a hole is skipped once it is reached, unless somebody wants it", () => {
	const gaps = [{ fromMs: 10000, toMs: 35000 }, { fromMs: 60000, toMs: 62000 }];
	const at = (t, ...kept) => hole(gaps, t, new Set(kept))?.fromMs ?? 0;
	assert.deepEqual([9.9, 9.97, 10, 30, 34.9, 35.1, 61].map((t) => at(t)), [0, 10000, 10000, 10000, 0, 0, 60000]);
	assert.equal(at(20, 10000), 0);
	assert.equal(at(61, 10000), 60000);
});

test("chapters", () => {
	const list = [{ atMs: 0, kind: "start" }, { atMs: 420000, kind: "floor" }, { atMs: 2412000, kind: "end" }];
	assert.equal(chapter(list, 10, 1)?.atMs, 420000);
	assert.equal(chapter(list, 421, -1)?.atMs, 0, "just begun: the one before");
	assert.equal(chapter(list, 430, -1)?.atMs, 420000);
	assert.equal(chapter(list, 2412, 1), undefined);
	assert.deepEqual([0, 419.9, 420, 3000].map((t) => during(list, t)), [0, 0, 1, 2]);
});

test("speeds end at both ends", () => {
	assert.deepEqual([nextSpeed(1, 1), nextSpeed(2, 1), nextSpeed(0.5, -1), nextSpeed(1, -1)], [1.25, 2, 0.5, 0.75]);
});

test("what goes out of a buffer", () => {
	assert.deepEqual(spare([{ start: 0, end: 100 }], 50, 20, 30), [{ start: 0, end: 30 }, { start: 80, end: 100 }]);
	assert.deepEqual(spare([{ start: 40, end: 60 }], 50, 20, 30), []);
	assert.deepEqual(spare([{ start: 0, end: 10 }, { start: 29.8, end: 60 }], 50, 20, 30), [{ start: 0, end: 10 }]);
});

test("what is damaged is listed between the chapters, once, and a recording that cannot be read says why", () => {
	const d = /** @type {any} */ ({
		chapters: [{ atMs: 0, kind: "start" }, { atMs: 60000, kind: "end" }],
		gaps: [{ fromMs: 20000, toMs: 30000, cause: "damaged" }, { fromMs: 40000, toMs: 50000, cause: "restart" }],
		damaged: [{ fromMs: 20500, toMs: 24000 }, { fromMs: 25000, toMs: 29000 }, { fromMs: 45000, toMs: 45000 }, { fromMs: 1, toMs: 2, source: "board" }],
	});
	assert.deepEqual(places(d).map((p) => [p.atMs, p.chapter?.kind ?? "lost"]), [[0, "start"], [20000, "lost"], [45000, "lost"], [60000, "end"]]);
	assert.deepEqual(places(/** @type {any} */ ({ chapters: [], gaps: [] })), []);
	assert.deepEqual(marks(/** @type {any} */ ({ fault: "keys", missingMs: 0 })), [{ key: "library.fault.keys", kind: "warn" }]);
});
