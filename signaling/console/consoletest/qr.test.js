import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../qr.js";

const shape = (g) => g.map((row) => row.map((on) => (on ? "#" : ".")).join(""));

test("the smallest version that holds the text", () => {
	for (const [n, size] of [[1, 21], [14, 21], [15, 25], [26, 25], [27, 29], [213, 57], [214, 61], [331, 69]]) {
		assert.equal(encode("x".repeat(n))?.length, size, `${n} bytes`);
	}
	assert.equal(encode("x".repeat(332)), null);
});

test("finder patterns, timing, and the dark module", () => {
	const g = shape(encode("https://192.0.2.1:8443/assist#K7M3PX"));
	const n = g.length;
	for (const [x, y] of [[0, 0], [n - 7, 0], [0, n - 7]]) {
		const corner = g.slice(y, y + 7).map((row) => row.slice(x, x + 7));
		assert.deepEqual(corner, ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"]);
	}
	assert.equal(g[6].slice(7, n - 7), ".#".repeat((n - 15) / 2) + ".");
	assert.equal(g[n - 8][8], "#");
});

test("level M stands in the format, the same twice", () => {
	const g = encode("tongke");
	const n = g.length;
	let one = 0;
	let two = 0;
	for (let i = 14; i >= 0; i--) {
		one = one * 2 + (g[i < 6 ? i : i < 8 ? i + 1 : n - 15 + i][8] ? 1 : 0);
		two = two * 2 + (g[8][i < 8 ? n - 1 - i : i < 9 ? 7 : 14 - i] ? 1 : 0);
	}
	assert.equal(one, two);
	assert.equal(((one ^ 0x5412) >> 13) & 3, 0);
});
