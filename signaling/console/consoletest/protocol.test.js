import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Client, ProtocolError, address } from "../protocol.js";

/** A box in memory: sockets that a test opens, answers and cuts. */
class Box {
	constructor() {
		this.sockets = [];
	}

	make() {
		const socket = {
			sent: [],
			closed: false,
			onopen: null,
			onmessage: null,
			onclose: null,
			send(data) {
				socket.sent.push(JSON.parse(data));
			},
			close() {
				socket.closed = true;
			},
			say(m) {
				socket.onmessage({ data: JSON.stringify(m) });
			},
		};
		this.sockets.push(socket);
		return socket;
	}

	get last() {
		return this.sockets.at(-1);
	}
}

const settle = async () => {
	for (let i = 0; i < 10; i++) {
		await Promise.resolve();
	}
};

const helloOK = (more = {}) => ({ type: "ok", re: 1, session: "s-1", resume: "r-1", role: "classroom", room: "sanhe", roomName: "", box: { id: "", name: "" }, now: 0, ...more });

function start(t) {
	mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
	t.after(() => mock.timers.reset());
	const box = new Box();
	const client = new Client({ url: "ws://box/ws", hello: () => ({ page: "class" }), socket: () => box.make(), clock: () => Date.now(), random: () => 1 });
	return { box, client };
}

async function opened(t) {
	const { box, client } = start(t);
	client.open();
	box.last.onopen();
	box.last.say(helloOK());
	await settle();
	assert.equal(client.status, "open");
	return { box, client };
}

test("the address follows the page's", () => {
	assert.equal(address({ protocol: "https:", host: "box:8443" }), "wss://box:8443/ws");
	assert.equal(address({ protocol: "http:", host: "127.0.0.1:8080" }), "ws://127.0.0.1:8080/ws");
});

test("hello first, then requests are answered by their id", async (t) => {
	const { box, client } = await opened(t);
	assert.deepEqual(box.last.sent[0], { type: "hello", id: 1, page: "class" });
	const one = client.request("hand.raise", {});
	const two = client.request("floor.done", {});
	box.last.say({ type: "error", re: 3, code: "wrong-state", message: "no" });
	box.last.say({ type: "ok", re: 2 });
	await one;
	await assert.rejects(two, (e) => e instanceof ProtocolError && e.code === "wrong-state");
});

test("a lost connection comes back with the resume token, within 2 s", async (t) => {
	const { box, client } = await opened(t);
	const waiting = client.request("hand.raise", {});
	box.last.onclose({ code: 1006 });
	await assert.rejects(waiting, { code: "lost" });
	assert.equal(client.status, "connecting");
	for (let i = 0; i < 8; i++) {
		const tries = box.sockets.length;
		mock.timers.tick(2000);
		assert.ok(box.sockets.length > tries, `try ${i} within 2 s`);
		box.last.onclose({ code: 1006 });
	}
	mock.timers.tick(2000);
	box.last.onopen();
	assert.equal(box.last.sent[0].resume, "r-1");
	box.last.say(helloOK({ resume: "r-2" }));
	await settle();
	assert.equal(client.status, "open");
});

test("after 30 s the token is not offered any more", async (t) => {
	const { box, client } = await opened(t);
	box.last.onclose({ code: 1006 });
	for (let i = 0; i < 20; i++) {
		mock.timers.tick(2000);
		box.last.onclose({ code: 1006 });
	}
	mock.timers.tick(2000);
	box.last.onopen();
	assert.equal(box.last.sent[0].resume, undefined);
	client.close();
});

test("a frozen box is noticed by an answer that does not come", async (t) => {
	const { box, client } = await opened(t);
	const waiting = client.request("hand.raise", {});
	mock.timers.tick(7000);
	await assert.rejects(waiting, { code: "lost" });
	assert.notEqual(client.status, "open");
	assert.ok(box.sockets[0].closed);
});

test("refused: the code is kept and it is tried again", async (t) => {
	const { box, client } = start(t);
	client.open();
	box.last.onopen();
	box.last.say({ type: "error", re: 1, code: "room-taken" });
	await settle();
	assert.equal(client.status, "refused");
	assert.equal(client.code, "room-taken");
	mock.timers.tick(2000);
	assert.equal(box.sockets.length, 2);
});

test("an older state of the lesson is ignored", async (t) => {
	const { box, client } = await opened(t);
	const revs = [];
	client.on("lesson", (l) => revs.push([l.epoch, l.rev]));
	for (const [epoch, rev] of [[1, 5], [1, 4], [2, 1], [1, 9], [2, 1], [2, 2]]) {
		box.last.say({ type: "lesson", id: "a", epoch, rev });
	}
	assert.deepEqual(revs, [[1, 5], [2, 1], [2, 1], [2, 2]]);
});

test("bye ends it, shutdown does not", async (t) => {
	const { box, client } = await opened(t);
	box.last.say({ type: "bye", code: "shutdown" });
	box.last.onclose({ code: 1000 });
	mock.timers.tick(2000);
	assert.equal(box.sockets.length, 2);
	box.last.onopen();
	box.last.say(helloOK());
	await settle();
	box.last.say({ type: "bye", code: "removed" });
	mock.timers.tick(60000);
	assert.equal(client.status, "closed");
	assert.equal(client.code, "removed");
	assert.equal(box.sockets.length, 2);
});

test("the box's clock", async (t) => {
	const { box, client } = start(t);
	client.open();
	box.last.onopen();
	mock.timers.tick(100);
	box.last.say(helloOK({ now: 5_000_050 }));
	await settle();
	assert.equal(Math.round(client.now()), 5_000_100);
});

test("the box's clock is set while the page is open", async (t) => {
	const { box, client } = await opened(t);
	const set = [];
	client.on("clock", (by) => set.push(by));
	const day = 86_400_000;
	box.last.say({ type: "room", state: "idle" });
	assert.deepEqual(set, []);
	const before = client.now();
	box.last.say({ type: "room", state: "idle", now: before + day });
	assert.equal(client.now(), before + day);
	mock.timers.tick(3000);
	box.last.say({ type: "room", state: "soon", now: before + day }); // what it said then, said again
	assert.equal(client.now(), before + day + 3000);
	assert.deepEqual(set, [day]);
});

test("what is no JSON harms nothing", async (t) => {
	const { box, client } = await opened(t);
	box.last.onmessage({ data: "{" });
	box.last.say({ type: "news" });
	assert.equal(client.status, "open");
});
