// The weekly plan: two files, a preview that names every fault, and only then the import.

import { ask, by, el, input, why } from "./home-dom.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {{file: string, line?: number, column?: string, code: string, value?: string, other?: number, date?: string}} Fault */
/** @typedef {{weekday: number, period: number, span: number, weeks: string, subject: string, topic?: string, classes?: string, teacher: string, line: number}} Entry */
/** @typedef {{added: number, changed: number, removed: number, conflicts: number, changes: {kind: "add" | "change" | "remove", entry: Entry}[], faults: Fault[], hints: Fault[], revision: number, term: {firstMonday: string, until: string}}} Preview */

/** What the latest preview was made of; null: nothing to import. @type {{entries?: string, bells?: string, firstMonday?: string, revision?: number} | null} */
let ready = null;

/** Shows the place. @param {Words} words */
export function plan(words) {
	const place = by("plan");
	if (place.childElementCount === 0) {
		build(words, place);
	}
	void current(words);
}

/** @param {Words} words @param {HTMLElement} place */
function build(words, place) {
	const t = (/** @type {string} */ key) => say(words, `home.plan.${key}`);
	const stale = () => {
		ready = null;
		by("preview").hidden = true;
	};
	place.append(
		el("h2", { id: "plan-head", text: say(words, "home.plan") }),
		el("p", { id: "plan-now", class: "second" }),
		el("form", { id: "plan-form", class: "card", submit: (e) => void look(words, e) },
			el("label", { for: "plan-entries", text: t("entries") }),
			el("input", { id: "plan-entries", type: "file", accept: ".csv,.txt,text/csv", change: stale }),
			el("label", { for: "plan-bells", text: t("bells") }),
			el("input", { id: "plan-bells", type: "file", accept: ".csv,.txt,text/csv", change: stale }),
			el("label", { for: "plan-monday", text: t("monday") }),
			el("input", { id: "plan-monday", type: "date", change: stale }),
			el("p", { class: "second", text: t("how") }),
			el("p", { class: "error", role: "alert", hidden: true }),
			el("button", { class: "primary", text: t("look") })),
		el("div", { id: "preview", hidden: true, tabindex: "-1", role: "group", "aria-label": t("preview") }),
	);
}

/** @param {Words} words */
async function current(words) {
	const a = await ask("GET", "/timetable");
	if (a.ok) {
		by("plan-now").textContent = a.data.revision === 0 ? say(words, "home.plan.none") : say(words, "home.plan.now", {
			count: a.data.entries.length, from: a.data.term.firstMonday, until: a.data.term.until,
		});
	}
}

/** The bytes of a chosen file in base64: the box finds out how it is written. @param {string} id */
async function bytes(id) {
	const file = input(id).files?.[0];
	if (file === undefined) {
		return undefined;
	}
	let text = "";
	const data = new Uint8Array(await file.arrayBuffer());
	for (let i = 0; i < data.length; i += 8192) {
		text += String.fromCharCode(...data.subarray(i, i + 8192));
	}
	return btoa(text);
}

/** @param {Words} words @param {Event} e */
async function look(words, e) {
	e.preventDefault();
	const [entries, bells] = await Promise.all([bytes("plan-entries"), bytes("plan-bells")]);
	const monday = input("plan-monday").value;
	const body = { ...(entries && { entries }), ...(bells && { bells }), ...(monday && { firstMonday: monday }) };
	const a = await ask("POST", "/timetable/preview", body);
	const error = /** @type {HTMLElement} */ (by("plan-form").querySelector(".error"));
	error.hidden = a.ok;
	error.textContent = a.ok ? "" : why(words, a);
	by("preview").hidden = !a.ok;
	if (a.ok) {
		ready = a.data.faults.length === 0 ? { ...body, revision: a.data.revision } : null;
		show(words, a.data);
	}
}

/** @param {Words} words @param {Preview} p */
function show(words, p) {
	const t = (/** @type {string} */ key, /** @type {Record<string, string | number>} */ values = {}) => say(words, `home.plan.${key}`, values);
	const head = el("p", { class: "title", text: t("sum", { added: p.added, changed: p.changed, removed: p.removed, conflicts: p.conflicts }) });
	const parts = [head];
	if (p.faults.length > 0) {
		parts.push(el("p", { class: "bad", text: `✕ ${t("faults", { count: p.faults.length })}` }), table(words, p.faults));
	} else {
		parts.push(el("p", { class: "good", text: `✓ ${t("good", { from: p.term.firstMonday })}` }));
	}
	if (p.hints.length > 0) {
		parts.push(el("p", { class: "warn", text: `▲ ${t("hints", { count: p.hints.length })}` }), table(words, p.hints));
	}
	const keys = p.faults.length > 0 || p.changes.length + (ready?.bells ? 1 : 0) === 0 ? [] : [el("p", {}, el("button", { class: "primary", text: t("import"), click: () => void apply(words) }))];
	const changes = p.changes.length === 0 ? [] : [el("details", {}, el("summary", { text: t("changes", { count: p.changes.length }) }),
		el("ul", { class: "rows" }, ...p.changes.map((c) => el("li", {}, el("span", { class: c.kind === "remove" ? "bad" : c.kind === "add" ? "good" : "warn", text: t(c.kind) }),
			el("p", { class: "what" }, el("span", { class: "title", text: [c.entry.subject, c.entry.classes, c.entry.topic].filter(Boolean).join(" ") }),
				el("span", { class: "second", text: `${t(`day.${c.entry.weekday}`)} ${t("period", { period: c.entry.period })} · ${weeks(words, c.entry.weeks)} · ${c.entry.teacher}` }))))))];
	by("preview").replaceChildren(...parts, ...keys, ...changes);
	by("preview").focus();
}

/** @param {Words} words @param {string} w */
const weeks = (words, w) => (["all", "odd", "even"].includes(w) ? say(words, `home.plan.weeks.${w}`) : say(words, "home.plan.weeks", { weeks: w }));

/** @param {Words} words @param {Fault[]} list */
function table(words, list) {
	const t = (/** @type {string} */ key) => say(words, `home.plan.${key}`);
	const rows = list.map((f) => {
		const values = { value: f.value ?? "", other: f.other ?? "", date: f.date ?? "", column: f.column ?? "", file: f.file };
		const cells = { file: f.file, line: String(f.line ?? ""), column: f.column ?? "", what: say(words, `home.fault.${f.code}`, values), cure: say(words, `home.cure.${f.code}`, values) };
		return el("tr", {}, ...Object.entries(cells).map(([k, text]) => el("td", { text, "data-head": t(`head.${k}`) })));
	});
	return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t("faults.list") }, el("table", {},
		el("thead", {}, el("tr", {}, ...["file", "line", "column", "what", "cure"].map((k) => el("th", { scope: "col", text: t(`head.${k}`) })))),
		el("tbody", {}, ...rows)));
}

/** @param {Words} words */
async function apply(words) {
	if (ready === null) {
		return;
	}
	const a = await ask("PUT", "/timetable", ready);
	ready = null;
	by("preview").replaceChildren(el("p", { class: a.ok ? "good" : "bad", text: a.ok ? `✓ ${say(words, "home.plan.done")}` : `✕ ${why(words, a)}` }));
	by("preview").focus();
	await current(words);
}
