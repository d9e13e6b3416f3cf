// A box that is set up: joining its school by a code or by comparing digits, its room, a full check, and the word that it is done.

import { change, fault, field, forget } from "./device-desk.js";
import { takeOver } from "./device-settings.js";
import { by, complain, dialog, el, input } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-check.js").FullCheck} FullCheck */
/** @typedef {{campus: string, school?: string, classroom: string, name: string, box?: string, boxName?: string, awaySeconds?: number}} Choice */
/** @typedef {{state: string, digits?: string, id?: string, confirmed?: boolean, code?: string}} Comparison */

const kept = "tongke.install"; // in sessionStorage: {step, since}
const steps = 4;

export class Install {
	/**
	 * @param {Desk} desk
	 * @param {FullCheck} check
	 * @param {() => void} leave called when it is done
	 * @param {() => void} door called when somebody wants to sign in, because this box is the core
	 */
	constructor(desk, check, leave, door) {
		this.door = door;
		this.desk = desk;
		this.check = check;
		this.leave = leave;
		const was = JSON.parse(sessionStorage.getItem(kept) ?? "null");
		this.step = Number(was?.step ?? 0);
		this.since = Number(was?.since ?? 0);
		/** How the box joins: with a code, or by digits. @type {"code" | "digits"} */
		this.way = "code";
		/** @type {Comparison | null} */
		this.comparison = null;
		/** @type {Choice[] | null} */
		this.rooms = null;
		this.fault = "";
		this.busy = false;
	}

	/** Whether the page shows the steps: for a box that nobody has set up, and until they are done. */
	get on() {
		return this.step > 0;
	}

	/** @param {number} step 0: no longer */
	go(step) {
		this.step = step;
		this.fault = "";
		if (this.since === 0) {
			this.since = Date.now();
		}
		if (step === 0) {
			sessionStorage.removeItem(kept);
		} else {
			sessionStorage.setItem(kept, JSON.stringify({ step, since: this.since }));
		}
		if (step === 2) {
			this.rooms = null;
			void this.askRooms();
		}
		if (step === 3 && !this.check.busy) {
			this.check.now = null;
			void this.check.start();
		}
		if (step === 4) {
			void this.desk.ask("POST", "/device/installed", { minutes: this.minutes() }); // the wall screen says the same
		}
		if (step === 0) {
			this.leave();
		}
		this.draw();
		by("install").querySelector("h2")?.focus();
	}

	/** What is under way while the steps are shown; every two seconds. */
	async look() {
		if (this.step === 1 && this.comparison !== null) {
			const a = await this.desk.ask("GET", "/device/pairing");
			if (a.ok && a.data) {
				this.compared(a.data);
			}
		}
		if (this.step === 2 && this.rooms === null) {
			await this.askRooms();
		}
	}

	async askRooms() {
		const a = await this.desk.ask("GET", "/device/rooms");
		if (a.ok) {
			this.rooms = a.data;
		}
		this.fault = a.ok ? "" : this.desk.why(a);
		this.draw();
	}

	draw() {
		const d = this.desk;
		if (this.step === 3) {
			const done = this.check.now?.state === "done" || !this.check.busy;
			this.check.draw(by("install"), [el("p", { class: "keys" }, el("button", { class: "primary tall", text: d.say("install.next"), "data-key": "next", click: () => this.go(4) }),
				el("button", { class: "plain tall", text: d.say("check.again"), "data-key": "start", click: () => void this.check.start() }))], `step ${done}`);
			this.progress();
			return;
		}
		change(by("install"), [this.step, this.way, this.comparison, this.rooms, this.fault, this.check.now?.minutes], () => [
			...(this.step === 1 ? this.join() : this.step === 2 ? this.place() : this.done())]);
		this.progress();
	}

	/** The line that says which step this is; it stands above what the check draws too. */
	progress() {
		const place = by("install");
		if (place.querySelector(".progress") === null) {
			place.prepend(el("p", { class: "progress", role: "status", text: this.desk.say("install.step", { n: this.step, of: steps }) }));
		}
	}

	/** @returns {Node[]} */
	join() {
		const d = this.desk;
		const ways = /** @type {("code" | "digits")[]} */ (["code", "digits"]).map((w) => el("button", { type: "button", class: "chip", text: d.say(`install.by.${w}`), "aria-pressed": String(this.way === w), "data-key": `way-${w}`, click: () => {
			this.way = w;
			this.fault = "";
			this.draw();
		} }));
		const address = field("join-address", d.say("install.address"), { value: this.address(), inputmode: "url", maxlength: "200", "data-pad": "address", placeholder: "192.168.1.10:8443" });
		const head = el("h2", { id: "install-head", tabindex: "-1", text: d.say("install.join") });
		if (this.comparison !== null) {
			return [head, ...this.comparing(this.comparison)];
		}
		const form = el("form", { class: "card", submit: (e) => {
			e.preventDefault();
			void (this.way === "code" ? this.joinByCode() : this.compare());
		} }, el("fieldset", { class: "chips" }, el("legend", { text: d.say("install.how") }), ...ways), ...address,
		...(this.way === "code" ? field("join-code", d.say("install.code"), { autocapitalize: "characters", maxlength: "24", class: "typed", "data-pad": "code" }) : [el("p", { class: "second", text: d.say("install.digits.how") })]),
		el("p", { class: "error", role: "alert", hidden: this.fault === "", text: this.fault }),
		el("p", { class: "keys" }, el("button", { class: "primary tall", text: d.say(this.way === "code" ? "install.join.do" : "install.digits.do"), "data-key": "join" }),
			...(this.way === "code" && "BarcodeDetector" in window && window.isSecureContext ? [el("button", { type: "button", class: "plain tall", text: d.say("install.scan"), "data-key": "scan", click: () => void this.scan() })] : [])),
		el("p", { class: "keys" }, el("button", { type: "button", class: "plain", text: d.say("install.later"), "data-key": "later", click: () => this.go(3) }),
			...(d.screen ? [el("button", { type: "button", class: "plain", text: d.say("install.core"), "data-key": "core", click: () => this.door() })] : [])));
		form.noValidate = true;
		return [head, form];
	}

	address() {
		const field = document.getElementById("join-address");
		return field instanceof HTMLInputElement ? field.value : this.desk.device?.parent?.address ?? "";
	}

	/** @param {string} text */
	wrong(text) {
		this.fault = text;
		complain(by("install"), text);
	}

	async joinByCode() {
		const d = this.desk;
		const code = input("join-code").value.trim();
		const address = input("join-address").value.trim();
		if (address === "" || code === "") {
			this.wrong(d.say(address === "" ? "install.noAddress" : "install.noCode"));
			return;
		}
		if (this.busy) {
			return;
		}
		this.busy = true;
		complain(by("install"), "");
		const a = await d.ask("POST", "/device/join", { address, code });
		this.busy = false;
		if (a.ok) {
			await this.joined();
		} else {
			this.wrong(a.status === 0 ? d.say("error.unreachable") : d.words[`device.join.${a.code}`] === undefined ? d.why(a) : d.say(a.left > 0 && a.code === "code-wrong" ? "join.code-wrong.left" : `join.${a.code}`, { left: a.left }));
		}
	}

	/** The box has a parent; it may have a place, too. */
	async joined() {
		const a = await this.desk.ask("GET", "/device");
		this.desk.device = a.ok ? a.data : this.desk.device;
		forget(by("install"));
		this.go(2);
	}

	async compare() {
		const address = input("join-address").value.trim();
		if (address === "") {
			this.wrong(this.desk.say("install.noAddress"));
			return;
		}
		const a = await this.desk.ask("POST", "/device/pairing", { address });
		if (a.ok) {
			this.comparison = { state: "looking" };
			this.draw();
			await this.look();
		} else {
			this.wrong(this.desk.words[`device.join.${a.code}`] === undefined ? this.desk.why(a) : this.desk.say(`join.${a.code}`));
		}
	}

	/** @param {Comparison} c */
	compared(c) {
		if (c.state === "accepted") {
			this.comparison = null;
			void this.joined();
			return;
		}
		this.comparison = c;
		if (["refused", "expired", "failed", "idle"].includes(c.state)) {
			this.comparison = null;
			this.fault = this.desk.words[`device.join.${c.code}`] === undefined ? this.desk.say(`install.digits.${c.state === "idle" ? "failed" : c.state}`) : this.desk.say(`join.${c.code}`);
		}
		this.draw();
	}

	/** @param {Comparison} c @returns {Node[]} */
	comparing(c) {
		const d = this.desk;
		const say = async (/** @type {boolean} */ same) => {
			const a = await d.ask("POST", `/device/pairing/${c.id ?? ""}`, { same });
			if (!a.ok) {
				this.fault = d.why(a);
			}
			await this.look();
			this.draw();
		};
		const stop = el("button", { class: "plain tall", text: d.say("cancel"), "data-key": "stop", click: async () => {
			await d.ask("DELETE", "/device/pairing");
			this.comparison = null;
			this.draw();
		} });
		if (c.state !== "compare") {
			return [el("div", { class: "card compare" }, el("p", { class: "asked", text: d.say("install.digits.looking") }), el("p", { class: "keys" }, stop))];
		}
		return [el("div", { class: "card compare" },
			el("p", { class: "asked", text: d.say("install.digits.same") }), el("p", { class: "digits", text: c.digits ?? "" }),
			el("p", { text: d.say(c.confirmed ? "install.digits.waiting" : "install.digits.where") }),
			...(c.confirmed ? [el("p", { class: "keys" }, stop)] : [el("p", { class: "answers" },
				el("button", { class: "primary", text: d.say("install.digits.yes"), "data-key": "same", click: () => void say(true) }),
				el("button", { class: "plain", text: d.say("install.digits.differ"), "data-key": "differ", click: () => void say(false) }))]))];
	}

	/** @returns {Node[]} */
	place() {
		const d = this.desk;
		const list = (this.rooms ?? []).map((r) => el("li", {}, el("button", { class: "plain choice", "data-key": `room-${r.campus}/${r.classroom}/${r.box ?? ""}`, click: () => void this.choose(r) },
			el("span", { class: "title", text: r.name }), ...(r.box ? [el("span", { class: "second", text: d.say("replace.away", { box: r.boxName || r.box, span: d.span(r.awaySeconds ?? 0) }) })] : []))));
		return [el("h2", { id: "install-head", tabindex: "-1", text: d.say("install.room") }),
			...(this.desk.device?.room.name ? [el("p", { class: "good", text: d.say("install.room.now", { name: this.desk.device.room.name }) })] : []),
			...(this.rooms === null ? [el("p", { class: "second", text: this.fault || d.say("install.room.asking") })] : list.length === 0 ? [el("p", { class: "second", text: d.say("install.room.none") })] : [el("ul", { class: "choices" }, ...list)]),
			fault(), el("p", { class: "keys" }, el("button", { class: "plain tall", text: d.say(this.desk.device?.room.name ? "install.room.keep" : "install.room.later"), "data-key": "later", click: () => this.go(3) }))];
	}

	/** @param {Choice} r */
	async choose(r) {
		if (r.box) {
			takeOver(this.desk, r, () => this.go(3));
			return;
		}
		const a = await this.desk.ask("PUT", "/device/room", { campus: r.campus, classroom: r.classroom });
		if (a.ok) {
			this.go(3);
		} else {
			complain(by("install"), this.desk.why(a));
		}
	}

	/** How long it took. */
	minutes() {
		return Math.max(1, this.check.now?.minutes || Math.round((Date.now() - this.since) / 60000));
	}

	/** @returns {Node[]} */
	done() {
		const d = this.desk;
		const minutes = this.minutes();
		const bad = (this.check.now?.items ?? []).filter((i) => i.state === "bad").length;
		return [el("h2", { id: "install-head", class: "finished", tabindex: "-1", text: `✓ ${d.say("install.done", { minutes })}` }),
			...(bad > 0 ? [el("p", { class: "warn", text: `▲ ${d.say("install.done.bad", { n: bad })}` })] : []),
			el("p", { class: "keys" }, el("button", { class: "primary tall", text: d.say("install.finish"), "data-key": "finish", click: () => this.go(0) }))];
	}

	/** Reads the code of an invitation with the telephone's camera. */
	async scan() {
		const d = this.desk;
		const film = el("video", { playsinline: true, muted: true });
		const box = dialog("box");
		/** @type {MediaStream} */
		let stream;
		try {
			stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
		} catch {
			this.wrong(d.say("install.scan.no"));
			return;
		}
		box.replaceChildren(el("h2", { id: "box-head", text: d.say("install.scan.how") }), film, el("p", { class: "keys" }, el("button", { class: "plain", text: d.say("cancel"), click: () => box.close() })));
		box.showModal();
		film.srcObject = stream;
		await film.play();
		const detector = new /** @type {any} */ (window).BarcodeDetector({ formats: ["qr_code"] });
		while (box.open) {
			const found = await detector.detect(film).catch(() => []);
			const read = found.map((/** @type {{rawValue: string}} */ f) => invitation(f.rawValue)).find(Boolean);
			if (read) {
				input("join-address").value = read.address;
				input("join-code").value = read.code;
				box.close();
				void this.joinByCode();
			}
			await new Promise((again) => setTimeout(again, 250));
		}
		stream.getTracks().forEach((t) => t.stop());
	}
}

/** What the QR code of an invitation holds: where the core is, and the code. @param {string} text */
export function invitation(text) {
	const m = /^(https?:\/\/[^/#\s]+)\/?#invite=([0-9A-Za-z-]{16,19})$/.exec(text.trim());
	return m === null ? null : { address: m[1], code: m[2] };
}
