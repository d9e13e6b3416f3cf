// The front door: sign in, today's lessons, a new lesson; for the administrator also classrooms, people and the weekly plan.

import { ask, by, clock, complain, day, dialog, el, fill, input, link, moment, now, tell, why } from "./home-dom.js";
import { people } from "./home-people.js";
import { plan } from "./home-plan.js";
import { rooms } from "./home-rooms.js";
import { language, load, say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {{id: string, name: string, own?: boolean, rooms: {classroom?: string, box: string, boxId: string, online?: boolean, lastSeen?: string, verdict?: "good" | "works" | "down", findings?: number}[]}} Campus */
/** @typedef {{id: string, title: string, subject?: string, teacher?: string, campuses: "all" | string[], state: string, start?: string, end?: string, created: string, stale?: boolean}} Lesson */
/** @typedef {{role: string, user?: string, oneTime?: boolean, byCode?: boolean}} Session */

const again = 15000; // ms between two looks at the lessons

/** @type {Words} */
let words = {};
/** @type {Session | null} */
let me = null;
/** @type {Campus[]} */
let campuses = [];

/** Whether this box has recordings: it says so by answering. */
let records = false;

/** Whether the signed-in person may make and hold lessons. */
const teaches = () => me !== null && ["teacher", "administrator"].includes(me.role);

async function main() {
	words = await load();
	document.title = say(words, "page.home");
	fill(words, document);
	const other = /** @type {HTMLAnchorElement} */ (by("language"));
	other.textContent = say(words, "home.language");
	other.lang = language === "en" ? "zh-CN" : "en";
	other.addEventListener("click", () => (other.href = (language === "en" ? "/?lang=zh" : "/?lang=en") + location.hash));
	other.href = language === "en" ? "/?lang=zh" : "/?lang=en";
	const query = new URLSearchParams(location.search);
	let stands = () => {};
	if (document.documentElement.dataset.demoStates !== undefined && query.has("state")) {
		stands = (await import("./home-demo.js")).demonstrate(words, query.get("state") ?? "");
	}
	const box = await ask("GET", "/box");
	by("school").textContent = box.data?.school || schoolOf(box.data) || say(words, "page.home");
	if (carry()) {
		return;
	}
	listen();
	await enter();
	stands();
	setInterval(() => void (document.hidden || lessons()), again);
	document.addEventListener("visibilitychange", () => void (document.hidden || lessons()));
}

/** @param {any} box */
const schoolOf = (box) => (box?.campus === "core" ? box.name : box?.campus); // core is the name of a campus that nobody has named yet

/** The QR code of an invitation brings a telephone here, to be carried to the new box. */
function carry() {
	const code = /^#invite=([0-9A-Z-]{19})$/.exec(location.hash)?.[1];
	if (code === undefined) {
		return false;
	}
	by("carry-address").textContent = location.origin;
	by("carry-code").textContent = code;
	by("carry").hidden = false;
	return true;
}

function listen() {
	by("signin").addEventListener("submit", (e) => void signIn(e));
	by("choose").addEventListener("submit", (e) => void choose(e));
	by("maker-form").addEventListener("submit", (e) => void make(e));
	by("out").addEventListener("click", () => void signOut());
	by("key").addEventListener("click", () => choosing(true));
	by("warn-key").addEventListener("click", () => choosing(true));
	by("choose-no").addEventListener("click", () => choosing(false));
	by("maker-no").addEventListener("click", () => dialog("maker").close());
	by("make").addEventListener("click", () => startMaking());
	addEventListener("hashchange", () => show());
}

/** Asks who is there, and shows what that person may see. */
async function enter() {
	const s = await ask("GET", "/session");
	me = s.ok && s.data.user && s.data.role !== "operator" ? s.data : null; // the screen beside the box is no person
	if (s.status === 0) {
		tell(say(words, "home.error.unreachable"));
	}
	by("signin").hidden = me !== null;
	by("films").hidden = me?.role === "technician"; // who looks after boxes watches nobody
	by("films").setAttribute("href", link("/library"));
	by("box").hidden = me?.role !== "technician" && me?.role !== "administrator";
	by("box").setAttribute("href", link("/device"));
	by("who").hidden = me === null;
	by("called").hidden = true;
	by("person").textContent = me === null ? "" : `${me.user} · ${say(words, `home.role.${me.role}`)}`;
	if (me === null) {
		for (const id of ["choose", "today", "rooms", "people", "plan", "places"]) {
			by(id).hidden = true;
		}
		input("user").focus();
		return;
	}
	by("choose-no").hidden = me.byCode === true;
	if (me.byCode) {
		choosing(true);
		return;
	}
	records = (await ask("GET", "/recordings")).ok;
	await lessons();
	show();
}

/** Shows the place that the address names. */
function show() {
	if (me === null || me.byCode) {
		return;
	}
	const admin = me.role === "administrator";
	const wanted = location.hash.slice(1);
	const place = admin && ["rooms", "people", "plan"].includes(wanted) ? wanted : "today";
	by("places").hidden = !admin;
	by("choose").hidden = true;
	for (const a of by("places").querySelectorAll("a")) {
		if (a.hash === `#${place}`) {
			a.setAttribute("aria-current", "page");
		} else {
			a.removeAttribute("aria-current");
		}
	}
	for (const id of ["today", "rooms", "people", "plan"]) {
		by(id).hidden = id !== place;
	}
	tell("");
	by("warn").hidden = me.oneTime !== true;
	by("make").hidden = !teaches();
	if (place === "rooms") {
		void rooms(words);
	} else if (place === "people") {
		void people(words, me.user ?? "");
	} else if (place === "plan") {
		plan(words);
	}
}

/** @param {Event} e */
async function signIn(e) {
	e.preventDefault();
	const form = by("signin");
	complain(form, "");
	const a = await ask("POST", "/session", { user: input("user").value.trim(), password: input("password").value });
	if (!a.ok) {
		complain(form, why(words, a));
		input("password").select();
		return;
	}
	input("password").value = "";
	await enter();
	if (me !== null && !me.byCode) {
		by("today-head").focus(); // the key that had the focus is gone
	}
}

async function signOut() {
	await ask("DELETE", "/session");
	input("user").value = input("password").value = "";
	complain(by("signin"), "");
	for (const id of ["lessons", "rooms", "people", "plan"]) {
		by(id).replaceChildren(); // nothing stays for the next person
	}
	history.replaceState(null, "", location.pathname + location.search);
	await enter();
}

/** @param {boolean} open */
function choosing(open) {
	by("choose").hidden = !open;
	by("old-row").hidden = me?.byCode === true;
	for (const id of ["today", "rooms", "people", "plan", "places"]) {
		by(id).hidden = true;
	}
	complain(by("choose"), "");
	input("old").value = input("new").value = "";
	if (open) {
		input(me?.byCode ? "new" : "old").focus();
	} else {
		show();
	}
}

/** @param {Event} e */
async function choose(e) {
	e.preventDefault();
	const a = await ask("POST", "/password", { old: input("old").value, password: input("new").value });
	if (!a.ok) {
		complain(by("choose"), why(words, a));
		return;
	}
	choosing(false);
	await enter();
	tell(say(words, "home.choose.done"));
}

/** Fetches and shows the day. */
async function lessons() {
	if (me === null || me.byCode) {
		return;
	}
	void called();
	const list = await ask("GET", "/lessons");
	if (!list.ok) {
		tell(why(words, list));
		if (list.status === 401) {
			await enter();
		}
		return;
	}
	if (teaches()) {
		const all = await ask("GET", "/campuses");
		campuses = all.ok ? all.data : campuses;
	}
	const rows = today(list.data, now());
	const focused = document.activeElement?.getAttribute("href");
	by("lessons").replaceChildren(...rows.map(row));
	if (focused) {
		for (const a of by("lessons").querySelectorAll("a")) {
			if (a.getAttribute("href") === focused) {
				a.focus(); // the list was made anew under the reader
			}
		}
	}
	by("none").hidden = rows.length > 0;
}

/** Whether rooms wait for somebody to look, for those who look after boxes. */
async function called() {
	const box = me?.role === "administrator" || me?.role === "technician" ? await ask("GET", "/boxes") : null;
	const n = box?.ok ? box.data.filter((/** @type {{call?: {state: string}}} */ b) => b.call?.state === "open").length : 0;
	by("called").hidden = n === 0 || me === null;
	by("called-to").textContent = n === 0 ? "" : say(words, n === 1 ? "home.called.one" : "home.called", { n });
	by("called-to").setAttribute("href", link("/device") + "#core");
}

/**
 * The lessons of a day: the live ones first, then by their time; those that are over last.
 * @param {Lesson[]} all
 * @param {number} at ms
 */
function today(all, at) {
	const rank = (/** @type {Lesson} */ l) => (l.state === "live" ? 0 : l.state === "ended" ? 2 : 1);
	const time = (/** @type {Lesson} */ l) => Date.parse(l.start ?? l.created);
	return all
		.filter((l) => l.state === "live" || day(time(l)) === day(at))
		.sort((a, b) => rank(a) - rank(b) || time(a) - time(b));
}

/** @param {Lesson} l */
function row(l) {
	const start = Date.parse(l.start ?? l.created);
	const live = l.state === "live";
	const names = l.campuses === "all" ? say(words, "home.all") : l.campuses.map(short).join(" ");
	const item = el("li", { class: l.state },
		el("time", { datetime: new Date(start).toISOString(), text: day(start) === day(now()) ? clock(start) : moment(start) }),
		el("p", { class: "what" }, el("span", { class: "title", text: l.title }),
			el("span", { class: "second", text: [l.teacher, names].filter(Boolean).join(" · ") })));
	if (live) {
		item.prepend(el("span", { class: "dot", text: "●", role: "img", "aria-label": say(words, "home.live") }));
	}
	if (l.state === "ended") {
		item.append(el("span", { class: "second", text: say(words, "home.ended") }));
	} else if (teaches()) {
		item.append(el("a", { class: "go", href: link(`/teach/${encodeURIComponent(l.id)}`), text: say(words, "home.go"), "aria-label": say(words, "home.go.to", { title: l.title }) }));
	} else if (live) {
		item.append(el("span", { class: "second", text: say(words, "home.live") }));
	}
	return item;
}

/** A member's school. @param {string} member */
function short(member) {
	const id = member.split("/")[0];
	return campuses.find((c) => c.id === id)?.name ?? id;
}

function startMaking() {
	const chips = campuses.filter((c) => !c.own || c.rooms.length > 1).map((c) => {
		const box = el("input", { type: "checkbox", value: c.id, checked: true });
		return el("label", { class: "chip" }, box, el("span", { text: c.name }));
	});
	by("chips").replaceChildren(...(chips.length > 0 ? chips : [el("span", { class: "second", text: say(words, "home.make.nobody") })]));
	input("title").value = "";
	by("keeping").hidden = !records;
	input("keep-no").checked = true;
	complain(by("maker-form"), "");
	dialog("maker").showModal();
	input("title").focus();
}

/** @param {Event} e */
async function make(e) {
	e.preventDefault();
	const boxes = /** @type {HTMLInputElement[]} */ ([...by("chips").querySelectorAll("input")]);
	const chosen = boxes.filter((b) => b.checked).map((b) => b.value);
	const a = await ask("POST", "/lessons", { title: input("title").value.trim(), campuses: chosen.length === boxes.length ? "all" : chosen, ...(records && input("keep-yes").checked ? { record: "keep" } : {}) });
	if (!a.ok) {
		complain(by("maker-form"), why(words, a));
		return;
	}
	dialog("maker").close();
	await lessons();
	for (const x of by("lessons").querySelectorAll("a")) {
		if (x.getAttribute("href") === link(`/teach/${a.data.id}`)) {
			x.focus();
		}
	}
	tell(say(words, "home.make.done", { title: a.data.title }));
}

void main();
