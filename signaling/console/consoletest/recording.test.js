import assert from "node:assert/strict";
import { test } from "node:test";
import { Stored, broken, chosen, kept, open } from "../recording.js";

const lesson = (record, more = {}) => ({ record, scope: "teacher+board", kept: false, state: "live", ...more });
const here = (mode, more = {}) => ({ mode, scope: "teacher+board", seconds: 0, ...more });

test("the sign says what is really kept, here or elsewhere, and the most of both", () => {
	for (const [want, l, r] of [
		["off", lesson("buffer"), undefined],
		["off", lesson("keep"), undefined], // a wish
		["off", lesson("keep"), here("off")],
		["buffer", lesson("buffer"), here("buffer")],
		["buffer", lesson("buffer", { kept: true }), undefined],
		["keep", lesson("keep"), here("keep")],
		["keep", lesson("keep", { kept: true }), undefined],
		["keep", lesson("keep", { kept: true }), here("off", { fault: "disk-full" })], // the core goes on
		["keepPupils", lesson("keep", { kept: true, scope: "+pupils" }), here("keep")],
		["keepPupils", lesson("buffer"), here("keep", { scope: "+pupils" })],
		["notKept", lesson("keep"), here("off", { fault: "disk-full" })],
		["notKept", lesson("buffer"), here("off", { fault: "disk-failed" })],
		["off", lesson("off"), here("off", { fault: "disk-full" })], // nobody wanted it
	]) {
		assert.equal(kept(l, r), want, JSON.stringify([l, r]));
	}
	assert.equal(broken(lesson("keep"), here("keep", { fault: "" })), false);
});

test("in the lesson only less can be chosen", () => {
	assert.deepEqual(open(lesson("buffer", { state: "waiting" })), ["off", "board", "pupils"]);
	assert.deepEqual(open(lesson("keep", { scope: "+pupils" })), ["off", "board", "pupils"]);
	assert.deepEqual(open(lesson("keep")), ["off", "board"]);
	assert.deepEqual(open(lesson("buffer", { scope: "+pupils" })), ["off"]);
	assert.equal(chosen(lesson("keep", { scope: "+pupils" })), "pupils");
});

test("what was kept of a lesson is told of that lesson alone", () => {
	const s = new Stored();
	s.take(lesson("buffer", { id: "a" }), here("buffer", { seconds: 900 }));
	assert.equal(s.seconds, 0, "a buffer is no recording");
	s.take(lesson("keep", { id: "a" }), here("keep", { seconds: 2410 }));
	s.take(lesson("keep", { id: "a", state: "ended" }), undefined);
	assert.equal(s.seconds, 2410);
	s.take(lesson("keep", { id: "a" }), here("off", { seconds: 2412, fault: "disk-full" }));
	assert.deepEqual([s.seconds, s.fault], [2412, "disk-full"]);
	s.take(lesson("keep", { id: "b" }), here("off"));
	assert.deepEqual([s.seconds, s.fault], [0, ""]);
});
