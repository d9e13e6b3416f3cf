// How the box is: the verdict, what is wrong with its cure, and what is well.

import { change, marks } from "./device-desk.js";
import { volumeKey } from "./device-volume.js";
import { by, clock, day, el, moment, now } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-desk.js").Finding} Finding */
/** @typedef {import("./device-check.js").Running} Running */

/**
 * The line above all: what it is and its mark.
 * @param {Desk} desk
 * @param {Running | null} check
 * @param {boolean} installing
 * @returns {{kind: string, text: string}}
 */
function verdict(desk, check, installing) {
	if (desk.silent) {
		return { kind: "unknown", text: desk.say("lost", { span: desk.span((performance.now() - desk.heardAt) / 1000) }) };
	}
	if (desk.device === null) {
		return { kind: "", text: desk.say("page") };
	}
	if (check?.state === "running") {
		return { kind: "unknown", text: desk.say("checking.at", { n: Math.min(check.n + 1, check.of), of: check.of }) };
	}
	if (installing) {
		return { kind: "", text: desk.say("installing") };
	}
	const r = desk.device.report;
	if (!r.checks || r.checks.length === 0) {
		return { kind: "unknown", text: desk.say("checking") };
	}
	return { kind: r.verdict, text: desk.pick(r.text) };
}

/** @param {Desk} desk @param {Running | null} check @param {boolean} installing the box is being set up: nobody may leave yet */
export function head(desk, check, installing) {
	const v = verdict(desk, check, installing);
	const line = by("verdict");
	change(by("mark"), v.kind, () => [marks[v.kind] ?? ""]);
	change(by("verdict-text"), v.text, () => [v.text]);
	line.dataset.kind = v.kind;
	const d = desk.device;
	const place = d === null ? "" : [d.room.name || [d.room.campus === "core" ? "" : d.room.campus, d.room.classroom].filter(Boolean).join(" "), d.boxName, d.version].filter(Boolean).join(" · ");
	change(by("room"), place, () => [place]);
	by("lesson").hidden = d?.inLesson !== true || v.kind === "unknown";
	change(by("lesson"), desk.say("inLesson"), () => [desk.say("inLesson")]);
}

/**
 * What is wrong, worst first, and what is well, folded.
 * @param {Desk} desk
 * @param {() => void} again
 * @param {() => void} cured told when something was cured here
 */
export function findings(desk, again, cured) {
	const r = desk.device?.report;
	if (!r) {
		return;
	}
	change(by("findings"), [r.findings, day(now())], () => r.findings.map((f) => finding(desk, f, again, cured)));
	const fine = (r.checks ?? []).filter((c) => c.ok);
	const box = by("fine");
	box.hidden = fine.length === 0;
	const [summary, list] = box.children;
	change(summary, fine.length, () => [desk.say("fine", { n: fine.length })]);
	change(list, fine, () => fine.map((c) => el("li", {}, el("span", { class: "tick", text: "✓", "aria-hidden": "true" }), el("span", { text: desk.pick(c.name) }), el("span", { class: "second", text: c.told ?? "" }))));
}

/** @param {Desk} desk @param {Finding} f @param {() => void} again @param {() => void} cured */
function finding(desk, f, again, cured) {
	const since = Date.parse(f.since ?? "");
	const when = Number.isNaN(since) ? "" : desk.say("since", { time: day(since) === day(now()) ? clock(since) : moment(since) });
	return el("li", { class: f.severity },
		el("p", { class: "cause" }, el("span", { class: "mark", text: marks[f.severity] ?? "", "aria-hidden": "true" }), desk.pick(f.text)),
		el("p", { class: "cure" }, volumeKey(desk, f.code, cured) ?? desk.pick(f.hint)),
		...(f.code.startsWith("net-camera-") && !desk.screen ? [el("p", { class: "keys" }, el("a", { class: "go", href: "#cameras", text: desk.say("camera.see"), "data-key": "cameras" }))] : []),
		el("p", { class: "about" }, el("span", { class: "second", text: [when, f.code].filter(Boolean).join(" · ") }),
			el("button", { class: "plain", text: desk.say("again"), "data-key": `again-${f.code}`, "aria-label": desk.say("again.of", { what: desk.pick(f.text) }), click: again })),
		...(f.detail ? [el("details", {}, el("summary", { text: desk.say("detail"), "data-key": `detail-${f.code}` }), el("p", { class: "second", text: f.detail }))] : []));
}
