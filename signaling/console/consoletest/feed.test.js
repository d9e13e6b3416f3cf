import assert from "node:assert/strict";
import { test } from "node:test";

// A box and a browser's buffer, as far as a Feed knows them. room is how many seconds fit.
let asked = [];
let room = Infinity;
let answer = (n) => ({ ok: true, arrayBuffer: async () => new Uint8Array([n]).buffer });

class FakeBuffer extends EventTarget {
	constructor() {
		super();
		this.parts = new Set(); // fragments of 2 s each
	}
	get buffered() {
		const list = [...this.parts].sort((a, b) => a - b);
		const ranges = [];
		for (const n of list) {
			const last = ranges.at(-1);
			if (last && last.end === 2 * n) {
				last.end += 2;
			} else {
				ranges.push({ start: 2 * n, end: 2 * n + 2 });
			}
		}
		return { length: ranges.length, start: (i) => ranges[i].start, end: (i) => ranges[i].end };
	}
	appendBuffer(data) {
		const n = new Uint8Array(data)[0];
		if (n !== 255 && this.parts.size * 2 >= room) {
			throw new DOMException("full", "QuotaExceededError");
		}
		if (n !== 255) {
			this.parts.add(n);
		}
		queueMicrotask(() => this.dispatchEvent(new Event("updateend")));
	}
	remove(start, end) {
		for (const n of this.parts) {
			if (2 * n < end && 2 * n + 2 > start) {
				this.parts.delete(n);
			}
		}
		queueMicrotask(() => this.dispatchEvent(new Event("updateend")));
	}
}
class FakeSource extends EventTarget {
	constructor() {
		super();
		setTimeout(() => this.dispatchEvent(new Event("sourceopen")));
	}
	addSourceBuffer() {
		this.made = new FakeBuffer();
		return this.made;
	}
}
globalThis.MediaSource = FakeSource;
URL.createObjectURL = () => "blob:x";
URL.revokeObjectURL = () => {};
globalThis.fetch = async (path, { signal }) => {
	const part = path.split("/").at(-1);
	if (part !== "init") {
		asked.push(Number(part));
	}
	await new Promise((r) => setTimeout(r, 2));
	signal.throwIfAborted();
	return part === "init" ? { ok: true, arrayBuffer: async () => new Uint8Array([255]).buffer } : answer(Number(part));
};
const { Feed } = await import("../library-stream.js");

const stream = { name: "board", kind: "video", mime: "video/mp4", bytes: 0, atMs: Array.from({ length: 200 }, (_, i) => 2000 * i), lastMs: Array.from({ length: 200 }, () => 2000) };
const media = () => ({ error: null, pause() {}, removeAttribute() {}, load() {} });
/** Waits until the feed has nothing to do. @param {Feed} f */
const idle = async (f) => {
	for (let i = 0; i < 1000 && (f.wake === null || f.next() >= 0); i++) {
		await new Promise((r) => setTimeout(r, 5));
	}
};

/** @param {(f: Feed, faults: string[]) => Promise<void>} f */
async function feed(f) {
	asked = [];
	room = Infinity;
	const faults = [];
	const one = new Feed("l1", stream, media(), (fault) => faults.push(fault?.code ?? ""));
	try {
		await f(one, faults);
	} finally {
		one.close();
	}
}

test("only what is needed until the picture is there, then ahead of the clock", () => feed(async (f) => {
	f.follow(101, true, true);
	await idle(f);
	assert.deepEqual(asked, [50]);
	assert.ok(f.ready(101) && f.ready(101.9) === false && f.covers(101) && !f.ready(99));
	f.follow(101, true, false);
	await idle(f);
	assert.deepEqual(asked, [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62]);
}));

test("near the end of a fragment the next one is needed too", () => feed(async (f) => {
	f.follow(101.9, true, true);
	await idle(f);
	assert.deepEqual(asked, [50, 51]);
	assert.ok(f.ready(101.9));
}));

test("a jump fetches there, and nothing twice", () => feed(async (f) => {
	f.follow(0, true, false);
	await idle(f);
	const before = asked.length;
	f.follow(30, true, true, true);
	await idle(f);
	assert.deepEqual(asked.slice(before), [15]);
	f.follow(14, true, true, true);
	await idle(f);
	assert.deepEqual(asked.slice(before), [15], "what is there is not fetched again");
}));

test("what is hidden is not fetched", () => feed(async (f) => {
	f.follow(10, false, false);
	await idle(f);
	assert.deepEqual(asked, []);
}));

test("what lies far behind goes", () => feed(async (f) => {
	f.follow(0, true, false);
	await idle(f);
	f.follow(100, true, false, true);
	await idle(f);
	assert.ok([...f.have].every((n) => n >= 40), `${[...f.have]}`);
}));

test("a full buffer makes room and holds less", () => feed(async (f, faults) => {
	room = 14;
	f.follow(0, true, false);
	await idle(f);
	for (let t = 0; t < 40; t += 2) {
		f.follow(t, true, false);
		await idle(f);
	}
	assert.ok(f.ready(38.5), `${[...f.have]}`);
	assert.ok(f.most < 20 && !f.failed);
	assert.deepEqual(faults, []);
}));

test("a fragment that is gone is a hole, and what was fetched before stays when the list is made anew", () => feed(async (f, faults) => {
	const good = answer;
	answer = (n) => (n === 3 ? { ok: false, status: 410, json: async () => ({ code: "fragment-gone" }) } : good(n));
	f.follow(0, true, false);
	await idle(f);
	assert.deepEqual(faults, ["fragment-gone"]);
	assert.ok(!f.failed && f.ready(0) && !f.ready(f.stream.atMs[3] / 1000 + 0.5));
	const s = f.stream;
	const [atMs, lastMs] = [s.atMs.toSpliced(3, 1), s.lastMs.toSpliced(3, 1)];
	lastMs[2] += s.lastMs[3]; // the last picture before it stands
	const had = f.have.size;
	f.grow({ ...s, atMs, lastMs });
	assert.ok(f.have.size < had && f.have.has(0) && f.have.has(3), `${[...f.have]}`);
	answer = good;
}));

test("a box that is away is asked again, one that refuses is not", () => feed(async (f, faults) => {
	let tries = 0;
	const good = answer;
	answer = (n) => (tries++ === 0 ? { ok: false, status: 503, json: async () => ({ code: "recording-preparing" }) } : good(n));
	f.follow(0, true, true);
	await idle(f);
	assert.deepEqual(faults, ["recording-preparing", ""]);
	assert.ok(f.ready(0));
	answer = () => ({ ok: false, status: 410, json: async () => ({ code: "recording-erased" }) });
	f.follow(200, true, true, true);
	for (let i = 0; i < 1000 && !f.failed; i++) {
		await new Promise((r) => setTimeout(r, 5));
	}
	assert.deepEqual(faults.at(-1), "recording-erased");
	assert.ok(f.failed);
	answer = good;
}));
