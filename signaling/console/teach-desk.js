// The teacher's desk: what is known of the lesson, what the teacher does, and drawing both. The parts of the page have files of their own.

import { ask, by, dialog, fill, link } from "./home-dom.js";
import { Receiver } from "./receive.js";
import { Stored } from "./recording.js";
import { Sound } from "./class-sound.js";
import { Leaving } from "./teach-after.js";
import { Alerts } from "./teach-alerts.js";
import { Before } from "./teach-before.js";
import { Dialogs, phoneAt } from "./teach-dialogs.js";
import { Drawing } from "./teach-draw.js";
import { listen } from "./teach-keys.js";
import { Notes } from "./teach-notes.js";
import { act, layouts, less, more, sources } from "./teach-menus.js";
import { busy, closeMenu, languageLinks, pressOnce, sure } from "./teach-parts.js";
import { SmallWindow } from "./teach-pip.js";
import { Studio } from "./teach-studio.js";
import { Tiles } from "./teach-tiles.js";
import { tellNews } from "./teach-told.js";
import { Topbar } from "./teach-topbar.js";
import { firstHand, members, nextLayout, present, tap, teaching } from "./teach-view.js";
import { say } from "./text.js";

/** @typedef {import("./protocol.js").Client} Client */
/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").Requests} Requests */
/** @typedef {import("./text.js").Words} Words */
/** @typedef {"opening" | "elsewhere" | "refused" | "before" | "in" | "after"} Phase */

const beat = 200; // ms between two looks at the microphone and the clock
const failedFor = 5000; // ms that the page says that something was not done
const lookEvery = 4000; // ms between two looks whether the box is there at all
const grace = 10000; // ms for which a page that taught asks for its place again

export class Desk {
	/**
	 * @param {Words} words
	 * @param {Client} client
	 * @param {{remote: boolean, take: boolean, watch?: boolean}} wish what the next hello asks for; watch: a remote that shows what the rooms see
	 * @param {string} user
	 */
	constructor(words, client, wish, user) {
		this.words = words;
		this.client = client;
		this.wish = wish;
		this.user = user;
		/** @type {Lesson | null} */
		this.lesson = null;
		/** what this room's box keeps @type {import("./messages.js").Recording | undefined} */
		this.recording = undefined;
		this.stored = new Stored();
		/** @type {Record<string, number>} */
		this.levels = {};
		this.lessonAt = 0; // when the box last said something of the lesson
		this.elsewhere = false; // another page teaches, and nobody has said what this one shall do
		this.led = false; // this page taught when it was last told
		this.refusedAt = 0;
		this.big = ""; // the room whose picture is enlarged
		this.muting = 0; // requests about the own microphone that wait for an answer
		this.failed = { key: "", until: 0 };
		this.told = { cam: "", music: false };
		this.phoneBase = "";
		this.alerts = new Alerts();
		this.leaving = new Leaving(() => void ask("DELETE", "/session").then(() => location.replace(link("/"))));
		this.studio = new Studio(client, () => this.draw());
		this.receiver = new Receiver(client, () => {
			this.sound.bind(this.receiver.table, (s) => this.receiver.stream(s));
			this.draw();
		});
		this.sound = new Sound(new Audio());
		const call = (/** @type {string} */ room, /** @type {boolean} */ second) => this.call(room, second);
		const acts = { call, more: (/** @type {string} */ room, /** @type {HTMLElement} */ at) => more(this, room, at), seen: (/** @type {number} */ note) => this.ask("note.seen", { note }) };
		this.topbar = new Topbar(words, { call: (room) => call(room, false), act: (a) => act(this, a) });
		this.tiles = new Tiles(by("tiles"), words, acts);
		this.drawing = new Drawing(this);
		this.before = new Before(words, this.studio, { start: () => this.ask("lesson.start", {}), music: (music) => this.ask("lesson.set", { music }), record: (wish) => this.ask("lesson.set", wish) });
		this.notes = new Notes(words, (note) => this.ask("note.seen", { note }));
		this.dialogs = new Dialogs(words, (text, room) => this.ask("note.text", room === "" ? { text } : { text, room }));
		this.small = new SmallWindow(words, acts, this.topbar, { mute: () => this.mute(), opened: (d) => this.keys(d) });
	}

	begin() {
		fill(this.words, document);
		by("music-label").title = say(this.words, "teach.music.about");
		languageLinks();
		by("home").setAttribute("href", link("/"));
		this.press();
		this.keys(document);
		this.client.on("status", () => this.changed());
		this.client.on("lesson", (l) => this.take(l));
		this.client.on("level", (e) => {
			this.levels = e.rooms;
			this.lessonAt = this.client.now();
		});
		this.client.on("room", (e) => {
			this.phoneBase = e.assist ? new URL(e.assist.url, location.href).origin : "";
			this.recorded(e.recording);
			this.studio.film(e.films ?? []);
		});
		setInterval(() => this.beat(), beat);
		setInterval(() => void this.measure(), 1000);
		setInterval(() => void this.look(), lookEvery);
		document.addEventListener("pointerdown", () => this.gesture());
		this.draw();
	}

	/** Browsers open sound only after one. */
	gesture() {
		this.studio.meter.resume();
		this.sound.unblock();
	}

	press() {
		const on = (/** @type {string} */ id, /** @type {() => void} */ f) =>
			by(id).addEventListener("click", (e) => {
				if (e.detail > 0) {
					by(id).blur(); // after a press by hand the keys belong to the page
				}
				f();
			});
		on("end", () => void this.end());
		on("mute", () => this.mute());
		on("share", () => this.share());
		on("from", () => sources(this));
		on("layout", () => layouts(this));
		on("less", () => less(this));
		on("small", () => this.lesson && void this.small.open(this.lesson).catch(() => {}));
		on("phone", () => this.dialogs.phone(phoneAt(this)));
		on("compose", () => this.lesson && this.dialogs.compose(this.lesson, ""));
		on("help", () => this.dialogs.keys());
		on("close-big", () => this.enlarge(""));
	}

	/** @param {Document} where */
	keys(where) {
		pressOnce(where);
		listen(where, () => this.phase() !== "in" || busy(), {
			call: (n, second) => {
				const r = this.lesson ? members(this.lesson)[n] : undefined;
				if (r) {
					this.call(r.room, second);
				}
			},
			first: () => {
				const r = firstHand(this.lesson);
				if (r) {
					this.call(r.room, false);
				}
			},
			release: () => {
				if (this.big !== "") {
					this.enlarge("");
				} else if (teaching(this.lesson) && this.lesson && this.lesson.floor.length > 0) {
					this.ask("floor.release", {});
				}
			},
			mute: () => this.mute(),
			share: () => this.share(),
			layout: () => this.lesson && this.ask("lesson.set", { layout: nextLayout(this.lesson.layout) }),
			help: () => this.dialogs.keys(),
		});
	}

	/** Where the teacher stands with this lesson. @returns {Phase} */
	phase() {
		const { status, code } = this.client;
		if (this.elsewhere) {
			return "elsewhere";
		}
		if (this.lesson !== null && status === "refused" && code === "lesson-elsewhere") {
			return this.standing(); // the place that this page had is not free again yet
		}
		if (this.lesson?.state === "ended" || (status === "closed" && code === "ended")) {
			return "after";
		}
		if (status === "refused" || (status === "closed" && code !== "")) {
			return "refused";
		}
		return this.lesson === null ? "opening" : this.standing();
	}

	/** @returns {Phase} */
	standing() {
		return this.wish.remote || teaching(this.lesson) ? "in" : "before";
	}

	changed() {
		const { status, code } = this.client;
		if (status === "open") {
			this.wish.take = false; // once: after a loss the lesson is not taken from whoever has it then
		}
		if (status === "refused" && code === "version") {
			location.reload();
		} else if (status === "closed" && code === "signed-out") {
			location.replace(link("/"));
		}
		if (!this.elsewhere && this.taken(status, code)) {
			this.elsewhere = true;
			this.client.close(); // were it tried again, this page would begin to teach once the other has gone
		}
		const phase = this.phase();
		if (phase === "elsewhere" || phase === "after" || (phase === "refused" && status === "closed")) {
			this.studio.end();
			this.receiver.stop();
			this.small.close();
		} else if (status === "open" && !this.wish.remote) {
			void this.studio.begin(this.user);
			this.receiver.start();
			this.told.cam = "";
		} else if (status === "open" && this.wish.watch) {
			this.receiver.start();
		}
		this.draw();
	}

	/**
	 * Whether another page teaches. A box that was started anew remembers the session by which this page taught, and needs 2 s to see that it
	 * has ended.
	 * @param {import("./protocol.js").Status} status
	 * @param {string} code
	 */
	taken(status, code) {
		if (status === "closed" && code === "taken-over") {
			return true;
		}
		if (status !== "refused" || code !== "lesson-elsewhere") {
			this.refusedAt = status === "open" ? 0 : this.refusedAt;
			return false;
		}
		this.refusedAt ||= this.client.clock();
		return !this.led || this.client.clock() - this.refusedAt > grace;
	}

	/** @param {Lesson} l */
	take(l) {
		const former = this.lesson;
		this.lesson = l;
		this.lessonAt = this.client.now();
		this.led = !this.wish.remote && l.lead !== null && l.lead.session === this.client.me?.session;
		if (this.muting === 0 && !this.wish.remote && this.studio.muted !== l.sources.muted) {
			this.studio.mute(l.sources.muted); // somebody pressed it on the phone
		}
		if (!this.wish.remote) {
			if (!this.told.music && this.studio.open) {
				this.told.music = true; // what this teacher chose the last time
				if (this.studio.choices.music && !l.music && !teaching(l)) {
					this.ask("lesson.set", { music: true });
				}
			}
			this.studio.lesson(l.music || (!teaching(l) && this.studio.choices.music), l.floor.length > 0);
			this.studio.send(teaching(l));
		}
		tellNews(this.words, former, l);
		if (l.state === "ended" && former?.state !== "ended") {
			this.over();
		}
		if (this.phase() === "after") {
			this.changed();
		}
		this.draw();
	}

	/** @param {import("./messages.js").Recording | undefined} r */
	recorded(r) {
		this.recording = r;
		this.stored.take(this.lesson, r);
		this.draw();
	}

	over() {
		closeMenu();
		for (const d of document.querySelectorAll("dialog[open]")) {
			/** @type {HTMLDialogElement} */ (d).close();
		}
		if (!this.wish.remote) {
			this.leaving.over();
		}
	}

	beat() {
		const now = this.client.now();
		if (this.studio.open) {
			this.studio.listen(now);
			const devices = JSON.stringify(this.studio.devices);
			if (devices !== this.told.cam && this.client.status === "open") {
				this.told.cam = devices;
				void this.client.request("devices", this.studio.devices).catch(() => (this.told.cam = ""));
			}
		}
		this.draw();
	}

	async measure() {
		if (this.wish.remote || this.client.status !== "open" || this.receiver.pc === null) {
			return;
		}
		await Promise.all([this.receiver.measure(), this.studio.measure()]);
		await this.client.request("stats", this.receiver.counter.message(this.studio.muted ? 0 : this.studio.level)).catch(() => {});
	}

	/** A sign-in that has ended meanwhile keeps the connection from coming back: it has to be made anew. */
	async look() {
		const { status } = this.client;
		if (status === "connecting" && this.client.clock() - this.client.since > lookEvery && (await ask("GET", "/session")).status === 401) {
			location.replace(link("/"));
		} else if (status === "open" && this.wish.remote) {
			await this.client.request("media.candidate", { pc: "down", candidate: "", mid: "" }).catch(() => {}); // any answer says that the box is there
		}
	}

	/**
	 * Asks the box, and says so when it was not done.
	 * @template {keyof Requests} K
	 * @param {K} type
	 * @param {Requests[K]} fields
	 * @returns {Promise<boolean>}
	 */
	async ask(type, fields) {
		try {
			await this.client.request(type, fields);
			return true;
		} catch (e) {
			const code = e instanceof Error && "code" in e ? e.code : "";
			if (code === "wrong-state" && (type === "lesson.start" || type === "lesson.end")) {
				return true; // it is so already: pressed on the phone, or twice
			}
			this.failed = { key: code === "recording-not-available" ? "norecord" : "failed", until: this.client.now() + failedFor };
			this.draw();
			return false;
		}
	}

	/** @param {string} room @param {boolean} second */
	call(room, second) {
		const does = this.lesson ? tap(this.lesson, room, second) : null;
		if (does !== null) {
			void this.ask(does.type, /** @type {any} */ (does.fields));
		}
	}

	mute() {
		const l = this.lesson;
		if (l === null) {
			return;
		}
		const muted = !(this.wish.remote ? l.sources.muted : this.studio.muted);
		if (!this.wish.remote) {
			this.studio.mute(muted);
		}
		this.muting++;
		void this.ask("self.mute", { muted }).then(() => this.muting--);
	}

	share() {
		const { board } = this.studio;
		if (this.wish.remote) {
			return;
		}
		if (board.track !== null) {
			board.stop();
			return;
		}
		if (board.choice === "none") {
			board.choice = "window";
		}
		void board.start();
	}

	/** @param {string} room "" for the board again */
	enlarge(room) {
		this.big = room;
		this.draw();
	}

	async end() {
		const l = this.lesson;
		if (l === null || dialog("sure").open) {
			return;
		}
		const count = present(l).length;
		const key = count === 0 ? "teach.end.sure.none" : count === 1 ? "teach.end.sure.one" : "teach.end.sure";
		if (await sure(say(this.words, key, { count }), say(this.words, "teach.end"), say(this.words, "teach.end.no"))) {
			void this.ask("lesson.end", { confirm: true });
		}
	}

	/** Comes into the lesson anew. @param {{remote: boolean, take: boolean, watch?: boolean}} wish */
	enter(wish) {
		Object.assign(this.wish, wish);
		this.elsewhere = false;
		this.lesson = null;
		this.client.resume = "";
		this.client.open();
	}

	draw() {
		this.drawing.draw();
	}
}
