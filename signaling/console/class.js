// The wall screen of a classroom that attends one lesson: the board, the teacher, the voice, and one sentence that tells how it stands.
// It needs nobody: it connects, comes back after every outage by itself, and keeps the last picture meanwhile.

import { Refused, Subscription } from "./whep.js";
import { look, sentence } from "./state.js";
import { load, say } from "./text.js";

const tick = 200; // ms between two looks at the figures
const silence = 500; // ms without a packet after which the box is asked whether it still knows us, and the time between two questions
const inquiry = 2000; // ms between two questions about the lesson while nothing comes
const pauses = [200, 400, 800, 1600]; // ms between tries

const lesson = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const beside = ["127.0.0.1", "[::1]", "localhost"].includes(location.hostname);

/** @param {string} id */
function element(id) {
	const e = document.getElementById(id);
	if (e === null) {
		throw new Error(`no element ${id}`);
	}
	return e;
}

/** @type {import("./state.js").Facts} */
const facts = {
	now: performance.now(),
	started: false,
	dataAt: 0,
	flowingSince: 0,
	answered: false,
	unreachableSince: 0,
	beside,
	refusedStatus: 0,
	stale: false,
	ended: false,
	soundBlocked: false,
};

/** @type {import("./state.js").Sentence} */
let shown = { state: "joining", since: 0 };

/** @type {import("./text.js").Words} */
let words = {};

/** @type {Subscription | null} the connection whose figures count */
let current = null;
let sessions = 0;
let trying = false;
let retried = 0; // ms, when a connection was last tried
let probed = 0; // ms, when the box was last asked whether it knows us
let tries = 0;
let token = "";
let asked = 0; // ms, when the box was last asked about the lesson
let about = { title: "", teacher: "" };

const count = { packets: 0, teacher: 0, board: 0, concealed: 0, total: 0, boardAt: 0, teacherAt: 0 };
/** What earlier connections had counted. */
const past = { teacher: 0, board: 0, concealed: 0, total: 0 };

/** For tests, to read only: what the page shows and what it has received since it was opened. */
Object.defineProperty(window, "tongke", {
	value: Object.freeze({
		get state() {
			return shown.state;
		},
		get frames() {
			return { teacher: past.teacher + count.teacher, board: past.board + count.board };
		},
		get audio() {
			return { concealed: past.concealed + count.concealed, total: past.total + count.total };
		},
		get sessions() {
			return sessions;
		},
	}),
});

/**
 * Trades the token in the address for a cookie and takes it out of the address. Where that fails the token stays in this page's memory.
 */
async function signIn() {
	const found = new URLSearchParams(location.hash.slice(1)).get("token");
	if (found === null) {
		return;
	}
	history.replaceState(null, "", location.pathname + location.search);
	token = found;
	try {
		const answer = await fetch("/api/v1/session", {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ token }),
		});
		if (answer.ok) {
			token = "";
		}
	} catch {
		// the box is not there: the lesson is asked for with the token, later
	}
}

/** Asks the box how the lesson stands and shows what it tells; a box that does not tell leaves the place empty. */
async function inquire() {
	asked = performance.now();
	try {
		const answer = await fetch(`/api/v1/lessons/${encodeURIComponent(lesson)}`, {
			headers: token === "" ? {} : { Authorization: `Bearer ${token}` },
		});
		if (!answer.ok) {
			return;
		}
		const l = await answer.json();
		facts.stale = l.stale === true;
		facts.ended = l.state === "ended";
		about = { title: String(l.title ?? ""), teacher: String(l.teacher ?? "") };
		write("title", about.title);
		write("by", about.teacher);
	} catch {
		// asked again soon
	}
}

/** Opens a new connection; the old one goes on until the new one has been answered. */
async function connect() {
	if (trying) {
		return;
	}
	trying = true;
	const next = new Subscription(`/whep/${encodeURIComponent(lesson)}`, token);
	try {
		await next.open();
		facts.answered = true;
		facts.unreachableSince = 0;
		facts.refusedStatus = 0;
		tries = 0;
		take(next);
		void inquire();
	} catch (e) {
		next.close();
		tries++;
		if (e instanceof Refused && e.status < 500) {
			facts.answered = true;
			facts.unreachableSince = 0;
			facts.refusedStatus = e.status;
		} else if (facts.unreachableSince === 0) {
			facts.unreachableSince = performance.now();
		}
	} finally {
		trying = false;
	}
}

/** @param {Subscription} next */
function take(next) {
	current?.close();
	past.teacher += count.teacher;
	past.board += count.board;
	past.concealed += count.concealed;
	past.total += count.total;
	Object.assign(count, { packets: 0, teacher: 0, board: 0, concealed: 0, total: 0, boardAt: performance.now() });
	current = next;
	sessions++;
	attach("teacher", next.track("teacher"));
	attach("board", next.track("board"));
	const sound = /** @type {HTMLAudioElement} */ (element("sound"));
	sound.srcObject = new MediaStream([next.track("voice")]);
	void playSound();
}

/**
 * Puts a track into its place once its first picture is there, so that the last picture of the connection before stays until then.
 * @param {"teacher" | "board"} place
 * @param {MediaStreamTrack} track
 */
function attach(place, track) {
	const video = document.createElement("video");
	video.muted = true; // the voice has an element of its own
	video.autoplay = true;
	video.playsInline = true;
	video.disablePictureInPicture = true;
	video.setAttribute("aria-label", say(words, `picture.${place}`));
	video.srcObject = new MediaStream([track]);
	video.addEventListener("loadeddata", () => {
		for (const old of element(place).querySelectorAll("video")) {
			old.srcObject = null;
		}
		element(place).replaceChildren(video);
	});
}

async function playSound() {
	try {
		await (/** @type {HTMLAudioElement} */ (element("sound")).play());
		facts.soundBlocked = false;
	} catch (e) {
		// Only the browser's refusal asks for a tap; a change of connection in the middle does not.
		facts.soundBlocked = e instanceof DOMException && e.name === "NotAllowedError";
	}
}

/** Looks at the figures of the present connection. */
async function measure() {
	const subscription = current;
	if (subscription === null) {
		return;
	}
	const f = await subscription.figures();
	if (subscription !== current) {
		return;
	}
	const now = performance.now();
	if (f.packets > count.packets) {
		if (facts.flowingSince === 0 || now - facts.dataAt > 2000) {
			facts.flowingSince = now;
		}
		facts.dataAt = now;
		// Sound alone begins a lesson too: a teacher without a camera teaches.
		facts.started ||= f.teacherFrames + f.boardFrames > 0 || f.samples > 0;
	}
	if (f.boardFrames > count.board) {
		count.boardAt = now;
	}
	if (f.teacherFrames > count.teacher) {
		count.teacherAt = now;
	}
	count.packets = f.packets;
	count.teacher = f.teacherFrames;
	count.board = f.boardFrames;
	count.concealed = f.concealed;
	count.total = f.samples;
}

/** Decides whether a new connection is due, and a question why nothing comes. */
function mend() {
	const now = performance.now();
	if (now - facts.dataAt > 1000 && now - asked > inquiry) {
		void inquire();
	}
	if (trying || now - retried < pause()) {
		return;
	}
	if (current === null || current.ended() || facts.unreachableSince > 0) {
		retried = now;
		void connect();
	} else if (now - Math.max(facts.dataAt, probed) > (now - facts.dataAt < 10000 ? silence : inquiry)) {
		probed = now;
		void probe(current);
	}
}

/**
 * A silent connection may be dead though the browser has not noticed: a box that was restarted knows nothing of it.
 * @param {Subscription} subscription
 */
async function probe(subscription) {
	const answer = await subscription.ask();
	if (subscription !== current) {
		return;
	}
	probed = performance.now();
	if (answer === "unreachable" && facts.unreachableSince === 0) {
		facts.unreachableSince = performance.now();
	}
	if (answer === "gone") {
		void connect();
	}
}

function pause() {
	return pauses[Math.min(tries, pauses.length - 1)];
}

function render() {
	facts.now = performance.now();
	shown = sentence(facts, shown);
	const seconds = Math.max(0, Math.floor((facts.now - shown.since) / 1000));
	const l = look(shown.state);
	const minutes = Math.floor(seconds / 60);
	let text = say(words, shown.state, { seconds, minutes });
	if (shown.state === "live" && seconds >= 10 && about.title !== "" && about.teacher !== "") {
		text = say(words, "live.about", about);
	}
	write("words", text);
	write("mark", l.mark);
	write("code", l.code);
	write("clock", new Date().toLocaleTimeString("zh-CN", { hour: "numeric", minute: "2-digit", hour12: false }));
	document.body.classList.toggle("good", l.look === "good");
	document.body.classList.toggle("warn", l.look === "warn");
	document.body.classList.toggle("bad", l.look === "bad");
	// No board for 4 s while the teacher is seen: the teacher takes its place. Both gone is an outage, and nothing moves.
	if (shown.state === "live") {
		document.body.classList.toggle("noboard", facts.now - count.boardAt > 4000 && facts.now - count.teacherAt < 2000);
	}
}

/**
 * Writes only what has changed, so that a screen reader is not told twice.
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
	const e = element(id);
	if (e.textContent !== text) {
		e.textContent = text;
	}
}

/** A child at the keyboard changes nothing; a tap or a key only lets the sound begin. */
function guard() {
	let moved = 0;
	const gesture = () => {
		if (facts.soundBlocked) {
			void playSound();
		}
	};
	for (const type of ["pointerdown", "keydown"]) {
		addEventListener(type, gesture);
	}
	for (const type of ["keydown", "contextmenu", "dragstart", "dragover", "drop", "selectstart", "wheel"]) {
		addEventListener(type, (e) => e.preventDefault(), { passive: false });
	}
	addEventListener("pointermove", () => {
		moved = performance.now();
		document.body.classList.remove("idle");
	});
	setInterval(() => document.body.classList.toggle("idle", performance.now() - moved > 3000), 1000);
	addEventListener("pagehide", () => current?.close());
	addEventListener("pageshow", (e) => {
		if (e.persisted) {
			location.reload(); // out of the back-forward cache: the connection was closed
		}
	});
}

async function wakeLock() {
	try {
		await navigator.wakeLock?.request("screen");
	} catch {
		// not allowed here: the kiosk's own settings keep the screen on
	}
}

/** The box may be restarting just now. */
async function untilLoaded() {
	for (;;) {
		try {
			return await load();
		} catch {
			await new Promise((done) => setTimeout(done, 500));
		}
	}
}

async function main() {
	const scale = Number(new URLSearchParams(location.search).get("scale"));
	if (scale >= 1 && scale <= 1.5) {
		document.documentElement.style.setProperty("--s", String(scale));
	}
	guard();
	words = await untilLoaded();
	document.title = say(words, "page.class");
	render();
	await signIn();
	await connect();
	setInterval(() => {
		void measure();
		mend();
		render();
	}, tick);
	void wakeLock();
	document.addEventListener("visibilitychange", () => {
		if (document.visibilityState === "visible") {
			void wakeLock();
		}
	});
}

void main();
