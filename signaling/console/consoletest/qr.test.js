import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { modules } from "../qr.js";

const text = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join("");
const lengths = [1, 14, 15, 26, 27, 42, 43, 62, 63, 84, 85, 106, 107, 122, 123, 152, 153, 180, 181, 213];

// The symbols of every version and mask were compared module by module with those of rsc.io/qr when the hash was taken.
test("symbols are what they were when another encoder made the same", () => {
	const hash = createHash("sha256");
	for (const n of lengths) {
		for (let mask = 0; mask < 8; mask++) {
			hash.update(modules(text(n), mask).map((r) => r.map(Number).join("")).join("\n"));
		}
	}
	assert.equal(hash.digest("hex"), "105c4955e9c4096c4f3ec071ad9b40afa1c16e2c5c8b35f27fd77c5646fc17b0");
});

test("the version grows with the text, and ends at 213 bytes", () => {
	assert.deepEqual(lengths.map((n) => (modules(text(n)).length - 17) / 4), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10]);
	assert.throws(() => modules(text(214)), RangeError);
	assert.equal(modules("https://三河.example/assist#K7M3PX").length, 29);
});
