// QR codes (ISO/IEC 18004) for addresses: bytes, error correction level M, versions 1 to 13. Pure but for draw.

/** By version: codewords in all, blocks, and error correction codewords a block. */
const table = [
	[26, 1, 10], [44, 1, 16], [70, 1, 26], [100, 2, 18], [134, 2, 24], [172, 4, 16], [196, 4, 18],
	[242, 4, 22], [292, 5, 22], [346, 5, 26], [404, 5, 30], [466, 8, 22], [532, 9, 22],
];

/** Centres of the alignment patterns by version. */
const centres = [
	[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54], [6, 32, 58], [6, 34, 62],
];

const exp = new Uint8Array(512);
const log = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
	exp[i] = exp[i + 255] = x;
	log[x] = i;
	x = (x << 1) ^ (x & 128 ? 0x11d : 0);
}

/** @param {number} a @param {number} b */
const times = (a, b) => (a === 0 || b === 0 ? 0 : exp[log[a] + log[b]]);

/** The remainder of data after the generator of that degree. @param {number[]} data @param {number} degree */
function correction(data, degree) {
	/** @type {number[]} */
	let generator = [1];
	for (let i = 0; i < degree; i++) {
		const next = new Array(generator.length + 1).fill(0);
		generator.forEach((c, j) => {
			next[j] ^= c;
			next[j + 1] ^= times(c, exp[i]);
		});
		generator = next;
	}
	const rest = [...data, ...new Array(degree).fill(0)];
	for (let i = 0; i < data.length; i++) {
		const lead = rest[i];
		generator.forEach((c, j) => (rest[i + j] ^= times(c, lead)));
	}
	return rest.slice(data.length);
}

/** All codewords in their order of placement. @param {Uint8Array} bytes @param {number} version */
function codewords(bytes, version) {
	const [all, blocks, degree] = table[version - 1];
	const room = all - blocks * degree;
	/** @type {number[]} */
	const bits = [];
	const put = (/** @type {number} */ value, /** @type {number} */ n) => {
		for (let i = n - 1; i >= 0; i--) {
			bits.push((value >> i) & 1);
		}
	};
	put(4, 4);
	put(bytes.length, version < 10 ? 8 : 16);
	bytes.forEach((b) => put(b, 8));
	put(0, Math.min(4, room * 8 - bits.length));
	while (bits.length % 8) {
		bits.push(0);
	}
	/** @type {number[]} */
	const data = [];
	for (let i = 0; i < bits.length; i += 8) {
		data.push(bits.slice(i, i + 8).reduce((a, b) => a * 2 + b, 0));
	}
	for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) {
		data.push(pad);
	}
	const short = Math.floor(room / blocks);
	const longer = room % blocks;
	/** @type {number[][]} */
	const parts = [];
	for (let i = 0, at = 0; i < blocks; i++) {
		const n = short + (i >= blocks - longer ? 1 : 0);
		parts.push(data.slice(at, at + n));
		at += n;
	}
	const checks = parts.map((p) => correction(p, degree));
	/** @type {number[]} */
	const out = [];
	for (let i = 0; i <= short; i++) {
		parts.forEach((p) => i < p.length && out.push(p[i]));
	}
	for (let i = 0; i < degree; i++) {
		checks.forEach((c) => out.push(c[i]));
	}
	return out;
}

/** @param {number} value @param {number} generator @param {number} n check bits */
function bch(value, generator, n) {
	let rest = value << n;
	for (let i = 31 - Math.clz32(rest); i >= n; i = 31 - Math.clz32(rest)) {
		rest ^= generator << (i - n);
	}
	return (value << n) | rest;
}

/** @type {((x: number, y: number) => boolean)[]} */
const masks = [
	(x, y) => (x + y) % 2 === 0,
	(_, y) => y % 2 === 0,
	(x) => x % 3 === 0,
	(x, y) => (x + y) % 3 === 0,
	(x, y) => ((x / 3 | 0) + (y / 2 | 0)) % 2 === 0,
	(x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
	(x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
	(x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/**
 * @param {string} text
 * @returns {boolean[][] | null} rows of dark modules, without the quiet zone; null when the text is too long
 */
export function encode(text) {
	const bytes = new TextEncoder().encode(text);
	const version = table.findIndex(([all, blocks, degree], i) => bytes.length + (i < 9 ? 2 : 3) <= all - blocks * degree) + 1;
	if (version === 0) {
		return null;
	}
	const size = 17 + 4 * version;
	/** @type {(boolean | undefined)[][]} */
	const fixed = Array.from({ length: size }, () => new Array(size).fill(undefined));
	patterns(fixed, version, size);
	const words = codewords(bytes, version);
	/** @type {boolean[][] | null} */
	let best = null;
	let least = Infinity;
	masks.forEach((mask, number) => {
		const grid = fill(fixed, size, words, mask);
		format(grid, size, number);
		const p = penalty(grid, size);
		if (p < least) {
			least = p;
			best = grid;
		}
	});
	return best;
}

/** @param {(boolean | undefined)[][]} g @param {number} version @param {number} size */
function patterns(g, version, size) {
	for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
		for (let y = -4; y <= 4; y++) {
			for (let x = -4; x <= 4; x++) {
				const d = Math.max(Math.abs(x), Math.abs(y));
				if (g[cy + y] !== undefined && cx + x >= 0 && cx + x < size) {
					g[cy + y][cx + x] = d !== 2 && d !== 4;
				}
			}
		}
	}
	for (let i = 8; i < size - 8; i++) {
		g[6][i] = g[i][6] = i % 2 === 0;
	}
	const at = centres[version - 1];
	for (const cy of at) {
		for (const cx of at) {
			if ((cx === 6 && (cy === 6 || cy === size - 7)) || (cx === size - 7 && cy === 6)) {
				continue;
			}
			for (let y = -2; y <= 2; y++) {
				for (let x = -2; x <= 2; x++) {
					g[cy + y][cx + x] = Math.max(Math.abs(x), Math.abs(y)) !== 1;
				}
			}
		}
	}
	for (let i = 0; i < 9; i++) {
		g[8][i] ??= false; // kept free for the format
		g[i][8] ??= false;
		if (i < 8) {
			g[8][size - 1 - i] ??= false;
			g[size - 1 - i][8] ??= false;
		}
	}
	g[size - 8][8] = true;
	if (version >= 7) {
		const bits = bch(version, 0x1f25, 12);
		for (let i = 0; i < 18; i++) {
			const dark = ((bits >> i) & 1) === 1;
			g[Math.floor(i / 3)][size - 11 + (i % 3)] = dark;
			g[size - 11 + (i % 3)][Math.floor(i / 3)] = dark;
		}
	}
}

/**
 * @param {(boolean | undefined)[][]} fixed
 * @param {number} size
 * @param {number[]} words
 * @param {(x: number, y: number) => boolean} mask
 * @returns {boolean[][]}
 */
function fill(fixed, size, words, mask) {
	const g = fixed.map((row) => [...row]);
	let i = 0;
	let up = true;
	for (let right = size - 1; right > 0; right -= 2, up = !up) {
		if (right === 6) {
			right = 5; // the timing column
		}
		for (let n = 0; n < size; n++) {
			const y = up ? size - 1 - n : n;
			for (const x of [right, right - 1]) {
				if (g[y][x] === undefined) {
					const bit = ((words[i >> 3] ?? 0) >> (7 - (i & 7))) & 1;
					g[y][x] = (bit === 1) !== mask(x, y);
					i++;
				}
			}
		}
	}
	return /** @type {boolean[][]} */ (g);
}

/** @param {boolean[][]} g @param {number} size @param {number} mask */
function format(g, size, mask) {
	const bits = bch(mask, 0x537, 10) ^ 0x5412; // level M is 00
	const bit = (/** @type {number} */ i) => ((bits >> i) & 1) === 1;
	for (let i = 0; i < 15; i++) {
		g[i < 6 ? i : i < 8 ? i + 1 : size - 15 + i][8] = bit(i);
		g[8][i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i] = bit(i);
	}
}

/** @param {boolean[][]} g @param {number} size */
function penalty(g, size) {
	let p = 0;
	let dark = 0;
	for (const across of [true, false]) {
		for (let a = 0; a < size; a++) {
			let run = 0;
			let history = 0;
			for (let b = 0; b < size; b++) {
				const v = across ? g[a][b] : g[b][a];
				run = b > 0 && v === (across ? g[a][b - 1] : g[b - 1][a]) ? run + 1 : 1;
				p += run === 5 ? 3 : run > 5 ? 1 : 0;
				history = ((history << 1) | (v ? 1 : 0)) & 0x7ff;
				p += b >= 10 && (history === 0x5d0 || history === 0x05d) ? 40 : 0;
				dark += across && v ? 1 : 0;
			}
		}
	}
	for (let y = 1; y < size; y++) {
		for (let x = 1; x < size; x++) {
			p += g[y][x] === g[y - 1][x] && g[y][x] === g[y][x - 1] && g[y][x] === g[y - 1][x - 1] ? 3 : 0;
		}
	}
	return p + Math.floor(Math.abs((dark * 20) / (size * size) - 10)) * 10;
}

/**
 * Draws a code with its quiet zone.
 * @param {string} text
 * @param {string} label for those who do not see it
 * @returns {HTMLCanvasElement | null}
 */
export function draw(text, label) {
	const code = encode(text);
	if (code === null) {
		return null;
	}
	const dot = 8;
	const canvas = document.createElement("canvas");
	canvas.className = "qr";
	canvas.setAttribute("role", "img");
	canvas.setAttribute("aria-label", label);
	canvas.width = canvas.height = (code.length + 8) * dot;
	const paint = canvas.getContext("2d");
	if (paint !== null) {
		paint.fillStyle = "#fff";
		paint.fillRect(0, 0, canvas.width, canvas.height);
		paint.fillStyle = "#000";
		code.forEach((row, y) => row.forEach((on, x) => on && paint.fillRect((x + 4) * dot, (y + 4) * dot, dot, dot)));
	}
	return canvas;
}
