// The figures of a box: its way to the core, its warmth and its disk, now and over a day.

import { change } from "./device-desk.js";
import { ceiling, pieces, plot, summary, swatch } from "./device-plot.js";
import { by, clock, el } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-plot.js").Series} Series */
/** @typedef {"rateKbps" | "lossPercent" | "delayMs" | "celsius" | "diskLessons" | "up"} Kind */
/** @typedef {{start: string, stepSeconds: number, series: Record<Kind, Series>}} History */

const zone = 8 * 3600 * 1000; // Asia/Shanghai
const minutes = (/** @type {number} */ n) => n * 60000;

/** @type {History | null} */
let history = null;

/** Asks for the day. @param {Desk} desk */
export async function past(desk) {
	const a = await desk.ask("GET", "/device/history?hours=24");
	if (a.ok && a.data?.series) {
		history = known(a.data);
		figures(desk);
	}
}

/** What came before the box knew anything is no gap; an hour is shown at least. @param {History} h @returns {History} */
function known(h) {
	const all = Object.values(h.series);
	const length = Math.max(...all.map((s) => s.length));
	const first = Math.min(length, ...all.map((s) => s.findIndex((v) => v !== null)).filter((i) => i >= 0));
	const from = Math.max(0, Math.min(first, length - Math.round(3600 / h.stepSeconds)));
	const series = /** @type {Record<Kind, Series>} */ (Object.fromEntries(Object.entries(h.series).map(([k, s]) => [k, s.slice(from)])));
	return { ...h, start: new Date(Date.parse(h.start) + from * h.stepSeconds * 1000).toISOString(), series };
}

/** One or two places, as small figures need. @param {number} v */
const round = (v) => (v >= 100 ? String(Math.round(v)) : v >= 10 ? String(Math.round(v * 10) / 10) : String(Math.round(v * 100) / 100));

/** @param {Desk} desk */
export function figures(desk) {
	const d = desk.device;
	if (d === null) {
		return;
	}
	change(by("figures"), [desk.silent, history?.start, history?.series.rateKbps.length, d.uplink && [d.uplink.up, d.uplink.rung, tenth(d.uplink.kbps), d.uplink.lossPercent], d.disk, d.parent], () => [
		network(desk), ...day(desk, ["rateKbps", "lossPercent", "delayMs"]), heat(desk), ...day(desk, ["celsius"]), disk(desk), ...day(desk, ["diskLessons"]), ...hours(desk),
	]);
}

/** @param {number} kbps */
const tenth = (kbps) => Math.round(kbps / 100);

/** @param {Desk} desk */
function network(desk) {
	const u = desk.device?.uplink;
	const name = el("h2", { text: desk.say("network") });
	if (!desk.device?.parent?.joined || u === undefined) {
		return el("p", { class: "figure" }, name, el("span", { text: desk.say(desk.device?.role === "core" ? "network.core" : "network.none") }));
	}
	if (desk.silent) {
		return el("p", { class: "figure" }, name, el("span", { text: desk.say("unknown") }));
	}
	if (!u.up) {
		return el("p", { class: "figure bad" }, name, el("strong", { text: `✕ ${desk.say("network.down")}` }));
	}
	const parts = [
		u.kbps > 0 ? desk.say("network.rate", { rate: round(u.kbps / 1000) }) : "", u.lossPercent >= 0 ? desk.say("network.loss", { loss: round(u.lossPercent) }) : "",
		u.rttMs > 0 ? desk.say("network.delay", { delay: Math.round(u.rttMs) }) : "", u.rung === "udp" ? desk.say("network.udp") : desk.say("network.spare"),
	];
	return el("p", { class: "figure" }, name, ...parts.filter(Boolean).map((text) => el("span", { text })));
}

/** @param {Desk} desk */
function heat(desk) {
	const last = history?.series.celsius.findLast((v) => v !== null);
	return el("p", { class: "figure" }, el("h2", { text: desk.say("heat") }), el("span", { text: last === undefined || last === null ? desk.say("unknown") : desk.say("heat.now", { degrees: Math.round(last) }) }));
}

/** @param {Desk} desk */
function disk(desk) {
	const d = desk.device?.disk;
	const parts = d === undefined ? [desk.say("unknown")] : [desk.say("disk.left", { n: d.lessons }), desk.say("disk.free", { size: size(d.freeBytes) })];
	return el("p", { class: "figure" }, el("h2", { text: desk.say("disk") }), ...parts.map((text) => el("span", { text })));
}

/** @param {number} bytes */
const size = (bytes) => (bytes >= 1e9 ? `${round(bytes / 1e9)} GB` : `${Math.round(bytes / 1e6)} MB`);

/** How each series is told and drawn. @type {Record<string, {factor: number, least: number, most: number, unit: string, name: string}>} most: the smallest scale */
const kinds = {
	rateKbps: { factor: 0.001, least: 0, most: 1, unit: "unit.rate", name: "plot.rate" },
	lossPercent: { factor: 1, least: 0, most: 5, unit: "unit.loss", name: "plot.loss" },
	delayMs: { factor: 1, least: 0, most: 100, unit: "unit.delay", name: "plot.delay" },
	celsius: { factor: 1, least: 20, most: 100, unit: "unit.heat", name: "plot.heat" },
	diskLessons: { factor: 1, least: 0, most: 10, unit: "unit.lessons", name: "plot.disk" },
};

/** @param {Desk} desk @param {Kind[]} wanted @returns {Node[]} */
function day(desk, wanted) {
	const h = history;
	if (h === null) {
		return [];
	}
	const start = Date.parse(h.start);
	const step = h.stepSeconds * 1000;
	const drawn = wanted.filter((k) => h.series[k]?.some((v) => v !== null));
	const net = wanted.includes("rateKbps");
	if (drawn.length === 0) {
		return [];
	}
	const length = Math.max(...drawn.map((k) => h.series[k].length));
	const ticks = marks(start, length * step).map((at) => ({ at: (at - start) / step, text: clock(at) }));
	const out = drawn.map((k) => {
		const { factor, least, most, unit, name } = kinds[k];
		const series = h.series[k].map((v) => (v === null ? null : v * factor));
		const s = summary(series);
		const top = Math.max(most, ceiling(Math.max(s?.most ?? 0, 0.001)));
		const last = series[series.length - 1];
		const told = (/** @type {number | undefined} */ v) => desk.say(unit, { v: round(v ?? 0) });
		const away = net ? lost(desk, h) : "";
		return plot({
			name: desk.say(name), now: desk.say("plot.range", { least: told(s?.least), most: told(s?.most) }), series, least, most: top, top: told(top), ticks,
			...(net ? { up: h.series.up } : {}),
			alternative: [desk.say("plot.alternative", { name: desk.say(name), span: desk.span((length * step) / 1000), least: told(s?.least), most: told(s?.most), mean: told(s?.mean), now: last === null || last === undefined ? desk.say("unknown") : told(last) }), away, missing(desk, series, step)].filter(Boolean).join(desk.say("plot.and")),
		});
	});
	if (net) {
		const away = lost(desk, h);
		const gaps = missing(desk, h.series.up, step);
		out.push(el("p", { class: "legend" }, away === "" ? el("span", { class: "second", text: desk.say("plot.steady") }) : swatch("away", away), ...(gaps === "" ? [] : [swatch("unknown", gaps)])));
	}
	return out;
}

/** Some round times on the clock: every sixth hour of a day. @param {number} start @param {number} length */
function marks(start, length) {
	const out = [];
	const every = [minutes(15), minutes(60), minutes(120), minutes(360)].find((e) => length / e <= 4.5) ?? minutes(360);
	for (let at = Math.ceil((start + zone) / every) * every - zone; at <= start + length; at += every) {
		out.push(at);
	}
	return out;
}

/** How often and how long the network was gone. @param {Desk} desk @param {History} h */
function lost(desk, h) {
	const all = pieces(h.series.up, (v) => v === 0);
	const steps = all.reduce((n, [from, to]) => n + to - from + 1, 0);
	return all.length === 0 ? "" : desk.say("plot.lost", { n: all.length, span: desk.span(steps * h.stepSeconds) });
}

/** How long nothing was recorded. @param {Desk} desk @param {Series} series @param {number} step ms */
function missing(desk, series, step) {
	const steps = series.filter((v) => v === null).length;
	return steps === 0 ? "" : desk.say("plot.missing", { span: desk.span((steps * step) / 1000) });
}

/** The same by the hour, in figures. @param {Desk} desk @returns {Node[]} */
function hours(desk) {
	const h = history;
	if (h === null || !Object.values(h.series).some((s) => s.some((v) => v !== null))) {
		return [];
	}
	const start = Date.parse(h.start);
	const per = Math.round(3600 / h.stepSeconds);
	const length = Math.max(...Object.values(h.series).map((s) => s.length));
	/** @type {Kind[]} */
	const columns = ["rateKbps", "lossPercent", "delayMs", "celsius"];
	const first = Math.round((Math.ceil((start + zone) / 3600000) * 3600000 - zone - start) / (h.stepSeconds * 1000)) % per; // steps until the first whole hour
	const rows = [];
	for (let at = first - per; at < length; at += per) {
		const part = (/** @type {Kind} */ k) => h.series[k].slice(Math.max(0, at), at + per);
		const up = part("up");
		if (up.length === 0) {
			continue;
		}
		const away = up.filter((v) => v === 0).length;
		rows.push(el("tr", {}, el("th", { scope: "row", text: clock(start + Math.max(0, at) * h.stepSeconds * 1000) }),
			...columns.map((k) => el("td", { text: means(part(k), kinds[k].factor) })),
			el("td", { text: away === 0 ? "–" : desk.span(away * h.stepSeconds) })));
	}
	return [el("details", { id: "hours", open: document.getElementById("hours")?.hasAttribute("open") ?? false }, el("summary", { text: desk.say("hours"), "data-key": "hours" }), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": desk.say("hours") },
		el("table", {}, el("thead", {}, el("tr", {}, ...["time", "rate", "loss", "delay", "heat", "away"].map((k) => el("th", { scope: "col", text: desk.say(`hours.${k}`) })))), el("tbody", {}, ...rows))))];
}

/** @param {Series} series @param {number} factor */
function means(series, factor) {
	const s = summary(series);
	return s === null ? "–" : round(s.mean * factor);
}
