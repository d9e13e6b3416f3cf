// Every state of the technician's page without a box: for screenshots and for people who judge them. Only where the daemon runs with
// --demo-states. The page is the real one; the box behind its requests is played.

import { cameraAnswers, cameraStates } from "./device-cameras-demo.js";
import { by, clock, input } from "./home-dom.js";
import { say } from "./text.js";

/** @typedef {import("./device-desk.js").Desk} Desk */

const minute = 60000;
const day = 1440; // steps

/**
 * What differs: who is signed in, how the box is, what it answers (by "METHOD path"), and what is done once the page stands.
 * @typedef {{role?: string, device?: object, check?: object, answers?: Record<string, [number, unknown]>, hash?: string, step?: number, page?: () => void}} State
 */

/** @param {string} zh @param {string} en */
const both = (zh, en) => ({ zh, en });
/** @type {Desk} */
let desk;
/** What the words files say under demo, in the present language, as if it were both. @param {string} key @param {Record<string, string | number>} [values] */
const word = (key, values) => both(desk.say(key, values), desk.say(key, values));
const place = () => desk.say("demo.room");

const parts = ["system", "cable", "address", "parent", "screen", "speaker", "camera", "microphone", "disk", "heat", "memory", "clock", "power"];
const told = { system: "N100, Debian 12", cable: "enp1s0 1000 Mb/s", address: "192.168.1.20", screen: "HDMI-A-1 1920×1080", camera: "USB Camera 1920×1080", disk: "mmcblk0 29 GB", heat: "52 ℃", memory: "7.6 GB" };

/** @param {string} part */
const name = (part) => word(`demo.part.${part}`);

/** @param {string} code @param {string} part @param {"warning" | "error"} severity @param {number} ago minutes */
const finding = (code, part, severity, ago) => ({ code, part, severity, text: word(`demo.${code}`), hint: word(`demo.${code}.cure`), since: new Date(Date.now() - ago * minute).toISOString(), ...(code === "link-slow" ? { detail: "to 192.0.2.10:8443 over udp: 412 kb/s" } : {}) });

/** @param {("good" | "works" | "down")} verdict @param {ReturnType<typeof finding>[]} findings */
const report = (verdict, ...findings) => ({
	at: new Date().toISOString(), verdict, findings, text: word(`demo.${verdict}`, { n: findings.length }),
	checks: parts.map((part) => ({ part, name: name(part), ok: !findings.some((f) => f.part === part), told: /** @type {Record<string, string>} */ (told)[part] })),
});

/** A day with an outage, an hour switched off and a slow evening. @param {number} most @param {number} least @param {number} wave */
const series = (most, least, wave) => Array.from({ length: day }, (_, i) => {
	if (i >= 300 && i < 360) {
		return null; // switched off
	}
	if (i >= 700 && i < 716) {
		return null; // nothing to measure while the network was gone
	}
	const slow = i > 900 && i < 1020;
	const v = (least + most) / 2 + ((most - least) / 2) * Math.sin(i / wave) * Math.cos(i / 23) + (((i * 7919) % 13) - 6) * (most - least) / 90;
	return Math.round(100 * Math.max(least, slow ? least + (v - least) / 3 : v)) / 100;
});

const history = () => ({
	start: new Date(Math.floor(Date.now() / minute) * minute - day * minute).toISOString(), stepSeconds: 60,
	series: {
		rateKbps: series(4100, 380, 90), lossPercent: series(3.1, 0, 60), delayMs: series(68, 22, 140), celsius: series(61, 47, 300), diskLessons: series(44, 41, 800),
		up: Array.from({ length: day }, (_, i) => (i >= 300 && i < 360 ? null : i >= 700 && i < 716 ? 0 : 1)),
	},
});

/** @param {number} done @param {Record<number, object>} [more] */
const lines = (done, more = {}) => parts.map((part, i) => ({ part, name: name(part), state: i < done ? "ok" : "pending", tookMs: i < done ? 200 + i * 130 : 0, ask: "", told: i < done ? /** @type {Record<string, string>} */ (told)[part] : "", ...more[i] }));
/** @param {string} state @param {object[]} items @param {object} [more] */
const check = (state, items, more) => ({ state, n: items.filter((i) => ["ok", "bad"].includes(/** @type {{state: string}} */ (i).state)).length, of: items.length, items, verdict: "", minutes: 0, ...more });

/** @param {string} selector */
const press = (selector) => /** @type {HTMLElement | null} */ (document.querySelector(selector))?.click();
/** @param {Record<string, string>} fields @param {string} then */
const typed = (fields, then) => {
	for (const [id, text] of Object.entries(fields)) {
		input(id).value = text;
	}
	press(then);
};
/** @param {() => void} what */
const later = (what) => () => void setTimeout(what, 150);
const code = "7QRA-XN33-SKCF-Z1P0";
const join = { "join-address": "192.168.1.10:8443", "join-code": code };
/** @param {number} status @param {object} body @returns {[number, unknown]} */
const refused = (status, body) => [status, { message: "", ...body }];
const rooms = () => [...desk.say("demo.rooms").split("|").map((r) => ({ campus: "s", classroom: r, name: r })), { campus: "s", classroom: "c", name: place(), box: "3f2aaaaaaaaaaaaa", boxName: "tk-3f2a", awaySeconds: 172800 }];
const fresh = { fresh: true, installing: true, role: "core", parent: { address: "", joined: false }, room: { campus: "core", classroom: "", name: "" }, uplink: { up: false, rung: "", kbps: 0, lossPercent: 0, rttMs: 0 } };
const wired = { name: "enp1s0", kind: "wired", up: true, mode: "dhcp", addresses: ["192.168.1.20/24"], gateway: "192.168.1.1", dns: ["192.168.1.1"], ssid: "", speedMbps: 1000, mac: "02:00:00:00:00:01" };
const wifi = { name: "wlp2s0", kind: "wifi", up: false, mode: "dhcp", addresses: [], gateway: "", dns: [], ssid: "", networks: ["school-1", "school-2"] };
/** @param {object} [more] @returns {[number, unknown]} */
const net = (more) => [200, { interfaces: [wired, wifi], parent: "https://192.168.1.10:8443", editable: true, by: "NetworkManager", ...more }];
/** @param {string} state @param {object} [more] */
const compare = (state, more) => ({ "GET /device/pairing": /** @type {[number, unknown]} */ ([200, { id: "p", state, digits: "482 913", ...more }]) });
const atCore = { role: "core", parent: { address: "", joined: false }, boxName: "tk-core" };
const startPairing = later(() => {
	press('[data-key="way-digits"]');
	typed({ "join-address": "192.168.1.10:8443" }, '[data-key="join"]');
});

/** @type {Record<string, () => State>} */
const states = {
	good: () => ({}),
	fine: () => ({ page: () => press("#fine summary") }),
	works: () => ({ device: { report: report("works", finding("camera-unplugged", "camera", "warning", 45)) } }),
	down: () => ({ device: { report: report("down", finding("screen-elsewhere", "screen", "error", 12), finding("camera-unplugged", "camera", "warning", 45), finding("link-slow", "parent", "warning", 3000)) } }),
	muted: () => ({ device: { report: report("works", finding("sound-off", "speaker", "warning", 5), finding("microphone-off", "microphone", "warning", 5)) } }),
	"muted.refused": () => ({ device: { report: report("works", finding("sound-off", "speaker", "warning", 5)) }, answers: { "POST /device/volume": refused(409, { code: "volume-no-rights", text: word("demo.volume-no-rights") }) }, page: later(() => press('[data-key="volume-speaker"]')) }),
	"net.camera": () => ({ device: { report: report("works", finding("net-camera-format", "camera", "warning", 45)) } }),
	hours: () => ({ page: later(() => press("#hours summary")) }),
	lesson: () => ({ device: { inLesson: true } }),
	offline: () => ({ device: { uplink: { up: false, rung: "", kbps: 0, lossPercent: 0, rttMs: 0 } } }),
	spare: () => ({ device: { uplink: { up: true, rung: "tunnel", kbps: 900, lossPercent: 2.4, rttMs: 140 } } }),
	empty: () => ({ answers: { "GET /device/history": [200, { start: new Date().toISOString(), stepSeconds: 60, series: { rateKbps: [], lossPercent: [], delayMs: [], celsius: [], diskLessons: [], up: [] } }] } }),
	first: () => ({ device: { report: { ...report("good"), checks: null, findings: [] } } }),
	silent: () => ({ page: () => {
		desk.heardAt -= 12000;
		dispatchEvent(new Event("hashchange"));
	} }),
	screen: () => ({ role: "classroom" }),
	"call.waiting": () => ({ answers: called("waiting"), device: { uplink: { up: false, rung: "", kbps: 0, lossPercent: 0, rttMs: 0 }, report: report("works", finding("camera-unplugged", "camera", "warning", 45)) } }),
	"call.told": () => ({ answers: called("told") }),
	"call.seen": () => ({ answers: called("seen"), role: "classroom" }),
	"call.done": () => ({ answers: called("done") }),
	"call.back": () => ({ answers: called("taking-back") }),
	"call.often": () => ({ answers: { "POST /device/call": refused(429, { code: "too-many-calls", text: word("demo.often") }) }, page: later(() => press('[data-key="call"]')) }),
	signin: () => ({ role: "" }),
	"signin.wrong": () => ({ role: "", answers: { "POST /session": refused(401, { code: "password-wrong", left: 4 }) }, page: () => typed({ "tech-code": "AAAA-BBBB-CCCC" }, "#signin .primary") }),
	"signin.name": () => ({ role: "", page: () => press("#by-name") }),
	"signin.fresh": () => ({ role: "", answers: { "GET /box": [200, { campus: "core", parent: "" }] } }),
	checking: () => ({ hash: "#check", check: check("running", lines(3, { 3: { state: "running" } })) }),
	"check.screen": () => ({ hash: "#check", check: check("running", lines(4, { 4: { state: "asking", ask: "screen-seen" } })) }),
	"check.chime": () => ({ hash: "#check", check: check("running", lines(5, { 5: { state: "asking", ask: "speaker-heard" } })) }),
	"check.clap": () => ({ hash: "#check", check: check("running", lines(7, { 7: { state: "asking", ask: "clap" } })) }),
	"check.lesson": () => ({ hash: "#check", check: check("waiting-for-end", lines(4)), device: { inLesson: true } }),
	"check.bad": () => ({ hash: "#check", check: check("done", lines(13, { 6: { state: "bad", told: "", text: word("demo.camera-unplugged"), hint: word("demo.camera-unplugged.cure"), code: "camera-unplugged" } }), { verdict: "works", minutes: 1 }), device: { report: report("works", finding("camera-unplugged", "camera", "warning", 1)) } }),
	"check.muted": () => ({ hash: "#check", check: check("done", lines(13, { 5: { state: "bad", told: "", text: word("demo.sound-off"), hint: word("demo.sound-off.cure"), code: "sound-off" } }), { verdict: "works", minutes: 1 }), device: { report: report("works", finding("sound-off", "speaker", "warning", 1)) } }),
	"check.done": () => ({ hash: "#check", check: check("done", lines(13), { verdict: "good", minutes: 2 }) }),
	replace: () => ({ page: () => press('[data-key="replace"]') }),
	"replace.sure": () => ({ page: () => {
		press('[data-key="replace"]');
		later(() => press(".choice"))();
	} }),
	"replace.none": () => ({ answers: { "GET /device/rooms": [200, []] }, page: () => press('[data-key="replace"]') }),
	join: () => ({ device: fresh }),
	"join.wrong": () => ({ device: fresh, answers: { "POST /device/join": refused(403, { code: "code-wrong", left: 4 }) }, page: later(() => typed(join, '[data-key="join"]')) }),
	"join.expired": () => ({ device: fresh, answers: { "POST /device/join": refused(410, { code: "code-expired" }) }, page: later(() => typed(join, '[data-key="join"]')) }),
	"join.unreachable": () => ({ device: fresh, answers: { "POST /device/join": refused(502, { code: "unreachable" }) }, page: later(() => typed(join, '[data-key="join"]')) }),
	"join.keys": () => ({ device: fresh, role: "classroom", page: later(() => {
		desk.remote = true;
		input("join-code").focus();
		input("join-address").focus();
	}) }),
	digits: () => ({ device: fresh, page: later(() => press('[data-key="way-digits"]')) }),
	"digits.looking": () => ({ device: fresh, answers: compare("looking"), page: startPairing }),
	"digits.compare": () => ({ device: fresh, answers: compare("compare"), page: startPairing }),
	"digits.waiting": () => ({ device: fresh, answers: compare("compare", { confirmed: true }), page: startPairing }),
	"digits.refused": () => ({ device: fresh, answers: compare("refused"), page: startPairing }),
	rooms: () => ({ step: 2, device: { room: { campus: "s", classroom: "", name: "" }, installing: true } }),
	"install.check": () => ({ step: 3, check: check("running", lines(4, { 4: { state: "asking", ask: "screen-seen" } })) }),
	installed: () => ({ step: 4, check: check("done", lines(13), { minutes: 7 }) }),
	"installed.bad": () => ({ step: 4, check: check("done", lines(13, { 6: { state: "bad" } }), { minutes: 7 }) }),
	settings: () => ({ hash: "#settings" }),
	"settings.static": () => ({ hash: "#settings", page: later(() => press('[data-key="net-enp1s0-static"]')) }),
	"settings.fixed": () => ({ hash: "#settings", answers: { "GET /device/network": net({ editable: false, why: word("net.fixed") }) } }),
	"settings.pending": () => ({ hash: "#settings", page: later(() => press('[data-key="parent-save"]')) }),
	"settings.undone": () => ({ hash: "#settings", answers: { "GET /device/network": net({ undone: word("net.undone") }) } }),
	"settings.wrong": () => ({ hash: "#settings", answers: { "PUT /device/network": refused(400, { code: "address-wrong", text: word("net.address") }) }, page: later(() => press('[data-key="net-enp1s0-save"]')) }),
	poweroff: () => ({ hash: "#settings", page: later(() => press('[data-key="poweroff"]')) }),
	reset: () => ({ hash: "#settings", answers: { "POST /device/factory-reset": refused(400, { code: "name-wrong" }) }, page: later(() => {
		press('[data-key="reset"]');
		typed({ "danger-name": "1" }, '[data-key="do"]');
	}) }),
	"reset.lesson": () => ({ hash: "#settings", device: { inLesson: true }, page: later(() => press('[data-key="reset"]')) }),
	core: () => ({ hash: "#core", device: atCore }),
	"core.called": () => ({ hash: "#core", device: atCore, answers: { "GET /boxes": [200, boxes({ call: { id: "c", since: ago(8), from: "page", code: "camera-unplugged", text: word("demo.camera-unplugged"), state: "open", at: ago(8) } }, { call: { id: "d", since: ago(40), from: "phone", code: "mic-missing", state: "seen", at: ago(12), by: "admin" } })] } }),
	"core.technician": () => ({ hash: "#core", role: "technician", device: atCore }),
	"core.none": () => ({ hash: "#core", device: atCore, answers: { "GET /boxes": [200, boxes().filter((b) => b.own)], "GET /invitations": [200, []], "GET /pairings": [200, []] } }),
	pairing: () => ({ hash: "#core", device: atCore, answers: { "GET /pairings": [200, [{ id: "p", name: "tk-3f2a", address: "192.168.1.20", digits: "482 913", since: new Date().toISOString() }]] } }),
	"pairing.room": () => ({ hash: "#core", device: atCore, answers: { "GET /pairings": [200, [{ id: "p", name: "tk-3f2a", address: "192.168.1.20", digits: "482 913", since: new Date().toISOString() }]] }, page: later(() => press('[data-key="same-p"]')) }),
	invite: () => ({ hash: "#core", device: atCore, page: later(() => press('[data-key="invite"]')) }),
	invited: () => ({ hash: "#core", device: atCore, page: later(() => {
		press('[data-key="invite"]');
		typed({ "invite-campus": schools()[0], "invite-room": "" }, "#box .primary");
	}) }),
	removing: () => ({ hash: "#core", device: atCore, page: later(() => press('[data-key^="remove-"]')) }),
	codes: () => ({ hash: "#core", device: atCore, page: later(() => press('[data-key="tech"]')) }),
	code: () => ({ hash: "#core", device: atCore, page: later(() => {
		press('[data-key="tech"]');
		press("#box .choice");
	}) }),
};

/** What the cameras' states are made with. */
const tools = { word, press, typed, later, refused };
Object.assign(states, cameraStates(tools));

const schools = () => say(desk.words, "class.demo.schools").split("|");
/** @param {number} minutes */
const ago = (minutes) => new Date(Date.now() - minutes * minute).toISOString();

/** Boxes of every kind, the worst first; more is of the first two. @param {object[]} more */
function boxes(...more) {
	const told = (/** @type {string} */ code, /** @type {number} */ since, /** @type {object} */ text) => ({ code, severity: code === "screen-elsewhere" ? "error" : "warning", since: ago(since), ...text });
	const known = (/** @type {string} */ code) => ({ text: word(`demo.${code}`), hint: word(`demo.${code}.cure`) });
	const n = schools();
	const all = [
		{ campus: n[0], classroom: desk.say("demo.rooms").split("|")[0], online: true, verdict: "works", findings: [told("camera-unplugged", 45, known("camera-unplugged"))] },
		{ campus: n[1], online: true, verdict: "down", findings: [told("screen-elsewhere", 12, known("screen-elsewhere")), told("link-slow", 3000, known("link-slow")), told("fan-stopped", 5, {})] },
		{ campus: n[2], online: false, lastSeen: ago(3 * 1440), verdict: "good", findings: [], told: ago(3 * 1440) },
		{ campus: n[3], online: true, verdict: "works", findings: [told("link-slow", 90, known("link-slow"))], via: "3f20" },
		{ campus: n[4], online: false, lastSeen: ago(150), findings: [] },
		{ campus: n[5], online: false, findings: [] },
		{ campus: "core", own: true, online: true, verdict: "good", findings: [] },
	];
	return all.map((b, i) => ({ box: b.own ? "b" : `3f2${i}`, name: b.own ? "tk-core" : `tk-3f2${i}`, version: "1.0", ...b, ...more[i] }));
}

/** @param {string} state @returns {Record<string, [number, unknown]>} */
const called = (state) => ({ "GET /device/call": [200, { state, since: ago(20), at: ago(3) }] });

/** @param {State} s @returns {Record<string, unknown>} what the box answers to each request */
function answers(s) {
	const at = (/** @type {number} */ minutes) => new Date(Date.now() + minutes * minute).toISOString();
	return {
		"GET /box": { campus: "s", parent: "p", school: schools()[0] },
		"GET /session": s.role === "" ? { role: "" } : { role: s.role ?? "administrator", user: s.role === "classroom" ? "" : "admin" },
		"GET /device": {
			report: report("good"), room: { campus: "s", classroom: "c", name: place() }, box: "b", boxName: "tk-3f2a", version: "1.0", inLesson: false,
			uplink: { up: true, rung: "udp", kbps: 3800, lossPercent: 0.2, rttMs: 24 }, disk: { freeBytes: 61e9, lessons: 41 }, parent: { address: "https://192.168.1.10:8443", joined: true }, role: "member", fresh: false, installing: false, ...s.device,
		},
		"GET /device/history": history(),
		"GET /device/check": s.check ?? check("idle", []),
		"POST /device/check": {}, "POST /device/look": null, "POST /device/installed": null, "POST /device/volume": { what: "speaker", percent: 70, set: ["HDA: Master"] }, "POST /device/check/answer": null, "POST /device/pairing": { id: "p" }, "POST /device/pairing/p": null, "DELETE /device/pairing": null,
		"GET /device/network": net()[1], "PUT /device/network": { pendingSeconds: 60, token: "t" },
		"GET /device/rooms": rooms(),
		"GET /boxes": boxes(), "GET /device/call": { state: "none" }, "POST /device/call": { state: "waiting", since: at(0) }, "DELETE /device/call": null,
		"GET /status": { children: /** @type {{role?: string}} */ (s.device ?? {}).role !== "core" ? [] : schools().slice(0, 3).map((n, i) => ({ id: String(i), name: `tk-3f2${i}`, campus: n, classroom: "", lastSeen: at(-100 * i) })) },
		...cameraAnswers(tools),
		"GET /invitations": [{ id: "i", campus: schools()[4], expires: at(11) }],
		"GET /pairings": [],
		"POST /invitations": { id: "j", campus: schools()[0], code, expires: at(15), urls: ["https://192.0.2.10:8443"] },
		"POST /technician-codes": { code: "7QRA-XN33-SKCF", expires: at(1440), codes: [{ name: "tk-3f20", campus: schools()[0], code: "7QRA-XN33-SKCF" }] },
	};
}

/**
 * Plays the box for the page. What it gives is called once the page stands.
 * @param {Desk} d
 * @param {string} state
 */
export function demonstrate(d, state) {
	desk = d;
	const s = (states[state] ?? states.good)();
	sessionStorage.removeItem("tongke.install");
	if (s.step) {
		sessionStorage.setItem("tongke.install", JSON.stringify({ step: s.step, since: Date.now() - 7 * minute }));
	}
	if (s.hash) {
		window.history.replaceState(null, "", location.pathname + location.search + s.hash);
	}
	const played = answers(s);
	let stands = false;
	window.fetch = async (to, init) => {
		const key = `${init?.method ?? "GET"} ${String(to).replace("/api/v1", "").split("?")[0]}`;
		if (state === "silent" && stands) {
			throw new TypeError("unreachable");
		}
		const [status, body] = s.answers?.[key] ?? (key in played ? [200, played[key]] : [404, { code: "not-found" }]);
		return new Response(body === null ? "" : JSON.stringify(body), { status });
	};
	Object.defineProperty(window, "tongke", { value: Object.freeze({ states: Object.keys(states), state, at: clock(Date.now()) }) });
	return () => {
		stands = true;
		by("main").dataset.state = state;
		s.page?.();
	};
}
