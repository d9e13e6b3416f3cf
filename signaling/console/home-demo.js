// Every state of the front door without a box: for screenshots and for people who judge them. Only where the daemon runs with --demo-states.
// The page is the real one; the box behind its requests is played.

import { by, clock, input } from "./home-dom.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */

const minute = 60000;

/**
 * What differs: who is signed in, what the box answers (by "METHOD path"), and what is done once the page stands.
 * @typedef {{role?: string | null, session?: object, answers?: Record<string, [number, unknown]>, hash?: string, page?: () => void}} State
 */

const refused = (/** @type {number} */ status, /** @type {object} */ body) => /** @type {[number, unknown]} */ ([status, { message: "", ...body }]);

/** @param {string} selector */
const press = (selector) => /** @type {HTMLElement | null} */ (document.querySelector(selector))?.click();

/** @param {Record<string, string>} fields @param {string} then */
function typed(fields, then) {
	for (const [id, text] of Object.entries(fields)) {
		input(id).value = text;
	}
	press(then);
}

/** What is asked of the browser's own form: files cannot be chosen by a script, so the form is sent without. */
const preview = () => press("#plan-form .primary");

/** @type {Record<string, State>} */
const states = {
	signin: { role: null },
	wrong: { role: null, answers: { "POST /session": refused(401, { code: "password-wrong", left: 4 }) }, page: () => typed({ user: "li", password: "12345678" }, "#signin .primary") },
	wait: { role: null, answers: { "POST /session": refused(429, { code: "too-many-tries" }) }, page: () => typed({ user: "li", password: "12345678" }, "#signin .primary") },
	unreachable: { role: null, answers: { "POST /session": [0, null] }, page: () => typed({ user: "li", password: "12345678" }, "#signin .primary") },
	first: { session: { byCode: true } },
	today: {},
	called: { answers: { "GET /boxes": [200, [{ box: "a", call: { state: "open" } }, { box: "b", call: { state: "open" } }, { box: "c", call: { state: "seen" } }]] } },
	none: { answers: { "GET /lessons": [200, []] } },
	teacher: { role: "teacher" },
	technician: { role: "technician" },
	onetime: { session: { oneTime: true } },
	make: { page: () => press("#make") },
	rooms: { hash: "#rooms" },
	invited: { hash: "#rooms", page: () => setTimeout(() => typed({ "invite-campus": names()[0], "invite-room": "" }, "#invite .primary"), 200) },
	people: { hash: "#people" },
	added: { hash: "#people", page: () => setTimeout(() => typed({ "add-name": names()[1] }, "#add .primary"), 200) },
	plan: { hash: "#plan" },
	faults: { hash: "#plan", answers: { "POST /timetable/preview": [200, faulty()] }, page: () => setTimeout(preview, 200) },
	preview: { hash: "#plan", page: () => setTimeout(preview, 200) },
	password: { page: () => press("#key") },
	carry: { role: null, hash: "#invite=7QRA-XN33-SKCF-Z1P0" },
};

/** @type {Words} */
let words = {};
const names = () => say(words, "class.demo.schools").split("|");

function faulty() {
	return {
		added: 0, changed: 0, removed: 0, conflicts: 1, changes: [], hints: [], revision: 1, term: { firstMonday: "2026-08-31", until: "2027-01-15" },
		faults: [{ file: "a.csv", line: 3, column: "B", code: "period", value: "0" }, { file: "a.csv", line: 5, column: "D", code: "conflict-teacher", value: "C-2", other: 2, date: "2026-09-02" }],
	};
}

/** @param {State} s @returns {Record<string, unknown>} what the box answers to each request */
function answers(s) {
	const now = Date.now();
	const w = (/** @type {string} */ key) => say(words, `class.demo.${key}`);
	const at = (/** @type {number} */ minutes) => new Date(now + minutes * minute).toISOString();
	const school = names();
	const lesson = (/** @type {string} */ id, /** @type {string} */ state, /** @type {number} */ start, /** @type {unknown} */ campuses) => ({ id, title: w("title"), teacher: w("teacher"), campuses, state, start: at(start), created: at(start) });
	const room = (/** @type {string} */ box, /** @type {object} */ more) => ({ box: `tk-${box}`, boxId: box, ...more });
	return {
		"GET /box": { id: "b", name: "tk-core", school: w("core"), campus: "core", classroom: "", parent: "", version: "1" },
		"GET /session": s.role === null ? { role: "" } : { role: s.role ?? "administrator", user: s.role ? w("teacher") : "admin", ...s.session },
		"GET /recordings": [],
		"GET /boxes": [],
		"GET /lessons": [lesson("a", "live", -10, "all"), lesson("b", "planned", 20, school.slice(0, 2)), lesson("c", "planned", 70, school.slice(0, 8)), lesson("d", "ended", -70, ["s1"])],
		"GET /campuses": school.slice(0, 4).map((name, i) => ({ id: name, name, rooms: [room(`3f2${i}`, i === 0 ? { online: true } : i === 1 ? { lastSeen: at(-150) } : i === 2 ? { online: true, verdict: "works", findings: 2 } : {})] })),
		"GET /invitations": [{ id: "i", campus: school[4], expires: at(11) }],
		"POST /invitations": { id: "j", campus: school[0], code: "7QRA-XN33-SKCF-Z1P0", expires: at(15), urls: ["https://192.0.2.10:8443"] },
		"GET /people": [{ name: "admin", role: "administrator" }, { name: w("teacher"), role: "teacher", campus: school[0] }, { name: "Wang", role: "teacher", pending: true }, { name: "Zhao", role: "technician", disabled: true }],
		"POST /people": { name: school[1], code: "k7m3-px2q-4tya" },
		"GET /timetable": { revision: 1, entries: [1, 2, 3], term: { firstMonday: "2026-08-31", until: "2027-01-15" } },
		"POST /timetable/preview": {
			added: 2, changed: 1, removed: 0, conflicts: 0, faults: [], hints: [], revision: 1, term: { firstMonday: "2026-08-31", until: "2027-01-15" },
			changes: [{ kind: "add", entry: { weekday: 3, period: 2, span: 1, weeks: "odd", subject: w("subject"), teacher: w("teacher"), line: 2 } }, { kind: "change", entry: { weekday: 4, period: 1, span: 1, weeks: "all", subject: w("subject"), teacher: w("teacher"), line: 3 } }],
		},
	};
}

/**
 * Plays the box for the page. What it gives is called once the page stands.
 * @param {Words} all
 * @param {string} name
 */
export function demonstrate(all, name) {
	words = all;
	const s = states[name] ?? {};
	if (s.hash) {
		history.replaceState(null, "", location.pathname + location.search + s.hash);
	}
	const told = answers(s);
	window.fetch = async (input, init) => {
		const key = `${init?.method ?? "GET"} ${String(input).replace("/api/v1", "").split("?")[0]}`;
		const [status, body] = s.answers?.[key] ?? (key in told ? [200, told[key]] : [404, { code: "unknown" }]);
		if (status === 0) {
			throw new TypeError("unreachable");
		}
		return new Response(JSON.stringify(body), { status, headers: { "Retry-After": "600" } });
	};
	Object.defineProperty(window, "tongke", { value: Object.freeze({ states: Object.keys(states), state: name, at: clock(Date.now()) }) });
	return () => {
		by("main").dataset.state = name;
		s.page?.();
	};
}
