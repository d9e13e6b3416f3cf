// QR codes (ISO/IEC 18004) of short texts: bytes, error correction M, versions 1 to 10. A page may load no picture from elsewhere, and a box
// has no network but its own.

/** Codewords of error correction in a block, and blocks, by version. */
const correction = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26];
const blocks = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5];
/** Codewords of a symbol, by version. */
const codewords = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
/** Where the alignment patterns stand, by version. */
const alignment = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

const exp = new Uint8Array(512); // powers of 2 in GF(256) modulo x⁸+x⁴+x³+x²+1
const log = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
	exp[i] = exp[i + 255] = x;
	log[x] = i;
	x = (x << 1) ^ (x >> 7 ? 0x11d : 0);
}

/**
 * The modules of a text: rows of dark (true) and light.
 * @param {string} text
 * @param {number} [mask] 0…7, for tests; the best one otherwise
 * @returns {boolean[][]}
 */
export function modules(text, mask) {
	const bytes = new TextEncoder().encode(text);
	let v = 0;
	while (v < 10 && bytes.length + (v < 9 ? 2 : 3) > codewords[v] - correction[v] * blocks[v]) {
		v++;
	}
	if (v === 10) {
		throw new RangeError(`${bytes.length} bytes are too long`);
	}
	const bits = interleave(data(bytes, v), v);
	const all = mask === undefined ? [0, 1, 2, 3, 4, 5, 6, 7] : [mask];
	const symbols = all.map((m) => symbol(bits, v, m));
	return symbols.reduce((best, s) => (penalty(s) < penalty(best) ? s : best));
}

/**
 * Draws a text into an svg element, with the quiet zone of four modules around it.
 * @param {SVGElement} svg
 * @param {string} text
 */
export function draw(svg, text) {
	const rows = modules(text);
	const size = rows.length + 8;
	let d = "";
	rows.forEach((row, y) => row.forEach((dark, x) => (d += dark ? `M${x + 4} ${y + 4}h1v1h-1z` : "")));
	const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
	path.setAttribute("d", d);
	svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
	svg.setAttribute("shape-rendering", "crispEdges");
	svg.setAttribute("role", "img");
	svg.replaceChildren(path);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} v version − 1
 */
function data(bytes, v) {
	/** @type {number[]} */
	const bits = [];
	const push = (/** @type {number} */ value, /** @type {number} */ n) => {
		for (let i = n - 1; i >= 0; i--) {
			bits.push((value >> i) & 1);
		}
	};
	push(4, 4); // byte mode
	push(bytes.length, v < 9 ? 8 : 16);
	bytes.forEach((b) => push(b, 8));
	const room = 8 * (codewords[v] - correction[v] * blocks[v]);
	push(0, Math.min(4, room - bits.length));
	push(0, (8 - (bits.length % 8)) % 8);
	const out = [];
	for (let i = 0; i < bits.length; i += 8) {
		out.push(parseInt(bits.slice(i, i + 8).join(""), 2));
	}
	for (let pad = 0xec; out.length < room / 8; pad ^= 0xec ^ 0x11) {
		out.push(pad);
	}
	return out;
}

/** Reed-Solomon remainder. @param {number[]} block @param {number} n */
function remainder(block, n) {
	/** @type {number[]} */
	let generator = [1];
	for (let i = 0; i < n; i++) {
		const next = [...generator, 0];
		generator.forEach((c, j) => (next[j + 1] ^= c === 0 ? 0 : exp[log[c] + i]));
		generator = next;
	}
	const rest = [...block, ...new Array(n).fill(0)];
	for (let i = 0; i < block.length; i++) {
		const c = rest[i];
		if (c !== 0) {
			generator.forEach((g, j) => (rest[i + j] ^= exp[log[g] + log[c]]));
		}
	}
	return rest.slice(block.length);
}

/** @param {number[]} words @param {number} v */
function interleave(words, v) {
	const n = blocks[v];
	const short = Math.floor(words.length / n);
	const long = words.length % n; // the last blocks have one more
	const parts = [];
	for (let i = 0, at = 0; i < n; i++) {
		const size = short + (i >= n - long ? 1 : 0);
		parts.push(words.slice(at, at + size));
		at += size;
	}
	const checks = parts.map((p) => remainder(p, correction[v]));
	const out = [];
	for (let i = 0; i <= short; i++) {
		out.push(...parts.filter((p) => i < p.length).map((p) => p[i]));
	}
	for (let i = 0; i < correction[v]; i++) {
		out.push(...checks.map((c) => c[i]));
	}
	return out.flatMap((w) => [7, 6, 5, 4, 3, 2, 1, 0].map((i) => (w >> i) & 1));
}

/** @type {((x: number, y: number) => boolean)[]} */
const masks = [
	(x, y) => (x + y) % 2 === 0,
	(_, y) => y % 2 === 0,
	(x) => x % 3 === 0,
	(x, y) => (x + y) % 3 === 0,
	(x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
	(x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
	(x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
	(x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** @param {number[]} bits @param {number} v @param {number} mask */
function symbol(bits, v, mask) {
	const size = 21 + 4 * v;
	/** @type {(boolean | undefined)[][]} */
	const m = Array.from({ length: size }, () => new Array(size).fill(undefined));
	const set = (/** @type {number} */ x, /** @type {number} */ y, /** @type {boolean} */ dark) => {
		if (x >= 0 && y >= 0 && x < size && y < size) {
			m[y][x] = dark;
		}
	};
	for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
		for (let y = -4; y <= 4; y++) {
			for (let x = -4; x <= 4; x++) {
				const ring = Math.max(Math.abs(x), Math.abs(y));
				set(cx + x, cy + y, ring !== 2 && ring !== 4);
			}
		}
	}
	for (let i = 8; i < size - 8; i++) {
		set(i, 6, i % 2 === 0);
		set(6, i, i % 2 === 0);
	}
	const at = alignment[v];
	for (const cy of at) {
		for (const cx of at) {
			if ((cx === 6 && (cy === 6 || cy === size - 7)) || (cy === 6 && cx === size - 7)) {
				continue; // a finder stands there
			}
			for (let y = -2; y <= 2; y++) {
				for (let x = -2; x <= 2; x++) {
					set(cx + x, cy + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
				}
			}
		}
	}
	const format = ((mask << 10) | bch(mask, 0x537, 10)) ^ 0x5412; // level M is 00
	for (let i = 0; i < 15; i++) {
		const dark = ((format >> i) & 1) === 1;
		set(8, i < 6 ? i : i < 8 ? i + 1 : size - 15 + i, dark);
		set(i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i, 8, dark);
	}
	set(8, size - 8, true);
	if (v >= 6) {
		const version = ((v + 1) << 12) | bch(v + 1, 0x1f25, 12);
		for (let i = 0; i < 18; i++) {
			const dark = ((version >> i) & 1) === 1;
			set(size - 11 + (i % 3), Math.floor(i / 3), dark);
			set(Math.floor(i / 3), size - 11 + (i % 3), dark);
		}
	}
	let i = 0;
	for (let right = size - 1; right > 0; right -= right === 8 ? 3 : 2) { // the column of the timing pattern is left out: 8 → 5
		for (let n = 0; n < size; n++) {
			const upward = ((right + 1) & 2) === 0;
			const y = upward ? size - 1 - n : n;
			for (const x of [right, right - 1]) {
				if (m[y][x] === undefined) {
					m[y][x] = (bits[i++] === 1) !== masks[mask](x, y);
				}
			}
		}
	}
	return /** @type {boolean[][]} */ (m);
}

/** The check bits of a number. @param {number} value @param {number} generator @param {number} n */
function bch(value, generator, n) {
	let rest = value << n;
	for (let i = 31 - Math.clz32(rest); i >= n; i = 31 - Math.clz32(rest)) {
		rest ^= generator << (i - n);
	}
	return rest;
}

/** How hard a symbol is to read (§7.8.3). @param {boolean[][]} m */
function penalty(m) {
	let sum = 0;
	let dark = 0;
	const size = m.length;
	for (const line of [...m, ...m.map((_, x) => m.map((row) => row[x]))]) {
		let run = 1;
		for (let i = 1; i <= size; i++) {
			if (i < size && line[i] === line[i - 1]) {
				run++;
				continue;
			}
			sum += run >= 5 ? run - 2 : 0;
			run = 1;
		}
		const text = line.map((d) => (d ? "1" : "0")).join("");
		sum += 40 * (text.split("00001011101").length + text.split("10111010000").length - 2);
	}
	for (let y = 0; y < size; y++) {
		for (let x = 0; x < size; x++) {
			dark += m[y][x] ? 1 : 0;
			if (x > 0 && y > 0 && m[y][x] === m[y - 1][x] && m[y][x] === m[y][x - 1] && m[y][x] === m[y - 1][x - 1]) {
				sum += 3;
			}
		}
	}
	return sum + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}
