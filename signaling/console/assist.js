// The assistant's phone: a hand, a few words to the teacher, and what the room's screen shows. It plays and records nothing.

import { big, keepHand, look, mine, onLAN, state, stopwatch } from "./assist-state.js";
import { ask, by, dialog, fill, input, why } from "./home-dom.js";
import { icon } from "./icons.js";
import { address, Client, ProtocolError } from "./protocol.js";
import { kept } from "./recording.js";
import { language, load, say } from "./text.js";

/** @typedef {import("./assist-state.js").State} State */
/** @typedef {import("./messages.js").Requests} Requests */

const noteFor = 15000; // ms that a note from the teacher, or a word on one's own, stays

/** @type {import("./text.js").Words} */
let words = {};
/** @type {Client | null} */
let client = null;
/** @type {import("./assist-state.js").Facts} */
const facts = { now: 0, entered: false, open: false, lostFor: 0, lesson: null, room: null, own: "", ended: false };
/** @type {State} */
let shown = "enter";
let wrong = "";
let level = 0;
/** When a hand was pressed that the box could not take yet, ms by this phone's clock; 0: none waits. */
let pressed = 0;
let trying = false;
/** What the note line says, until when, and which note of the teacher's it is. */
let note = { text: "", until: 0, id: 0 };
let noteSeen = 0;

async function main() {
	words = await load();
	document.title = say(words, "assist.page");
	fill(words, document);
	const other = /** @type {HTMLAnchorElement} */ (by("language"));
	other.lang = language === "en" ? "zh-CN" : "en";
	other.href = language === "en" ? "/assist?lang=zh" : "/assist?lang=en";
	const demo = new URLSearchParams(location.search).get("state");
	if (document.documentElement.dataset.demoStates !== undefined && demo !== null) {
		const { demonstrate } = await import("./assist-demo.js");
		demonstrate(words, (f, room, more) => {
			Object.assign(facts, f);
			by("room").textContent = f.entered ? room : "";
			wrong = more.wrong ? say(words, more.wrong, { left: 4 }) : "";
			note = { text: more.note ? say(words, more.note, { text: say(words, "assist.demo.text") }) : "", until: more.note ? Infinity : 0, id: more.read ? 1 : 0 };
			by("thanks").hidden = !more.thanks;
			by("question").hidden = by("good").hidden = by("trouble").hidden = more.thanks === true;
			dialog("writer").close();
			if (more.writes) {
				dialog("writer").showModal();
			}
			paint(state(f));
			return state(f);
		}, demo);
		return;
	}
	listen();
	if (location.hash.length > 1) {
		await enter(location.hash.slice(1));
	}
	if (!facts.entered) {
		await again();
	}
	setInterval(draw, 200);
	draw();
}

/** A phone that was in the lesson before has a cookie, which outlives the code when the box restarts. */
async function again() {
	const s = await ask("GET", "/session?as=assistant");
	if (s.ok && s.data.role === "assistant" && s.data.lesson) {
		wrong = "";
		join(s.data.lesson, true);
	}
}

/** @param {string} code */
async function enter(code) {
	wrong = "";
	const a = await ask("POST", "/assist", { code });
	if (a.ok) {
		history.replaceState(null, "", location.pathname + location.search); // the code is no use to anybody who sees the address
		join(a.data.lesson);
		return;
	}
	wrong = a.code === "code-wrong" ? say(words, a.left > 0 ? "assist.wrong.left" : "assist.wrong", { left: a.left })
		: a.code === "phones-full" ? say(words, "assist.full") : a.code === "too-many-tries" ? say(words, "assist.wait", { seconds: a.wait }) : why(words, a);
	if (facts.entered) {
		remark(wrong);
	}
	draw();
}

/** @param {string} lesson @param {boolean} [returns] whether it comes by its cookie */
function join(lesson, returns = false) {
	client?.close();
	Object.assign(facts, { entered: true, ended: false, lesson: null, room: null });
	by("thanks").hidden = true;
	by("question").hidden = by("good").hidden = by("trouble").hidden = false;
	const c = new Client({ url: address(location), hello: () => ({ page: "assist", lesson, lang: language }) });
	client = c;
	c.on("status", (status) => {
		if (status === "open" && c.me !== null) {
			facts.own = c.me.room;
			by("room").textContent = c.me.roomName;
		}
		if (status === "refused") {
			refused(c);
		}
		draw();
	});
	c.on("lesson", (l) => {
		if (client !== c || l.id !== lesson) {
			return;
		}
		if (returns && facts.lesson === null && l.state === "ended") {
			leave(""); // the cookie of a lesson that was over before: what is wanted now is another one's code
		} else {
			facts.lesson = l;
			heard();
			draw();
		}
	});
	c.on("room", (r) => {
		facts.room = r;
		draw();
	});
	c.on("level", (l) => (level = l.rooms[facts.own] ?? 0));
	c.on("say", () => remark(say(words, "assist.say.phrase-seen"))); // the only one there is
	c.on("bye", (b) => {
		facts.ended = b.code === "ended";
		if (b.code !== "ended" && b.code !== "shutdown") {
			leave(say(words, b.code === "removed" ? "assist.removed" : "assist.wrong"));
		}
	});
	c.open();
}

/** The box let the phone in but not into the lesson. @param {Client} c */
function refused(c) {
	if (c.code === "version") {
		location.reload();
	} else if (["forbidden", "unknown-lesson", "wrong-state", "removed", "full", "closed"].includes(c.code)) {
		leave(say(words, c.code === "full" ? "assist.full" : c.code === "removed" ? "assist.removed" : "assist.wrong"));
	}
}

/** @param {string} text */
function leave(text) {
	const c = client;
	client = null;
	c?.close();
	facts.entered = false;
	facts.lesson = null;
	wrong = text;
	draw();
}

function listen() {
	addEventListener("hashchange", () => { // another code, scanned while the page was open
		if (location.hash.length > 1) {
			void enter(location.hash.slice(1));
		}
	});
	by("enter").addEventListener("submit", (e) => {
		e.preventDefault();
		void enter(input("code").value);
	});
	for (const b of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-phrase]"))) {
		b.addEventListener("click", () => void act("note.phrase", { code: /** @type {any} */ (b.dataset.phrase) }, "assist.sent"));
	}
	by("write").addEventListener("click", () => {
		input("text").value = "";
		dialog("writer").showModal();
	});
	by("writer-no").addEventListener("click", () => dialog("writer").close());
	by("writer-form").addEventListener("submit", (e) => {
		e.preventDefault();
		dialog("writer").close();
		void act("note.text", { text: input("text").value.trim() }, "assist.sent");
	});
	by("big").addEventListener("click", () => press());
	by("cover").addEventListener("click", () => void act("room.cover", { covered: !covered() }));
	by("board").addEventListener("click", () => void act("room.layout", { layout: facts.room?.layout === "board" ? "" : "board" }));
	by("quieter").addEventListener("click", () => void volume(-10));
	by("louder").addEventListener("click", () => void volume(10));
	by("help").addEventListener("click", () => void act("help", { code: shown }, "assist.help.said"));
	by("good").addEventListener("click", () => void feedback(true));
	by("trouble").addEventListener("click", () => void feedback(false));
	by("note-seen").addEventListener("click", () => {
		void act("note.seen", { note: note.id });
		note.until = 0;
		draw();
	});
}

const covered = () => mine(facts)?.covered || facts.room?.covered || false;

/**
 * Asks the box, and says so when it was done or could not be.
 * @template {keyof Requests} K
 * @param {K} type
 * @param {Requests[K]} fields
 * @param {string} [done] key of what to say then
 */
async function act(type, fields, done) {
	try {
		await client?.request(type, fields);
		if (done) {
			remark(say(words, done));
		}
		return true;
	} catch (e) {
		const code = e instanceof ProtocolError ? e.code : "";
		remark(say(words, type === "room.cover" && code === "forbidden" ? "assist.cover.there" : "assist.notsent"));
		return false;
	}
}

/** @param {number} by10 */
const volume = (by10) => act("room.volume", { volume: Math.min(100, Math.max(0, (facts.room?.volume ?? 50) + by10)) });

/** @param {boolean} ok */
async function feedback(ok) {
	await act("feedback", { ok });
	by("thanks").hidden = false;
	for (const id of ["question", "good", "trouble"]) {
		by(id).hidden = true;
	}
}

function press() {
	switch (big(shown).act) {
		case "raise":
			pressed = Date.now();
			void raise();
			return;
		case "lower":
			void act("hand.lower", {});
			return;
		case "done":
			void act("floor.done", {});
			return;
		case "ready":
			void act("room.ready", {});
	}
}

/** A hand that the lesson's owner cannot be told of is kept a while; then the person is told to press again. */
async function raise() {
	if (trying || pressed === 0) {
		return;
	}
	trying = true;
	try {
		await client?.request("hand.raise", {});
		pressed = 0;
	} catch (e) {
		if (!(e instanceof ProtocolError) || !["owner-away", "lost"].includes(e.code)) {
			pressed = 0;
			remark(say(words, "assist.notraised"));
		}
	} finally {
		trying = false;
	}
}

/** @param {string} text @param {number} [id] */
function remark(text, id = 0) {
	note = { text, until: Date.now() + noteFor, id };
	draw();
}

/** Takes up what the teacher wrote to this room. */
function heard() {
	const last = facts.lesson?.notes.filter((n) => n.from === "teacher" && n.kind === "text" && !n.seen && (n.room === "" || n.room === facts.own)).at(-1);
	if (last !== undefined && last.id > noteSeen) {
		noteSeen = last.id;
		remark(say(words, "assist.note", { text: last.text ?? "" }), last.id);
		note.until = Infinity; // until it is read
	}
}

function draw() {
	const c = client;
	facts.now = c?.now() ?? Date.now();
	facts.open = c?.status === "open";
	facts.lostFor = c === null || c.status === "open" ? 0 : c.clock() - c.since;
	const s = state(facts);
	if (pressed > 0 && (s === "hand" || s === "floor")) {
		pressed = 0;
	} else if (pressed > 0 && Date.now() - pressed > keepHand) {
		pressed = 0;
		remark(say(words, "assist.notraised"));
	} else if (pressed > 0 && facts.open) {
		void raise();
	}
	if (s !== shown) {
		navigator.vibrate?.(s === "hand" ? 40 : s === "floor" ? 200 : 0);
		shown = s;
	}
	paint(s);
}

/** @param {State} s */
function paint(s) {
	document.body.dataset.state = s;
	by("enter").hidden = s !== "enter";
	by("desk").hidden = ["enter", "joining", "ended", "removed"].includes(s);
	by("after").hidden = s !== "ended" || (!facts.open && by("thanks").hidden);
	text("wrong", wrong);
	header(s);
	desk(s);
}

/** @param {State} s */
function header(s) {
	const l = facts.lesson;
	const m = look(s);
	by("sentence").hidden = s === "enter";
	text("about", l === null || s === "enter" ? "" : [l.subject || l.title, l.teacher].filter(Boolean).join(" · "));
	sign("mark", m.mark);
	by("sentence").className = m.look;
	const over = s === "live" && l?.state === "over";
	text("words", say(words, over ? "assist.over" : `assist.is.${s}`));
	const minutes = l?.end ? Math.ceil((l.end - facts.now) / 60000) : 0;
	text("left", l?.state === "live" && minutes > 0 && !["phone", "link", "ended", "removed"].includes(s) ? say(words, "assist.left", { minutes }) : "");
	text("signs", l === null || ["enter", "ended", "removed"].includes(s) ? "" : say(words, `assist.sign.${kept(l, facts.room?.recording)}`));
}

/** @param {State} s */
function desk(s) {
	const b = big(s);
	const lost = s === "phone";
	const since = facts.lesson?.floor.find((x) => x.room === facts.own)?.since ?? facts.now;
	const seconds = Math.ceil(facts.lostFor / 1000);
	const waits = pressed > 0 && s === "link";
	sign("big-mark", b.mark);
	text("big-text", say(words, waits ? "assist.keeping" : b.key, { time: stopwatch(facts.now - since), seconds }));
	button("big").setAttribute("aria-label", s === "floor" ? `${say(words, b.key, { time: "" }).trim()}. ${say(words, "assist.done")}` : "");
	if (s !== "floor") {
		button("big").removeAttribute("aria-label");
	}
	by("meter").hidden = by("big-more").hidden = s !== "floor";
	by("level").style.width = `${Math.min(100, level)}%`;
	const notYet = facts.lesson?.state === "planned";
	for (const x of /** @type {NodeListOf<HTMLButtonElement>} */ (by("desk").querySelectorAll("button"))) {
		x.disabled = lost;
	}
	button("big").disabled = b.act === "none";
	for (const x of /** @type {NodeListOf<HTMLButtonElement>} */ (by("phrases").querySelectorAll("button"))) {
		x.disabled = lost || notYet;
	}
	const there = covered() && !onLAN(location.hostname);
	text("cover", say(words, covered() ? (there ? "assist.cover.there" : "assist.uncover") : "assist.cover"));
	button("cover").disabled = lost || there;
	by("board").setAttribute("aria-pressed", String(facts.room?.layout === "board"));
	text("loud", facts.room === null ? "" : String(facts.room.volume));
	const on = note.until > Date.now();
	by("note").hidden = !on;
	text("note-text", on ? note.text : "");
	by("note-seen").hidden = note.id === 0;
}

/** @param {string} id */
const button = (id) => /** @type {HTMLButtonElement} */ (by(id));

/** Shows a sign or a drawing. @param {string} id @param {string} mark */
function sign(id, mark) {
	const e = by(id);
	if (e.dataset.mark !== mark) {
		e.dataset.mark = mark;
		e.replaceChildren(...(mark === "" ? [] : [["hand", "microphone"].includes(mark) ? icon(mark) : mark]));
	}
}

/** Sets a text only when it is another one, so that a screen reader is not told twice. @param {string} id @param {string} value */
function text(id, value) {
	const e = by(id);
	if (e.textContent !== value) {
		e.textContent = value;
	}
	if (["wrong", "signs"].includes(id)) {
		e.hidden = value === "";
	}
}

void main();
