import assert from "node:assert/strict";
import { test } from "node:test";
import { Matcher, clapped, decibel, heard, likely, loudest, sweep, transform } from "../selftest-sound.js";
import { choose, forgetful } from "../class-state.js";

const rate = 48000;
const size = 32768;
let seed = 1;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
const noise = (level, n = size) => Float32Array.from({ length: n }, () => level * normal());
const tone = sweep(rate);
const matcher = new Matcher(tone, size);
const at = 7000;

function mixed(samples, amplitude, from = at) {
	for (let i = 0; i < tone.length && from + i < samples.length; i++) {
		samples[from + i] += amplitude * tone[i];
	}
	return samples;
}

test("there and back", () => {
	const re = Float64Array.from({ length: 64 }, normal);
	const im = Float64Array.from({ length: 64 }, normal);
	const a = Float64Array.from(re);
	const b = Float64Array.from(im);
	transform(a, b, false);
	const power = (/** @type {Float64Array} */ x, /** @type {Float64Array} */ y) => x.reduce((s, v, i) => s + v * v + y[i] * y[i], 0);
	assert.ok(Math.abs(power(a, b) / 64 - power(re, im)) < 1e-9, "Parseval");
	transform(a, b, true);
	a.forEach((v, i) => assert.ok(Math.abs(v / 64 - re[i]) < 1e-12 && Math.abs(b[i] / 64 - im[i]) < 1e-12));
});

test("the tone is found under noise that is a hundred times stronger, and where it is", () => {
	for (const db of [20, 0, -10, -17, -20]) {
		const found = matcher.find(mixed(noise(0.02), 0.02 * Math.SQRT2 * 10 ** (db / 20)));
		assert.ok(found.above > likely && Math.abs(found.at - at) < 5, `${db} dB: ${JSON.stringify(found)}`);
		if (db >= 0) {
			assert.ok(Math.abs(decibel(found.amplitude) - decibel(0.02 * Math.SQRT2 * 10 ** (db / 20))) <= 2, `${db} dB: ${decibel(found.amplitude)} dB`);
		}
	}
	const alone = matcher.find(mixed(new Float32Array(size), 0.001));
	assert.ok(alone.above > likely && Math.abs(alone.at - at) < 5, "in digital silence");
});

test("in an echoing room", () => {
	const samples = mixed(noise(0.0005), 0.05);
	for (let i = 0; i < 150; i++) {
		const late = 240 + Math.floor(random() * 14000);
		mixed(samples, 0.05 * 0.25 * normal() * Math.exp(-late / 8000), at + late);
	}
	assert.ok(matcher.find(samples).above > likely);
});

test("noise, claps and whistles are not the tone", () => {
	let worst = 0;
	for (let k = 0; k < 12; k++) {
		worst = Math.max(worst, matcher.find(noise(0.1)).above);
		const claps = noise(0.001);
		for (let c = 0; c < 1 + k / 2; c++) {
			const from = Math.floor(random() * size);
			for (let i = 0; i < 4000 && from + i < size; i++) {
				claps[from + i] += 0.5 * normal() * Math.exp(-i / 600);
			}
		}
		worst = Math.max(worst, matcher.find(claps).above);
		const pitch = 800 + 2500 * random();
		worst = Math.max(worst, matcher.find(noise(0.003).map((v, i) => v + 0.2 * Math.sin((2 * Math.PI * pitch * i) / rate))).above);
	}
	assert.ok(worst < likely, `${worst}`);
	assert.equal(matcher.find(new Float32Array(size)).above, 0);
});

test("heard is: twice, after the same delay, that a room can have", () => {
	const hits = (...list) => list.map(([above, delay]) => ({ above, delay }));
	assert.equal(heard([]), false);
	assert.equal(heard(hits([100, 0.1])), false);
	assert.equal(heard(hits([100, 0.1], [20, 0.11])), true);
	assert.equal(heard(hits([100, 0.1], [20, 0.3])), false);
	assert.equal(heard(hits([100, 0.1], [3, 0.1], [20, 0.12])), true);
	assert.equal(heard(hits([100, 1.5], [100, 1.5])), false);
	assert.equal(heard(hits([100, -0.5], [100, -0.5])), false);
	assert.equal(heard(hits([4, 0.1], [4, 0.1], [4, 0.1])), false);
});

test("a clap is a clap, a voice is none", () => {
	for (let k = 0; k < 20; k++) {
		const clap = noise(0.003, 16384);
		const from = 1500 + Math.floor(random() * 6000);
		for (let i = 0; i < 8000 && from + i < clap.length; i++) {
			clap[from + i] += normal() * (0.3 * Math.exp(-i / 300) + 0.03 * Math.exp(-i / 5000));
		}
		assert.ok(clapped(clap, rate), `clap at ${from}`);
		const voice = noise(0.003, 16384);
		const on = Math.floor(random() * 10000);
		const pitch = 150 + 200 * random();
		for (let i = on; i < voice.length; i++) {
			for (let h = 1; h < 12; h++) {
				voice[i] += (0.1 / h) * Math.sin((2 * Math.PI * h * pitch * i) / rate) * Math.min(1, (i - on) / 2400);
			}
		}
		assert.ok(!clapped(voice, rate), `voice at ${on}`);
	}
	assert.ok(!clapped(noise(0.1, 16384), rate) && !clapped(new Float32Array(16384), rate));
	assert.ok(decibel(loudest(noise(0.0002), rate)) < -70 && decibel(loudest(noise(0.001), rate)) > -70);
});

test("what the wall says of a test", () => {
	const facts = {
		now: 1e12, beside: true, status: "open", code: "", statusSince: 1, nextTry: 0, box: "b", me: "sanhe", room: { state: "idle" }, lesson: null, dataAt: 0, enteredAt: 0,
		captures: false, camera: "off", microphone: "off", covered: false, soundBlocked: false, codec: false,
	};
	for (const [doing, key] of Object.entries({ "": "idle", chirp: "test", picture: "test", clap: "test.clap", heard: "test.heard", show: "test.show" })) {
		assert.equal(choose({ ...facts, test: doing }, forgetful()).key, key);
	}
});
