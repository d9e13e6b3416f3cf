// The room at its wall screen: what it knows, what follows from it, and what the box is told. It needs nobody.

import { Black, Device, Meter, camera, microphone } from "./capture.js";
import { Checks } from "./class-checks.js";
import { Info } from "./class-info.js";
import { JoinForm } from "./class-join.js";
import { listen } from "./class-keys.js";
import { looking, plan, waiting } from "./class-layout.js";
import { shown } from "./class-shown.js";
import { Sound } from "./class-sound.js";
import { listenForTests, mayGoOn } from "./class-test.js";
import { choose, doneAfter, forgetful, hand, inLesson, isMaster, own } from "./class-state.js";
import { View, element } from "./class-view.js";
import { link } from "./home-dom.js";
import { Client, address } from "./protocol.js";
import { Publisher } from "./publish.js";
import { Receiver } from "./receive.js";
import { language } from "./text.js";

const tick = 200; // ms between two looks at what is known
const look = 250; // ms between two looks at the figures
const quiet = 1200; // ms without anything new until they are looked at more often
const comeBack = 3000; // ms after which a page that was sent away asks again
const afterEnd = 20000; // ms that the end of a lesson is told
const darkAfter = 120000; // ms without a lesson until the screen is black
const blindAfter = 5 * 48000; // samples of voice without a single picture until it is said that there will be none
const fewPackets = 3; // packets between two looks that are no more than a box asking whether we are there

const query = new URLSearchParams(location.search);
const beside = ["127.0.0.1", "[::1]", "localhost"].includes(location.hostname);
const lessonID = decodeURIComponent(location.pathname.split("/")[2] ?? "");

/** Without H264 this browser shows only what other such browsers send. */
const blind = !(RTCRtpReceiver.getCapabilities("video")?.codecs ?? []).some((c) => c.mimeType.toLowerCase() === "video/h264");

/** One page, from its loading on. */
export class Wall {
	/** @param {import("./text.js").Words} words */
	constructor(words) {
		this.view = new View(words);
		this.sound = new Sound(/** @type {HTMLAudioElement} */ (element("sound")));
		this.meter = new Meter();
		this.checks = new Checks(this.meter, this.sound);
		this.memory = forgetful();
		/** @type {import("./messages.js").Room | null} */
		this.room = null;
		/** @type {import("./messages.js").Lesson | null} */
		this.lesson = null;
		this.covered = false;
		this.coveredAtBox = false;
		/** @type {Black | null} */
		this.black = null;
		this.dataAt = 0;
		this.packets = 0;
		this.looks = 0;
		this.enteredAt = 0;
		this.codec = false;
		this.turning = 0; // changes of the volume that wait for the box's answer
		this.level = 0;
		this.restingSince = performance.now();
		this.client = new Client({
			url: address(location),
			hello: () => ({
				page: "class",
				...(lessonID === "" ? {} : { lesson: lessonID }),
				...(sessionStorage.getItem("played") === null ? {} : { take: /** @type {const} */ ("play") }),
				lang: language === "en" ? "en" : "zh-CN",
				version: 1,
			}),
		});
		this.receiver = new Receiver(this.client, () => this.sound.bind(this.receiver.table, (s) => this.receiver.stream(s)));
		this.publisher = new Publisher(this.client);
		this.camera = new Device("video", () => camera(), (track) => this.filmed(track));
		this.microphone = new Device("audio", () => microphone(), (track) => this.heard(track));
		this.form = new JoinForm((key, values) => this.view.say(key, values));
		this.info = new Info(this.view, this.client);
		this.preview = new MediaStream();
		this.test = listenForTests(this.client, { volume: () => this.sound.volume, covered: () => this.covered, changed: () => this.render() });
		this.subscribe();
	}

	subscribe() {
		this.client.on("lesson", (l) => {
			if (this.lesson?.id !== l.id) {
				this.enteredAt = this.client.now();
			}
			if (l.state === "ended" && this.lesson?.state !== "ended" && lessonID !== "" && beside) {
				setTimeout(() => location.replace(link("/class")), afterEnd); // the room's own screen follows its lessons again
			}
			this.lesson = l;
			this.render();
		});
		this.client.on("room", (r) => {
			if (r.covered !== this.coveredAtBox) {
				this.coveredAtBox = r.covered;
				this.cover(r.covered);
			}
			if (r.volume !== this.room?.volume && this.turning === 0) {
				this.sound.set(r.volume); // not what was pressed some keys ago
			}
			if (this.room?.state === "fresh" && r.state !== "fresh") {
				location.reload(); // the box has a place now, and this page another room
			}
			this.room = r;
			if (r.state === "idle" || r.state === "soon" || r.state === "look" || r.state === "fresh") {
				this.lesson = null;
			}
			this.render();
		});
		this.client.on("clock", (by) => {
			[this.dataAt, this.enteredAt, this.memory] = [this.dataAt && this.dataAt + by, this.enteredAt && this.enteredAt + by, { ...forgetful(), key: this.memory.key }];
		});
		this.client.on("level", (e) => {
			this.level = e.rooms[this.client.me?.room ?? ""] ?? this.level;
		});
		this.client.on("status", (s) => {
			if (s === "open") {
				sessionStorage.setItem("played", "1");
				this.coveredAtBox = false;
				this.tellDevices();
				if (this.covered) {
					void this.client.request("room.cover", { covered: true }).catch(() => {});
				}
			} else if (s === "refused" && this.client.code === "room-taken") {
				sessionStorage.removeItem("played"); // only a page that was loaded anew takes the sound back
			} else if (s === "refused" && this.client.code === "version") {
				location.reload();
			} else if (s === "closed") {
				this.sentAway();
			}
			this.render();
		});
	}

	/** The box said goodbye: later the page asks again, for the room's next lesson. */
	sentAway() {
		const code = this.client.code;
		if (code === "taken-over") {
			sessionStorage.removeItem("played");
		}
		if (code !== "") {
			setTimeout(() => this.client.open(), code === "ended" ? afterEnd : comeBack);
		}
	}

	/** Whether a network camera of the box films this room, so that the page opens none. */
	get byBox() {
		return (this.room?.films ?? []).length > 0;
	}

	/** How that camera does; the lesson knows. @returns {import("./capture.js").DeviceState} */
	get far() {
		const own = this.lesson?.rooms.find((r) => r.room === this.client.me?.room);
		return own?.cam ? "on" : "opening"; // one that is away is the technician's matter: there is nothing here to push in
	}

	/** @returns {import("./class-state.js").Facts} */
	facts() {
		const c = this.client;
		return {
			now: c.now(),
			beside,
			status: c.status,
			code: c.code,
			statusSince: c.since + c.offset,
			nextTry: c.nextTry === 0 ? 0 : c.nextTry + c.offset,
			box: c.me?.box.id ?? "",
			me: c.me?.room ?? "",
			room: this.room,
			lesson: this.lesson,
			dataAt: this.dataAt,
			enteredAt: this.enteredAt,
			captures: this.camera.state !== "off" || this.covered || (this.byBox && this.microphone.state !== "off"),
			films: this.byBox,
			camera: this.covered ? /** @type {const} */ ("on") : this.byBox ? this.far : this.camera.state,
			microphone: this.microphone.state,
			covered: this.covered,
			soundBlocked: this.sound.blocked && !this.sound.silent,
			codec: this.codec || this.publisher.voiceOnly, unsent: this.publisher.full,
			test: this.test.doing,
		};
	}

	/** Looks at what is known, does what follows from it, and draws. */
	render() {
		const f = this.facts();
		const before = this.memory.key;
		this.memory = choose(f, this.memory);
		const key = this.memory.key;
		const here = inLesson(f) && f.status !== "closed" && f.code !== "room-taken";
		const master = isMaster(f);
		if (f.test !== "" && !mayGoOn(f, here)) {
			return this.test.stop("lesson"); // which draws again
		}
		this.sound.silent = master;
		if (here) {
			this.receiver.start();
		} else if (this.receiver.allowed) {
			this.receiver.stop();
		}
		const films = this.room !== null; // it says whether the camera is covered
		this.capture(films && ((here && !master) || (key === "soon" && f.test === "") || key === "soon.look"), films && here && !master);
		if (key === "floor.us" && before !== "floor.us" && before !== "floor.quiet") {
			this.sound.chime();
		}
		this.form.show(key === "fresh");
		this.rest(key === "idle");
		this.checks.look(key === "soon", this.preview);
		const floor = f.lesson?.floor ?? [];
		const rooms = f.lesson?.rooms.filter((r) => r.state !== "removed") ?? [];
		const places =
			key === "soon.look"
				? looking()
				: key === "wait.teacher" && !master
				? waiting()
				: plan({
						me: f.me,
						master,
						board: f.lesson?.sources.board ?? false,
						camera: own(f) !== undefined,
						rooms: rooms.map((r) => r.room),
						floor: [...floor].sort((a, b) => Number(a.second) - Number(b.second)).map((h) => h.room),
						layout: this.room?.layout || f.lesson?.layout || "lecture",
					});
		this.view.draw(f, this.memory, places, (t) => shown(this, t, f.status === "open"), {
			level: key === "floor.us" || key === "floor.quiet" ? this.meter.level() : 0,
			checks: key === "soon" ? this.checks.list(f) : [],
			scan: query.get("hand") === "scan" && (this.room?.assist?.url ?? "") !== "",
		});
	}

	/** @param {boolean} open the devices are wanted @param {boolean} send and may be sent */
	capture(open, send) {
		if (open) {
			this.microphone.start();
			if (this.byBox) {
				this.camera.stop();
			} else if (!this.covered) {
				this.camera.start();
			}
		} else if (this.microphone.state !== "off" || this.camera.state !== "off") {
			this.microphone.stop();
			this.camera.stop();
		}
		if (send) {
			this.publisher.start();
		} else if (this.publisher.allowed) {
			this.publisher.stop();
		}
	}

	/** @param {MediaStreamTrack | null} track */
	filmed(track) {
		for (const old of this.preview.getTracks()) {
			this.preview.removeTrack(old);
		}
		this.preview = new MediaStream(track === null ? [] : [track]);
		if (!this.covered) {
			this.publisher.set("pupils", track);
		}
		this.tellDevices();
	}

	/** @param {MediaStreamTrack | null} track */
	heard(track) {
		this.meter.watch(track);
		this.publisher.set("voice", track);
		this.tellDevices();
	}

	tellDevices() {
		const lacks = (/** @type {string} */ s) => s === "missing" || s === "busy" || s === "blocked";
		void this.client
			.request("devices", {
				cam: this.camera.state === "on" && !this.covered,
				mic: this.microphone.state === "on",
				camMissing: lacks(this.camera.state),
				micMissing: lacks(this.microphone.state),
			})
			.catch(() => {});
	}

	/** Black pictures instead of the camera's, whose light goes out; the sound stays as it was. @param {boolean} on */
	cover(on) {
		if (this.covered === on) {
			return;
		}
		this.covered = on;
		localStorage.setItem("covered", on ? "1" : ""); // a page that is loaded anew stays covered, after a power cut too
		if (on) {
			this.black = new Black();
			if (!this.byBox) {
				this.publisher.set("pupils", this.black.track);
			}
			this.camera.stop();
		} else {
			this.black?.stop();
			this.black = null;
			this.publisher.set("pupils", null);
		}
		this.tellDevices();
		this.render();
	}

	/** Held at the screen: the room decides, the box is told. */
	toggleCover() {
		if (this.microphone.state === "off" && this.camera.state === "off" && !this.covered && !this.byBox) {
			return; // nothing is filmed
		}
		this.cover(!this.covered);
		this.coveredAtBox = this.covered;
		void this.client.request("room.cover", { covered: this.covered }).catch(() => {});
	}

	hand() {
		const f = this.facts();
		this.view.calledAt = performance.now();
		const does = hand(f, this.memory);
		const since = f.lesson?.floor.find((h) => h.room === f.me)?.since ?? 0;
		if (does === "done" && f.now - since < doneAfter) {
			return;
		}
		const request = { raise: "hand.raise", lower: "hand.lower", done: "floor.done", "": "" }[does];
		if (request !== "") {
			void this.client.request(/** @type {"hand.raise" | "hand.lower" | "floor.done"} */ (request), {}).catch(() => {});
		}
	}

	/** @param {number} step */
	changeVolume(step) {
		this.sound.set(this.sound.volume + step);
		this.info.volume(this.sound.volume);
		this.turning++;
		void this.client.request("room.volume", { volume: this.sound.volume }).catch(() => {}).finally(() => this.turning--);
	}

	/** Between lessons the screen goes black after a while. @param {boolean} idle */
	rest(idle) {
		if (!idle) {
			this.restingSince = performance.now();
		}
		element("dark").hidden = !idle || performance.now() - this.restingSince < darkAfter;
	}

	/** Any key, any touch. */
	any() {
		this.sound.unblock();
		this.meter.resume();
		this.restingSince = performance.now();
		this.view.calledAt = performance.now();
		element("dark").hidden = true;
	}

	/** Once a second, and more often while nothing comes: what has come, and what the box is told of it. */
	async measure() {
		this.looks++;
		const second = this.looks % 4 === 0;
		if (!second && this.client.now() - this.dataAt < quiet) {
			return;
		}
		await this.receiver.measure();
		const c = this.receiver.counter;
		if (c.packets - this.packets > fewPackets) {
			this.dataAt = this.client.now();
		}
		this.packets = c.packets;
		this.codec = blind && this.receiver.table.some((t) => t.kind === "video" && t.source !== "" && !t.reason && !t.own) && c.total > blindAfter && c.teacherFrames + c.boardFrames === 0;
		if (second && this.receiver.allowed && this.client.status === "open") {
			await this.client.request("stats", c.message(this.meter.level())).catch(() => {});
		}
	}

	run() {
		listen({
			hand: () => this.info.enter(this.facts()) || this.hand(),
			cover: () => this.toggleCover(),
			info: () => this.info.show(this.facts(), this.memory),
			volume: (step) => this.changeVolume(step),
			type: (e) => this.form.key(e),
			any: () => this.any(),
			ring: (part) => this.info.ring(part),
		});
		setInterval(() => this.render(), tick);
		setInterval(() => void this.measure().catch(() => {}), look);
		addEventListener("pagehide", () => this.client.close());
		addEventListener("pageshow", (e) => e.persisted && location.reload());
		document.addEventListener("visibilitychange", () => void awake());
		void awake();
		this.cover(localStorage.getItem("covered") === "1");
		this.client.open();
	}
}

async function awake() {
	try {
		await navigator.wakeLock?.request("screen");
	} catch {
		// not allowed here: the kiosk's own settings keep the screen on
	}
}
