// Draws the desk from what it knows. It keeps no state but what is on the screen.

import { by, el, link } from "./home-dom.js";
import { show } from "./receive.js";
import { broken, open } from "./recording.js";
import { button, refill, write } from "./teach-parts.js";
import { phoneAt } from "./teach-dialogs.js";
import { SmallWindow } from "./teach-pip.js";
import { Board } from "./teach-sharing.js";
import { allSuffer, teaching, tiles } from "./teach-view.js";
import { say } from "./text.js";

/** @typedef {import("./teach-desk.js").Desk} Desk */
/** @typedef {import("./teach-desk.js").Phase} Phase */
/** @typedef {import("./messages.js").Lesson} Lesson */

const phone = matchMedia("(max-width: 699px), (max-width: 999px) and (max-height: 479px)"); // upright or on its side, as in teach.css
const wide = 1600; // px: room for pictures of eleven
const fresh = 5000; // ms
const bars = 8;

const refusals = ["unknown-lesson", "forbidden", "room-taken", "removed", "closed", "full", "wrong-state"];

export class Drawing {
	/** @param {Desk} desk */
	constructor(desk) {
		this.desk = desk;
		/** @type {WeakMap<MediaStreamTrack, MediaStream>} */
		this.streams = new WeakMap();
		/** @type {WakeLockSentinel | null} */
		this.awake = null;
		this.waking = false;
	}

	/** Whether the box has said lately how the lesson is. @param {number} now */
	fresh(now) {
		const { client, lessonAt } = this.desk;
		return now - Math.max(lessonAt, client.heard + client.offset) < fresh;
	}

	draw() {
		const { desk } = this;
		const phase = desk.phase();
		const now = desk.client.now();
		const l = desk.lesson;
		document.body.dataset.phase = phase;
		document.body.classList.toggle("remote", desk.wish.remote && !desk.wish.watch);
		for (const id of ["before", "lesson", "after"]) {
			by(id).hidden = id !== (phase === "in" ? "lesson" : phase);
		}
		by("opening").hidden = phase === "before" || phase === "in" || phase === "after";
		const chosen = this.alert(phase, now);
		desk.topbar.draw({
			now, lesson: l, recording: desk.recording, remote: desk.wish.remote, connected: desk.client.status === "open", fresh: this.fresh(now),
			camera: desk.studio.camera.state === "on", microphone: !desk.studio.muted, alert: chosen.alert, faded: chosen.faded,
		});
		this.keepAwake(phase === "in" && teaching(l));
		if (phase === "before" && l) {
			desk.before.draw(l, now, desk.recording !== undefined, this.fresh(now));
			desk.before.meter(now);
			this.screen("mirror", desk.studio.camera.track, "teach.preview.camera");
			this.screen("slides", desk.studio.board.track, "teach.preview.board");
		} else if (phase === "in" && l) {
			this.lesson(l, now);
		} else if (phase === "after") {
			this.after(l, now);
		} else {
			this.door(phase);
		}
	}

	/** How long it was, and what is kept of it. @param {Lesson | null} l @param {number} now */
	after(l, now) {
		const { desk } = this;
		const ms = l?.startedAt ? (l.endedAt ?? now) - l.startedAt : 0;
		const split = (/** @type {number} */ s) => ({ minutes: Math.floor(s / 60), seconds: Math.floor(s % 60) });
		write(by("lasted"), ms > 0 ? say(desk.words, "teach.lasted", split(ms / 1000)) : "");
		const { seconds, fault } = desk.stored;
		by("stored").hidden = seconds < 1;
		write(by("stored-text"), say(desk.words, fault === "" ? "teach.stored" : `teach.stored.${fault}`, split(seconds)));
		by("replay").setAttribute("href", `${link("/library")}#${l?.id ?? ""}`);
	}

	/** @param {Phase} phase @param {number} now */
	alert(phase, now) {
		const { desk } = this;
		const { studio, client } = desk;
		const chosen = desk.alerts.choose({
			now, remote: desk.wish.remote, status: client.status, statusSince: client.since + client.offset, lesson: desk.lesson, camera: studio.camera.state, microphone: studio.clean.state,
			muted: studio.open && studio.muted, speech: studio.speaks(now), silence: !studio.noise, clipped: studio.clips, stopped: studio.board.stopped,
			monitor: studio.board.monitor, shareFailed: studio.board.failed, slow: studio.slow || (desk.lesson !== null && teaching(desk.lesson) && allSuffer(desk.lesson)), soundBlocked: desk.sound.blocked,
			fault: desk.lesson !== null && teaching(desk.lesson) && broken(desk.lesson, desk.recording) ? (desk.recording?.fault ?? "") : "", failed: now < desk.failed.until ? desk.failed.key : "",
		});
		const host = document.querySelector(`#${phase === "in" ? "lesson" : "before"} .message`);
		if (host instanceof HTMLElement && (phase === "in" || phase === "before")) {
			desk.topbar.sentence(host, chosen.faded ? null : chosen.alert);
		}
		return chosen;
	}

	/** Not in the lesson: why, and what can be done. @param {Phase} phase */
	door(phase) {
		const { desk } = this;
		const { code } = desk.client;
		const key = phase === "elsewhere" ? "teach.elsewhere" : phase === "opening" ? "teach.opening" : `teach.refused.${refusals.includes(code) ? code : code === "owner-away" ? "away" : "other"}`;
		write(by("sentence"), say(desk.words, key));
		refill(by("ways"), phase, () => {
			const w = (/** @type {string} */ k) => say(desk.words, k);
			switch (phase) {
				case "elsewhere":
					return [
						button({ class: "primary" }, () => desk.enter({ remote: false, take: true }), w("teach.take")),
						button({}, () => desk.enter({ remote: true, take: false, watch: true }), w("teach.watch")),
					];
				case "refused":
					return [button({ class: "primary" }, () => desk.enter({ remote: desk.wish.remote, take: false }), w("teach.again")), el("a", { href: by("home").getAttribute("href") ?? "/" }, w("teach.home"))];
			}
			return [];
		});
	}

	/** @param {Lesson} l @param {number} now */
	lesson(l, now) {
		const { desk } = this;
		const all = tiles(l, now, desk.levels, this.fresh(now));
		const rows = desk.wish.remote || phone.matches;
		const lines = rows || (all.length > 6 && innerWidth < wide);
		by("tiles").classList.toggle("lines", lines);
		const bubble = (/** @type {string} */ room) => desk.notes.bubble(l, room, now);
		const first = all.filter((t) => t.turn > 0).sort((a, b) => a.turn - b.turn)[0];
		const seen = new Set(all.filter((t) => !lines || t.floor || t === first).map((t) => t.room)); // a picture that no row shows is not decoded
		desk.tiles.draw(all, (room) => (seen.has(room) ? this.picture(room) : { stream: null, key: "" }), bubble, rows);
		desk.small.draw(all, l, now, desk.wish.remote ? l.sources.muted : desk.studio.muted, bubble);
		desk.notes.draw(l);
		this.stage(l);
		this.tools(l);
	}

	/** The picture of a room. @param {string} room */
	picture(room) {
		const { receiver } = this.desk;
		const slot = receiver.table.find((s) => s.kind === "video" && s.source === "pupils" && s.room === room && !s.reason);
		return slot ? { stream: receiver.stream(slot), key: `${receiver.generation} ${slot.mid} ${room}` } : { stream: null, key: "" };
	}

	/** What the rooms see, or one room enlarged. @param {Lesson} l */
	stage(l) {
		const { desk } = this;
		const { studio } = desk;
		by("stage").hidden = desk.wish.remote && !desk.wish.watch;
		if (desk.wish.remote) {
			this.watched(l);
			return;
		}
		const big = desk.big === "" ? undefined : l.rooms.find((r) => r.room === desk.big);
		by("close-big").hidden = big === undefined;
		const board = studio.board.track;
		const camera = this.camera;
		by("preview").classList.toggle("mirrored", big === undefined && board === null && studio.camera.track !== null);
		if (big) {
			const p = this.picture(big.room);
			show(by("preview"), p.stream, p.key, big.name);
			this.screen("inset", null, "");
			write(by("caption"), big.name);
			return;
		}
		this.screen("preview", board ?? camera, board ? "teach.preview.board" : "teach.preview.camera");
		this.screen("inset", board ? camera : null, "teach.preview.camera");
		write(by("caption"), say(desk.words, board ? "teach.caption.board" : camera ? "teach.caption.camera" : "teach.caption.none"));
	}

	/** The picture of the teacher: this page's camera, or what the box sends back of its own. @returns {MediaStreamTrack | null} */
	get camera() {
		const { studio, receiver } = this.desk;
		const own = studio.films.includes("teacher") ? receiver.table.find((s) => s.kind === "video" && s.own && s.source === "teacher" && !s.reason) : undefined;
		return studio.camera.track ?? (own ? (receiver.stream(own)?.getVideoTracks()[0] ?? null) : null);
	}

	/** What the rooms see of a lesson that is taught elsewhere. @param {Lesson} l */
	watched(l) {
		const { receiver, words } = this.desk;
		const of = (/** @type {string} */ source) => receiver.table.find((s) => s.kind === "video" && s.source === source && !s.reason);
		const teacher = of("teacher");
		const board = l.sources.board ? of("board") : undefined;
		const put = (/** @type {string} */ id, /** @type {import("./messages.js").Slot | undefined} */ slot, /** @type {string} */ label) => {
			by(id).classList.remove("mirrored");
			by(id).classList.toggle("empty", slot === undefined);
			show(by(id), slot ? receiver.stream(slot) : null, slot ? `${receiver.generation} ${slot.mid} ${slot.source}` : "", say(words, label));
		};
		put("preview", board ?? teacher, board ? "teach.preview.board" : "teach.preview.camera");
		put("inset", board ? teacher : undefined, "teach.preview.camera");
		by("close-big").hidden = true;
		write(by("caption"), say(words, board ? "teach.caption.board" : teacher ? "teach.caption.camera" : "teach.caption.none"));
	}

	/** @param {string} id @param {MediaStreamTrack | null} track @param {string} label */
	screen(id, track, label) {
		let stream = null;
		if (track !== null) {
			stream = this.streams.get(track) ?? new MediaStream([track]);
			this.streams.set(track, stream);
		}
		show(by(id), stream, track?.id ?? "", say(this.desk.words, label));
		by(id).classList.toggle("empty", track === null);
	}

	/** @param {Lesson} l */
	tools(l) {
		const { desk } = this;
		const { studio, words } = desk;
		const remote = desk.wish.remote;
		const muted = remote ? l.sources.muted : studio.muted;
		write(by("mute"), say(words, muted ? "teach.unmute" : "teach.mute"));
		by("mute").classList.toggle("on", muted);
		const lit = muted ? 0 : Math.round((studio.level / 100) * bars);
		refill(by("mine"), String(lit), () => Array.from({ length: bars }, (_, i) => el("i", { class: i < lit ? "lit" : "" })));
		by("share").hidden = remote || (studio.board.asks && !Board.shares);
		write(by("share"), say(words, studio.board.track ? "teach.share.stop" : "teach.share"));
		by("from").hidden = remote;
		write(by("from"), `${say(words, "teach.source")} ▾`);
		write(by("layout"), `${say(words, "teach.layout")} ▾`);
		by("less").hidden = open(l).length < 2; // in the lesson it can only be made less
		write(by("less"), `${say(words, "teach.record")} ▾`);
		by("small").hidden = remote || !SmallWindow.possible;
		by("phone").hidden = remote || SmallWindow.possible || phoneAt(this.desk) === "";
	}

	/** The screen stays on while a lesson is taught. @param {boolean} on */
	keepAwake(on) {
		if (!on) {
			void this.awake?.release();
			this.awake = null;
		} else if ((this.awake === null || this.awake.released) && !this.waking && document.visibilityState === "visible" && "wakeLock" in navigator) {
			this.waking = true;
			navigator.wakeLock.request("screen").then((lock) => {
				this.awake = lock;
				this.waking = false;
			}, () => setTimeout(() => (this.waking = false), 10000));
		}
	}
}
