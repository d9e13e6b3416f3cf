// What is heard of a tone that is known: a matched filter against the very sweep that was played, so that a noisy room neither hides it nor is
// taken for it; and what a clap of hands looks like. Pure: samples in, figures out.

export const sweepFor = 0.3; // s
const low = 1000; // Hz: small loudspeakers have it
const high = 4000; // Hz: telephone-grade microphones have it
const edge = 0.015; // s that the tone takes to come and go, so that it does not click

export const quietest = -70; // dB of full scale: below it no microphone that works is, not even in an empty room

// How far the peak of the filter stands above what it gives otherwise, so that it counts. Of noise and claps it stands 4 times above; a tone
// of 0.3 s over 3 kHz that is a hundred times weaker than the noise around it stands 10 times above, one as loud as it 100 times, in a church
// 15. A voice that glides can happen to have the tone's slope; it does not have it twice with the same delay.
export const likely = 8;

export const longest = 0.7; // s from the machine to the microphone: sound over HDMI into a panel that thinks about it
export const alike = 0.03; // s by which two delays of one path may differ: reading the microphone is no finer

/** The tone. @param {number} rate samples a second @returns {Float32Array<ArrayBuffer>} */
export function sweep(rate) {
	const n = Math.round(sweepFor * rate);
	const out = new Float32Array(n);
	for (let i = 0; i < n; i++) {
		const t = i / rate;
		const fade = Math.min(1, t / edge, (n - 1 - i) / rate / edge);
		out[i] = Math.sin(2 * Math.PI * (low * t + ((high - low) * t * t) / (2 * sweepFor))) * (0.5 - 0.5 * Math.cos(Math.PI * fade));
	}
	return out;
}

/** dB of full scale. @param {number} amplitude */
export function decibel(amplitude) {
	return Math.max(-200, Math.min(0, Math.round(20 * Math.log10(amplitude + 1e-12))));
}

/** The root of the mean square. @param {Float32Array} samples */
export function loudness(samples, from = 0, to = samples.length) {
	let power = 0;
	for (let i = from; i < to; i++) {
		power += samples[i] * samples[i];
	}
	return Math.sqrt(power / Math.max(1, to - from));
}

/** The loudest 20 ms. @param {Float32Array} samples @param {number} rate */
export function loudest(samples, rate) {
	const n = Math.round(0.02 * rate);
	let most = 0;
	for (let i = 0; i + n <= samples.length; i += n) {
		most = Math.max(most, loudness(samples, i, i + n));
	}
	return most;
}

/**
 * The discrete Fourier transform in place, of a length that is a power of two.
 * @param {Float64Array} re
 * @param {Float64Array} im
 * @param {boolean} back without the division by the length
 */
export function transform(re, im, back) {
	const n = re.length;
	for (let i = 1, j = 0; i < n; i++) {
		let bit = n >> 1;
		for (; j & bit; bit >>= 1) {
			j ^= bit;
		}
		j ^= bit;
		if (i < j) {
			[re[i], re[j]] = [re[j], re[i]];
			[im[i], im[j]] = [im[j], im[i]];
		}
	}
	for (let len = 2; len <= n; len <<= 1) {
		const angle = ((back ? 2 : -2) * Math.PI) / len;
		const half = len >> 1;
		for (let k = 0; k < half; k++) {
			const c = Math.cos(angle * k);
			const s = Math.sin(angle * k);
			for (let i = k; i < n; i += len) {
				const j = i + half;
				const a = re[j] * c - im[j] * s;
				const b = re[j] * s + im[j] * c;
				re[j] = re[i] - a;
				im[j] = im[i] - b;
				re[i] += a;
				im[i] += b;
			}
		}
	}
}

/** Looks for one tone in windows of one length. */
export class Matcher {
	/** @param {Float32Array} tone @param {number} size of the windows: a power of two, longer than the tone */
	constructor(tone, size) {
		this.tone = tone;
		this.length = tone.length;
		this.energy = loudness(tone) ** 2 * tone.length;
		this.re = new Float64Array(size);
		this.im = new Float64Array(size);
		this.re.set(tone);
		transform(this.re, this.im, false);
	}

	/**
	 * @param {Float32Array} samples
	 * @returns {{above: number, at: number, amplitude: number}} how far it stands above all else, at which sample it begins, and how large it is
	 */
	find(samples) {
		const n = samples.length;
		const re = even(samples);
		const im = new Float64Array(n);
		transform(re, im, false);
		for (let i = 0; i < n; i++) { // times the conjugate of the tone: correlation
			const a = re[i] * this.re[i] + im[i] * this.im[i];
			im[i] = im[i] * this.re[i] - re[i] * this.im[i];
			re[i] = a;
		}
		transform(re, im, true);
		const lags = n - this.length; // beyond, the tone would wrap around
		let at = 0;
		let power = 0;
		for (let i = 0; i < lags; i++) {
			power += re[i] * re[i];
			if (Math.abs(re[i]) > Math.abs(re[at])) {
				at = i;
			}
		}
		const near = Math.round(this.length / 20); // 15 ms: the peak itself, and the first reflections
		let others = lags;
		for (let i = Math.max(0, at - near); i < Math.min(lags, at + near); i++) {
			power -= re[i] * re[i];
			others--;
		}
		let product = 0;
		for (let i = 0; i < this.length; i++) {
			product += samples[at + i] * this.tone[i];
		}
		return { above: Math.abs(re[at]) / (Math.sqrt(Math.max(0, power) / Math.max(1, others)) + 1e-9), at, amplitude: Math.abs(product) / this.energy };
	}
}

/** The samples with every loud moment turned down to the usual: a door that slams counts as long as it lasts. @param {Float32Array} samples */
function even(samples) {
	const n = 512; // samples, 11 ms
	const frames = Array.from({ length: samples.length / n }, (_, i) => loudness(samples, i * n, i * n + n));
	const usual = Math.max([...frames].sort((a, b) => a - b)[frames.length >> 1], 1e-5);
	return Float64Array.from(samples, (s, i) => s / Math.max(1, frames[Math.floor(i / n)] / usual));
}

/**
 * Whether a tone that was played some times was heard.
 * @param {{above: number, delay: number}[]} hits the best of each time
 */
export function heard(hits) {
	const possible = hits.filter((h) => h.delay >= -alike && h.delay <= longest);
	const clear = possible.filter((h) => h.above >= likely);
	return clear.some((h, i) => clear.slice(0, i).some((o) => Math.abs(o.delay - h.delay) <= alike));
}

const frame = 0.005; // s

/**
 * Whether somebody claps in a window: something far above the rest, that comes at once and is soon over.
 * @param {Float32Array} samples
 * @param {number} rate
 */
export function clapped(samples, rate) {
	const n = Math.round(frame * rate);
	/** @type {number[]} */
	const db = [];
	for (let i = 0; i + n <= samples.length; i += n) {
		db.push(20 * Math.log10(loudness(samples, i, i + n) + 1e-6));
	}
	const after = 30; // frames: 150 ms must be there to tell that it is over
	let at = 0;
	for (let i = 0; i < db.length - after; i++) {
		if (db[i] > db[at]) {
			at = i;
		}
	}
	const rest = [...db].sort((a, b) => a - b)[db.length >> 1];
	const before = db.slice(Math.max(0, at - 6), Math.max(0, at - 2));
	const later = db.slice(at + 20, at + after);
	return at >= 6 && db[at] >= -40 && db[at] - rest >= 18 && db[at] - Math.max(...before) >= 12 && db[at] - Math.max(...later) >= 8;
}
