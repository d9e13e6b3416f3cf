import assert from "node:assert/strict";
import { test } from "node:test";
import { Alerts } from "../teach-alerts.js";
import { allSuffer, counted, firstHand, lasting, news, nextLayout, tap, tiles, turnMark } from "../teach-view.js";

const now = 1_000_000_000;
const room = (name, more) => ({
	room: name, campus: name, name, state: "live", since: now - 60000, word: "hears", wordSince: now, covered: false, cam: true, mic: true, camMissing: false, micMissing: false,
	level: 0, quiet: false, muted: false, phones: 0, ...more,
});
const lesson = (rooms, more) => ({ state: "live", master: { room: "core", name: "" }, floor: [], rooms, sources: { muted: false }, stale: false, lead: null, extended: 0, ...more });
const words = (r, more) => tiles(lesson([r], more), now)[0].words.map((w) => `${w.mark} ${w.key}${w.values.for ? ` ${w.values.for}` : ""}${w.values.turn ? ` ${w.values.turn}` : ""}`);

test("the words of a campus, the most important first", () => {
	const floor = { floor: [{ room: "a", since: now - 14000, second: false }] };
	for (const [more, lessonMore, want] of [
		[{}, {}, ["✓ hears"]],
		[{ word: "smaller" }, {}, ["▲ smaller"]],
		[{ word: "choppy" }, {}, ["▲ choppy"]],
		[{ word: "hard" }, {}, ["▲ hard"]],
		[{ word: "unknown" }, {}, ["? unknown"]],
		[{ state: "lost", since: now - 12000 }, {}, ["✕ offline 12|seconds"]],
		[{ state: "absent" }, {}, ["– absent"]],
		[{ state: "absent", lastSeen: now - 7200000 }, {}, ["– away 2|hours"]],
		[{ state: "removed" }, {}, ["– removed"]],
		[{ hand: now - 8000, handOrder: 2 }, {}, ["hand hand ②"]],
		[{ hand: now, handOrder: 1, word: "choppy" }, {}, ["hand hand ①", "▲ choppy"]],
		[{}, floor, ["mic speaking 0:14"]],
		[{ quiet: true }, floor, ["▲ quiet"]],
		[{ covered: true, cam: false }, {}, ["▣ covered"]],
		[{ camMissing: true, word: "hard" }, {}, ["▲ nocam", "▲ hard"]],
		[{ state: "ready" }, { state: "waiting" }, ["✓ ready"]],
		[{ state: "here" }, { state: "planned" }, ["✓ here"]],
	]) {
		assert.deepEqual(words(room("a", more), lessonMore), want);
	}
	assert.deepEqual(words(room("a"), { stale: true }), ["? unknown"], "nobody knows what was not told lately");
	assert.deepEqual(tiles(lesson([room("a", { hand: now, handOrder: 1 }), room("b", { state: "ready" })]), now, {}, false).map((t) => t.words.map((w) => w.key)), [["hand", "unknown"], ["unknown"]]);
});

test("a tap gives the floor or takes it back", () => {
	const rooms = [room("a"), room("b"), room("c", { state: "lost" })];
	const l = lesson(rooms, { floor: [{ room: "a", since: now, second: false }] });
	assert.deepEqual(tap(l, "a", false), { type: "floor.release", fields: { room: "a" } });
	assert.deepEqual(tap(l, "b", false), { type: "floor.call", fields: { room: "b" } });
	assert.deepEqual(tap(l, "b", true), { type: "floor.call", fields: { room: "b", second: true } });
	assert.equal(tap(l, "c", false), null);
	assert.equal(tap(l, "x", false), null);
	assert.deepEqual(tap(lesson(rooms), "b", true), { type: "floor.call", fields: { room: "b" } }, "nobody to speak with");
	assert.equal(tap(lesson(rooms, { state: "waiting" }), "a", false), null);
});

test("the first hand is of a room that can be heard", () => {
	assert.equal(firstHand(lesson([room("a", { hand: 2, handOrder: 2 }), room("b", { hand: 1, handOrder: 1 })]))?.room, "b");
	assert.equal(firstHand(lesson([room("a", { hand: 2, handOrder: 2 }), room("b", { hand: 1, handOrder: 1, state: "lost" })]))?.room, "a");
	assert.equal(firstHand(lesson([room("a")])), undefined);
	assert.equal(firstHand(null), undefined);
});

test("what every campus suffers from is this school's link", () => {
	const suffers = (...list) => allSuffer(lesson(list.map((word, i) => room(`r${i}`, word === "lost" ? { state: "lost", word: "offline" } : { word }))));
	assert.equal(suffers("choppy", "hard"), true);
	assert.equal(suffers("choppy", "hard", "lost", "unknown"), true);
	assert.equal(suffers("choppy", "hears"), false);
	assert.equal(suffers("choppy", "smaller"), false);
	assert.equal(suffers("hard"), false, "of one nobody knows whose link it is");
	assert.equal(suffers("hard", "unknown"), false);
	assert.equal(allSuffer(lesson([room("a", { word: "hard" }), room("b", { word: "hard" })], { stale: true })), false);
});

test("times and turns", () => {
	assert.deepEqual([counted(14000), counted(751000), counted(3661000)], ["0:14", "12:31", "1:01:01"]);
	assert.deepEqual([lasting(-5), lasting(59999), lasting(60000), lasting(3600000), lasting(200000000)], ["0|seconds", "59|seconds", "1|minutes", "1|hours", "2|days"]);
	assert.deepEqual([turnMark(1), turnMark(11), turnMark(0)], ["①", "⑪", ""]);
	assert.deepEqual(["lecture", "board", "all"].map(nextLayout), ["board", "all", "lecture"]);
});

const facts = (more) => ({
	now, remote: false, status: "open", statusSince: now, lesson: lesson([]), camera: "on", microphone: "on", muted: false, speech: false, silence: false, clipped: false, stopped: false,
	monitor: false, shareFailed: false, slow: false, soundBlocked: false, fault: "", failed: "", ...more,
});

test("one sentence at a time, worse after a while, better after 3 s", () => {
	const a = new Alerts();
	const key = (ms, more) => a.choose(facts({ now: now + ms, ...more })).alert?.key ?? "";
	assert.equal(key(0, {}), "");
	assert.equal(key(100, { slow: true }), "");
	assert.equal(key(2000, { slow: true }), "");
	assert.equal(key(2100, { slow: true }), "slow");
	assert.equal(key(2200, { slow: true, stopped: true }), "stopped", "what can be done about comes first");
	assert.equal(key(3000, {}), "slow");
	assert.equal(key(5900, {}), "slow");
	assert.equal(key(6000, {}), "");
	assert.equal(key(7000, { status: "connecting", statusSince: now + 7000 }), "");
	assert.equal(key(9100, { status: "connecting", statusSince: now + 7000, camera: "blocked" }), "away");
	assert.equal(key(9200, { camera: "blocked" }), "away");
	assert.equal(key(12200, { camera: "blocked" }), "blocked");
});

test("a sentence that cannot be answered becomes a sign after 20 s", () => {
	const a = new Alerts();
	const faded = (ms) => a.choose(facts({ now: now + ms, clipped: true })).faded;
	assert.deepEqual([faded(0), faded(1000), faded(20900), faded(21000)], [false, false, false, true]);
});

test("the bell asks at most twice for five minutes more", () => {
	const acts = (extended) => new Alerts().choose(facts({ lesson: lesson([], { state: "over", end: now, extended }) })).alert?.acts;
	assert.deepEqual([acts(0), acts(1), acts(2)], [["end", "extend"], ["end", "extend"], ["end"]]);
});

test("whoever is muted and speaks is told, a page that captures nothing is not told of devices", () => {
	const a = new Alerts();
	a.choose(facts({ muted: true, speech: true, silence: true }));
	assert.equal(a.choose(facts({ now: now + 20000, muted: true, speech: true, silence: true })).alert?.key, "muted");
	assert.equal(new Alerts().choose(facts({ remote: true, camera: "blocked", microphone: "missing" })).alert, null);
	assert.equal(new Alerts().choose(facts({ remote: true, lesson: lesson([], { lead: { online: false } }) })).alert?.key, "lead");
});

test("what is told of the campuses is what has changed", () => {
	const speaking = { floor: [{ room: "a", since: now, second: false }] };
	const told = (before, after, more = {}, moreAfter = more) => news(lesson([room("a", before)], more), lesson([room("a", after)], moreAfter)).map((n) => n.key);
	assert.deepEqual(told({}, {}), []);
	assert.deepEqual(told({}, { hand: now, handOrder: 1 }), ["word.hand"]);
	assert.deepEqual(told({ hand: now, handOrder: 2 }, { hand: now, handOrder: 1 }), [], "a turn that comes nearer");
	assert.deepEqual(told({ hand: now, handOrder: 1 }, {}, {}, speaking), ["word.speaking"]);
	assert.deepEqual(told({}, {}, speaking), []);
	assert.deepEqual(told({}, {}, speaking, {}), ["told.done"]);
	assert.deepEqual(told({}, { state: "lost" }), ["word.offline"]);
	assert.deepEqual(told({ state: "lost" }, {}), ["told.back"]);
	assert.deepEqual(told({ state: "absent" }, { state: "live" }), [], "whoever comes is on a tile");
});
