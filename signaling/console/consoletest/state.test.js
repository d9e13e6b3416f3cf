import assert from "node:assert/strict";
import { test } from "node:test";
import { plan } from "../class-layout.js";
import { choose, forgetful, hand, signs } from "../class-state.js";

const now = 1_000_000_000;

const member = (room, more = {}) => ({ room, campus: room, name: room, state: "live", since: 0, word: "hears", wordSince: 0, quiet: false, muted: false, ...more });

const lesson = (more = {}, me = {}) => ({
	id: "a", state: "live", stale: false, title: "t", ownerBox: "core", record: "buffer", scope: "teacher+board", kept: false, layout: "lecture", mirror: false,
	lead: { session: "s", room: "core", online: true, since: 0 }, master: { room: "core", name: "core" },
	sources: { board: true, teacher: true, pupils: false, voice: true, muted: false }, floor: [], rooms: [member("us", me), member("x"), member("y")], notes: [], ...more,
});

const room = (more = {}) => ({ room: "us", name: "us", state: "in", uplink: { up: true, since: 0 }, covered: false, layout: "", volume: 60, ...more });

const facts = (more = {}) => ({
	now, beside: true, status: "open", code: "", statusSince: 1, nextTry: 0, box: "b", me: "us", room: room(), lesson: lesson(), dataAt: now - 100, enteredAt: now - 60000,
	captures: true, camera: "on", microphone: "on", covered: false, soundBlocked: false, codec: false, test: "", ...more,
});

const floor = (...rooms) => rooms.map((r, i) => ({ room: r, since: now - 5000, second: i > 0 }));

/** What is shown after a state has lasted for so long, and that much after what was before it. */
function after(ms, f, before = forgetful()) {
	const first = choose({ ...f, now: now - ms, dataAt: f.dataAt }, before);
	return choose(f, first);
}

for (const [name, want, f, lasts = 30000] of [
	["a lesson", "live", {}],
	["the bell has rung", "live", { lesson: lesson({ state: "over" }) }],
	["not begun", "wait.teacher", { lesson: lesson({ state: "waiting" }) }],
	["over", "ended", { lesson: lesson({ state: "ended", endedAt: now - 19000 }) }],
	["over for 20 s", "idle", { lesson: lesson({ state: "ended", endedAt: now - 20000 }) }],
	["no lesson", "idle", { room: room({ state: "idle" }), lesson: null }],
	["just set up", "installed", { room: room({ state: "idle", installed: 7 }), lesson: null }],
	["set up, and joins later", "installed", { room: room({ state: "fresh", installed: 7 }), lesson: null }],
	["just set up, and in a lesson", "live", { room: room({ installed: 7 }) }],
	["just set up, and a lesson is near", "soon", { room: room({ state: "soon", installed: 7 }), lesson: null }],
	["soon", "soon", { room: room({ state: "soon" }), lesson: null }],
	["a minute before", "soon.look", { room: room({ state: "look" }), lesson: null }],
	["just opened", "joining", { room: null, lesson: null, status: "connecting", statusSince: now - 500 }, 500],
	["in, nothing came yet", "joining", { dataAt: 0, enteredAt: now - 1000 }, 500],
	["in for long, nothing came", "teacher.down", { dataAt: 0, enteredAt: now - 6000 }, 500],
	["nothing for 1.9 s", "live", { dataAt: now - 1900 }, 0],
	["nothing for 2 s", "teacher.down", { dataAt: now - 2000 }, 0],
	["the lead is away", "teacher.down", { lesson: lesson({ lead: { session: "s", room: "core", online: false, since: now - 4000 } }) }, 100],
	["the lead is away for 1 s", "live", { lesson: lesson({ lead: { session: "s", room: "core", online: false, since: now - 1000 } }) }, 0],
	["nobody sends, so nothing is missing", "live", { dataAt: 0, lesson: lesson({ sources: { board: false, teacher: false, pupils: false, voice: false, muted: false } }) }],
	["no uplink, nothing comes", "link.down", { dataAt: now - 3000, room: room({ uplink: { up: false, since: now - 3000 } }) }, 0],
	["no uplink, but all comes", "live", { room: room({ uplink: { up: false, since: now - 3000 } }) }],
	["no uplink, the lesson is our own", "live", { lesson: lesson({ ownerBox: "b" }), room: room({ uplink: { up: false, since: now - 9000 } }) }],
	["stale", "link.down", { dataAt: now - 3000, lesson: lesson({ stale: true }) }, 0],
	["no uplink for a minute", "link.long", { dataAt: now - 60000, room: room({ uplink: { up: false, since: now - 60000 } }) }, 0],
	["the box is away", "box.restart", { status: "connecting", statusSince: now - 2000 }, 0],
	["the box is away for 1.9 s", "live", { status: "connecting", statusSince: now - 1900 }, 0],
	["another box is away", "link.down", { beside: false, status: "connecting", statusSince: now - 2000 }, 0],
	["another screen", "room.taken", { status: "refused", code: "room-taken" }],
	["another screen took over", "room.taken", { status: "closed", code: "taken-over" }],
	["sent away", "removed", { room: room({ state: "removed" }) }],
	["an expired address", "refused", { status: "refused", code: "forbidden" }],
	["fresh", "fresh", { room: room({ state: "fresh" }), lesson: null }],
	["our turn", "floor.us", { lesson: lesson({ floor: floor("us") }) }],
	["our turn as the second", "floor.us", { lesson: lesson({ floor: floor("x", "us") }) }],
	["too quiet", "floor.quiet", { lesson: lesson({ floor: floor("us") }, { quiet: true }) }],
	["our turn with the hand up and a thin link", "floor.us", { lesson: lesson({ floor: floor("us") }, { hand: 5, step: "voice" }) }, 0],
	["our turn, but the link is lost", "link.down", { dataAt: now - 3000, lesson: lesson({ floor: floor("us"), stale: true }) }, 0],
	["another's turn", "floor.other", { lesson: lesson({ floor: floor("x") }) }],
	["another's turn, our hand up", "hand.up", { lesson: lesson({ floor: floor("x") }, { hand: 5 }) }],
	["voice only", "audio.only", { lesson: lesson({}, { step: "voice" }) }, 19000],
	["a still board", "board.still", { lesson: lesson({}, { step: "still" }) }, 19000],
	["a smaller picture", "picture.soft", { lesson: lesson({}, { step: "small" }) }, 19000],
	["a smaller picture for 20 s is a sign", "live", { lesson: lesson({}, { step: "small" }) }, 20000],
	["no camera", "cam.missing", { camera: "missing" }, 3000],
	["no camera for 1 s", "live", { camera: "missing" }, 1000],
	["camera and microphone", "cam.missing", { camera: "missing", microphone: "busy" }, 3000],
	["no microphone", "mic.missing", { microphone: "blocked" }, 3000],
	["no sound allowed", "tap", { soundBlocked: true }],
	["no sound allowed, and no camera", "tap", { soundBlocked: true, camera: "missing" }, 3000],
	["cannot decode", "codec", { codec: true }],
	["the master's room is given nothing", "live", { me: "core", captures: false, dataAt: 0, enteredAt: now - 1000 }, 500],
	["the master's room is given nothing for long", "live", { me: "core", captures: false, dataAt: 0 }],
	["the master's room does not film", "live", { me: "core", captures: false, camera: "missing" }],
]) {
	test(`sentence: ${name}`, () => assert.equal(after(lasts, facts(f)).key, want));
}

test("worse after 2 s, better after 3 s, and the seconds count from the beginning", () => {
	const away = facts({ dataAt: now - 9000, lesson: lesson({ stale: true }) });
	const m = after(2000, away);
	assert.equal(m.key, "link.down");
	let back = choose(facts({ now: now + 100, dataAt: now + 100 }), m);
	assert.equal(back.key, "link.down");
	back = choose(facts({ now: now + 3000, dataAt: now + 3000 }), back);
	assert.equal(back.key, "link.down");
	back = choose(facts({ now: now + 3200, dataAt: now + 3200 }), back);
	assert.equal(back.key, "live");
	assert.equal(after(0, facts({ dataAt: now - 12000 })).since, now - 12000);
});

test("signs say what leaves the room, and what is kept", () => {
	const keys = (f, m = after(30000, f)) => signs(f, m).map((s) => s.key.replace("class.sign.", ""));
	assert.deepEqual(keys(facts()), ["off", "camera", "silent"]);
	assert.deepEqual(keys(facts({ lesson: lesson({ floor: floor("us") }) })), ["off", "camera", "microphone"]);
	assert.deepEqual(keys(facts({ lesson: lesson({ floor: floor("us") }, { muted: true }) })), ["off", "camera", "silent"]);
	assert.deepEqual(keys(facts({ covered: true, lesson: lesson({ mirror: true }) })), ["off", "covered", "silent", "mirror"]);
	assert.deepEqual(keys(facts({ lesson: lesson({ kept: true }) })), ["buffer", "camera", "silent"]);
	assert.deepEqual(keys(facts({ lesson: lesson({ kept: true, record: "keep", scope: "+pupils" }) })), ["keepPupils", "camera", "silent"]);
	assert.deepEqual(keys(facts({ lesson: lesson({ kept: false, record: "keep" }) })), ["off", "camera", "silent"], "only what is really kept");
	assert.deepEqual(keys(facts({ camera: "missing", lesson: lesson({}, { step: "small" }) })), ["off", "silent", "slow", "noCamera"]);
	assert.deepEqual(keys(facts({ unsent: true, lesson: lesson({ floor: floor("us") }) })), ["off", "noCamera", "noMicrophone"], "nobody sees or hears a second room of a box");
	assert.deepEqual(keys(facts({ me: "core", captures: false })), ["off", "camera", "microphone"], "the teacher's page films this room");
	assert.deepEqual(keys(facts({ me: "core", captures: false, lesson: lesson({ sources: { board: true, teacher: false, pupils: false, voice: true, muted: true } }) })), ["off", "silent"]);
	assert.deepEqual(keys(facts({ room: room({ recording: { mode: "off", fault: "disk-full", scope: "teacher+board", seconds: 0 } }) })), ["notKept", "camera", "silent"]);
	assert.deepEqual(keys(facts({ lesson: null, room: room({ state: "idle" }) })), []);
});

test("what the hand's button does", () => {
	const does = (f) => hand(f, after(30000, f));
	assert.equal(does(facts()), "raise");
	assert.equal(does(facts({ lesson: lesson({}, { hand: 5 }) })), "lower");
	assert.equal(does(facts({ lesson: lesson({ floor: floor("us") }) })), "done");
	assert.equal(does(facts({ lesson: lesson({ state: "waiting" }) })), "");
	assert.equal(does(facts({ me: "core" })), "", "the master's room has no hand");
	assert.equal(does(facts({ lesson: null, room: room({ state: "idle" }) })), "");
});

const schools = ["us", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
const wish = (n, more = {}) => ({ me: "us", master: false, board: true, camera: true, rooms: schools.slice(0, n), floor: [], layout: "lecture", ...more });
const drawn = (p) => p.tiles.map((t) => `${t.id} ${t.x},${t.y} ${t.w}x${t.h}${t.floor ? " floor" : ""}`);

test("layouts, nobody called", () => {
	const usual = ["board 0,0 1440x810", "teacher 1440,0 480x270", "own 1440,270 480x270"];
	assert.deepEqual(drawn(plan(wish(1))), usual);
	assert.deepEqual(plan(wish(1)).names, { x: 1440, y: 540, w: 480, h: 270 });
	assert.deepEqual(drawn(plan(wish(2))), [...usual, "b 1440,540 480x270"]);
	assert.equal(plan(wish(2)).names, null);
	for (const n of [3, 6, 7, 11]) {
		assert.deepEqual(drawn(plan(wish(n))), usual, `${n} members: no small pictures`);
	}
	assert.deepEqual(drawn(plan(wish(3, { board: false }))), ["teacher 0,0 1440x810", "own 1440,0 480x270"]);
	assert.deepEqual(drawn(plan(wish(3, { layout: "board" }))), ["board 0,0 1920x1080"]);
	assert.equal(plan(wish(3, { layout: "board" })).full, true);
	assert.equal(plan(wish(3, { layout: "board", board: false })).full, false);
});

test("layouts, somebody called", () => {
	assert.deepEqual(drawn(plan(wish(3, { floor: ["us"] }))), ["teacher 0,0 960x540", "board 960,0 960x540", "own 720,540 480x270 floor"]);
	assert.deepEqual(drawn(plan(wish(3, { floor: ["b"], layout: "board" }))), ["b 0,0 960x540 floor", "board 960,0 960x540", "teacher 0,540 480x270", "own 480,540 480x270"]);
	assert.deepEqual(plan(wish(3, { floor: ["b"] })).speaking?.rooms, ["b"]);
	assert.deepEqual(drawn(plan(wish(8, { floor: ["b", "c"] }))).at(-1), "c 960,540 480x270 floor");
	assert.equal(plan(wish(8, { floor: ["b", "c"] })).speaking, null);
	assert.deepEqual(drawn(plan(wish(3, { floor: ["b"], board: false }))), ["b 0,0 1440x810 floor", "teacher 1440,0 480x270", "own 1440,270 480x270"]);
});

test("layouts, everybody", () => {
	const all = (n, more) => plan(wish(n, { layout: "all", ...more })).tiles;
	assert.deepEqual(drawn({ tiles: all(1) }), ["teacher 0,135 960x540", "own 960,135 960x540"]);
	assert.deepEqual(all(2).map((t) => t.w), [720, 720, 720, 720]);
	assert.deepEqual(all(5).map((t) => t.w), [640, 640, 640, 640, 640, 640]);
	assert.equal(all(11).length, 12);
	assert.ok(all(11).every((t) => t.w === 480 && t.x + t.w <= 1920 && t.y + t.h <= 810));
});

test("layouts of the master's room", () => {
	const far = (n, more) => drawn(plan(wish(n, { master: true, me: "core", rooms: schools.slice(1, n + 1), ...more })));
	assert.deepEqual(far(1), ["b 240,0 1440x810"]);
	assert.deepEqual(far(2), ["b 0,135 960x540", "c 960,135 960x540"]);
	assert.equal(far(6).length, 6);
	assert.equal(far(10).length, 10);
	assert.deepEqual(far(5, { floor: ["c"] }), ["c 0,0 1440x810 floor", "b 1440,0 480x270", "d 1440,270 480x270", "e 1440,540 480x270"]);
});

test("nothing lies over anything, nothing leaves the screen", () => {
	for (const n of [1, 2, 3, 6, 7, 11]) {
		for (const layout of ["lecture", "board", "all"]) {
			for (const called of [[], ["us"], ["b"], ["b", "us"], ["us", "b"], ["b", "c"]]) {
				for (const board of [true, false]) {
					const floors = called.filter((r) => schools.slice(0, n).includes(r));
					const p = plan(wish(n, { layout, floor: floors, board }));
					const boxes = [...p.tiles, ...(p.names ? [p.names] : []), ...(p.speaking ? [p.speaking] : [])];
					for (const [i, a] of boxes.entries()) {
						assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.w <= 1920 && a.y + a.h <= (p.full ? 1080 : 810), JSON.stringify([n, layout, called, board, a]));
						for (const b of boxes.slice(i + 1)) {
							const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
							assert.ok(apart, JSON.stringify([n, layout, called, board, a, b]));
						}
					}
				}
			}
		}
	}
});
