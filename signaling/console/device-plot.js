// Plots of a day as SVG: lines that stop where nothing was recorded, bands where the network was gone. The words stand beside them in HTML,
// so that they stay readable at any size.

import { el } from "./home-dom.js";

/** @typedef {(number | null)[]} Series */

const namespace = "http://www.w3.org/2000/svg";
const high = 100; // of the drawing, in its own units; one step of the series is one unit wide

/** @param {string} tag @param {Record<string, string | number>} fields */
function shape(tag, fields) {
	const e = document.createElementNS(namespace, tag);
	for (const [k, v] of Object.entries(fields)) {
		e.setAttribute(k, String(v));
	}
	return e;
}

/**
 * Where a series is unbroken: first and last place of each piece.
 * @param {Series} series
 * @param {(v: number | null) => boolean} [is]
 * @returns {[number, number][]}
 */
export function pieces(series, is = (v) => v !== null) {
	/** @type {[number, number][]} */
	const out = [];
	series.forEach((v, i) => {
		if (!is(v)) {
			return;
		}
		const last = out.at(-1);
		if (last !== undefined && last[1] === i - 1) {
			last[1] = i;
		} else {
			out.push([i, i]);
		}
	});
	return out;
}

/** The next of 1, 2, 5, 10, 20… that is not below. @param {number} v */
export function ceiling(v) {
	const power = 10 ** Math.floor(Math.log10(v));
	return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= v - 1e-9) ?? v;
}

/** Least, mean and greatest of what is known; null where nothing is. @param {Series} series */
export function summary(series) {
	const known = series.filter((v) => v !== null);
	return known.length === 0 ? null : { least: Math.min(...known), mean: known.reduce((a, b) => a + b, 0) / known.length, most: Math.max(...known), last: known[known.length - 1] };
}

/**
 * @typedef {object} Plot
 * @property {string} name
 * @property {string} now the present value in words
 * @property {string} alternative what the drawing shows, in a sentence
 * @property {Series} series
 * @property {number} least of the scale
 * @property {number} most of the scale
 * @property {string} top the scale's end, in words
 * @property {Series} [up] 0 where the network was gone
 * @property {{at: number, text: string}[]} ticks places with their times
 */

/** @param {Plot} p */
export function plot(p) {
	const wide = Math.max(p.series.length, 2);
	const y = (/** @type {number} */ v) => Math.round(1000 * (high - (high * (Math.min(p.most, Math.max(p.least, v)) - p.least)) / (p.most - p.least || 1))) / 1000;
	const svg = shape("svg", { viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", role: "img", "aria-label": p.alternative });
	for (const [from, to] of pieces(p.series, (v) => v === null)) {
		svg.append(shape("rect", { class: "unknown", x: from, y: 0, width: to - from + 1, height: high }));
	}
	for (const [from, to] of pieces(p.up ?? [], (v) => v === 0)) {
		svg.append(shape("rect", { class: "away", x: from, y: 0, width: to - from + 1, height: high }));
	}
	for (const t of p.ticks) {
		svg.append(shape("line", { class: "tick", x1: t.at, x2: t.at, y1: 0, y2: high }));
	}
	for (const [from, to] of pieces(p.series)) {
		const points = Array.from({ length: to - from + 1 }, (_, i) => `${from + i + 0.5} ${y(p.series[from + i] ?? 0)}`);
		const d = points.length === 1 ? `M${from} ${y(p.series[from] ?? 0)}h1` : `M${points.join("L")}`;
		svg.append(shape("path", { class: "line", d }));
	}
	const axis = el("p", { class: "axis", "aria-hidden": "true" }, ...p.ticks.map((t) => {
		const label = el("span", { text: t.text });
		const at = (100 * t.at) / wide;
		label.style.left = `${at}%`;
		label.className = at < 6 ? "first" : at > 94 ? "last" : "";
		return label;
	}));
	return el("figure", { class: "plot" },
		el("figcaption", {}, el("span", { text: p.name }), el("strong", { text: p.now })),
		el("div", { class: "frame" }, el("span", { class: "top", text: p.top, "aria-hidden": "true" }), svg), axis);
}

/** What the bands mean. @param {string} kind @param {string} text */
export const swatch = (kind, text) => {
	const svg = shape("svg", { viewBox: "0 0 10 10", "aria-hidden": "true", class: "swatch" });
	svg.append(shape("rect", { class: kind, x: 0, y: 0, width: 10, height: 10 }));
	return el("span", { class: "second" }, svg, text);
};
