import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Leaving } from "../teach-after.js";

/** The locks of all tabs of a browser. */
class Locks {
	constructor() {
		this.held = [];
	}

	async request(name, options, held) {
		assert.equal(options.mode, "shared");
		const lock = { name };
		this.held.push(lock);
		await held();
		this.held = this.held.filter((l) => l !== lock);
	}

	async query() {
		return { held: this.held };
	}
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("ten minutes after the lesson the teacher is signed out, but not out of his next one", async (t) => {
	mock.timers.enable({ apis: ["setTimeout"] });
	t.after(() => mock.timers.reset());
	const locks = new Locks();
	const out = [];
	const first = new Leaving(() => out.push("first"), locks);
	const second = new Leaving(() => out.push("second"), locks);
	first.over();
	await settle();
	mock.timers.tick(600_000);
	await settle();
	assert.deepEqual(out, []);
	second.over();
	await settle();
	mock.timers.tick(599_000);
	await settle();
	assert.deepEqual(out, []);
	mock.timers.tick(1000);
	await settle();
	assert.ok(out.length > 0);
});

test("without locks it is signed out all the same", async (t) => {
	mock.timers.enable({ apis: ["setTimeout"] });
	t.after(() => mock.timers.reset());
	let out = 0;
	new Leaving(() => out++, null).over();
	mock.timers.tick(600_000);
	await settle();
	assert.equal(out, 1);
});
