// Who can sign in: added with a code, shut out, given a new code.

import { ask, by, complain, el, input, sure, tell, why } from "./home-dom.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {{name: string, role: string, campus?: string, disabled?: boolean, pending?: boolean}} Person */

const roles = ["teacher", "inspector", "technician", "administrator"];

/** Shows the place. @param {Words} words @param {string} self who looks */
export async function people(words, self) {
	const place = by("people");
	if (place.childElementCount === 0) {
		build(words, place, self);
	}
	await refresh(words, self);
}

/** @param {Words} words @param {HTMLElement} place @param {string} self */
function build(words, place, self) {
	const t = (/** @type {string} */ key) => say(words, `home.people.${key}`);
	place.append(
		el("h2", { id: "people-head", text: say(words, "home.people") }),
		el("div", { id: "person-code", class: "card", hidden: true, tabindex: "-1", role: "group", "aria-label": t("code") }),
		el("ul", { id: "persons", class: "rows" }),
		el("form", { id: "add", class: "card", submit: (e) => void add(words, self, e) },
			el("h3", { text: t("add") }),
			el("label", { for: "add-name", text: t("name") }),
			el("input", { id: "add-name", required: true, maxlength: "32", autocomplete: "off" }),
			el("label", { for: "add-role", text: t("role") }),
			el("select", { id: "add-role" }, ...roles.map((r) => el("option", { value: r, text: say(words, `home.role.${r}`) }))),
			el("label", { for: "add-campus", text: t("campus") }),
			el("select", { id: "add-campus" }),
			el("p", { class: "error", role: "alert", hidden: true }),
			el("button", { class: "primary", text: t("add") })),
	);
}

/** @param {Words} words @param {string} self */
async function refresh(words, self) {
	const [list, campuses] = await Promise.all([ask("GET", "/people"), ask("GET", "/campuses")]);
	if (!list.ok) {
		tell(why(words, list));
		return;
	}
	const chosen = input("add-campus").value;
	by("add-campus").replaceChildren(el("option", { value: "", text: say(words, "home.people.anywhere") }),
		...(campuses.data ?? []).map((/** @type {{id: string, name: string}} */ c) => el("option", { value: c.id, text: c.name })));
	input("add-campus").value = chosen;
	by("persons").replaceChildren(...list.data.map((/** @type {Person} */ p) => row(words, self, p)));
}

/** @param {Words} words @param {string} self @param {Person} p */
function row(words, self, p) {
	const t = (/** @type {string} */ key) => say(words, `home.people.${key}`, { name: p.name });
	const about = [say(words, `home.role.${p.role}`), p.campus, p.disabled ? t("disabled") : p.pending && p.name !== "admin" ? t("pending") : ""];
	const item = el("li", { class: p.disabled ? "ended" : "" },
		el("p", { class: "what" }, el("span", { class: "title", text: p.name }), el("span", { class: "second", text: about.filter(Boolean).join(" · ") })));
	if (p.name === "admin" || p.name === self) {
		return item; // the first administrator, and oneself, stay
	}
	if (!p.disabled) {
		item.append(el("button", { class: "plain", text: t("reset"), "aria-label": t("reset.of"), click: () => void reset(words, self, p) }));
	}
	item.append(el("button", {
		class: "plain", text: t(p.disabled ? "enable" : "disable"), "aria-label": t(p.disabled ? "enable.of" : "disable.of"),
		click: () => void disable(words, self, p),
	}));
	return item;
}

/** @param {Words} words @param {string} self @param {Event} e */
async function add(words, self, e) {
	e.preventDefault();
	const campus = input("add-campus").value;
	const a = await ask("POST", "/people", { name: input("add-name").value.trim(), role: input("add-role").value, ...(campus === "" ? {} : { campus }) });
	complain(by("add"), a.ok ? "" : why(words, a));
	if (a.ok) {
		input("add-name").value = "";
		await refresh(words, self);
		code(words, a.data);
	}
}

/** @param {Words} words @param {string} self @param {Person} p */
async function reset(words, self, p) {
	if (await sure(say(words, "home.people.reset.sure", { name: p.name }), say(words, "home.people.reset"))) {
		const a = await ask("POST", `/people/${encodeURIComponent(p.name)}/code`);
		await refresh(words, self);
		if (a.ok) {
			code(words, a.data);
		} else {
			tell(why(words, a));
		}
	}
}

/** @param {Words} words @param {string} self @param {Person} p */
async function disable(words, self, p) {
	if (p.disabled || await sure(say(words, "home.people.disable.sure", { name: p.name }), say(words, "home.people.disable"))) {
		const a = await ask("POST", `/people/${encodeURIComponent(p.name)}/disabled`, { disabled: !p.disabled });
		if (!a.ok) {
			tell(why(words, a));
		}
		by("person-code").hidden = true;
		await refresh(words, self);
	}
}

/** Shows a code, once. @param {Words} words @param {{name: string, code: string}} c */
function code(words, c) {
	const box = by("person-code");
	box.replaceChildren(el("p", { class: "title", text: say(words, "home.people.give", { name: c.name }) }), el("p", { class: "code", text: c.code }),
		el("p", { class: "second", text: say(words, "home.people.once") }));
	box.hidden = false;
	box.focus();
}
