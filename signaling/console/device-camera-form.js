// What somebody types of a network camera: a new one, or one that is changed. Its password is written and never shown.

import { change, fault, field, forget } from "./device-desk.js";
import { by, complain, el, input, tell } from "./home-dom.js";

/** @typedef {import("./device-cameras.js").Camera} Camera */
/** @typedef {import("./device-cameras.js").Cameras} Cameras */
/** @typedef {import("./device-cameras.js").Tried} Tried */

/** What is asked for only by who unfolds it. */
const folded = ["sub", "transport", "fingerprint"];

/** Where an address leads, as far as its password goes. @param {string} address */
const place = (address) => /^rtsps?:\/\/(?:[^/]*@)?([^/]+)/i.exec(address.trim())?.[1]?.toLowerCase() ?? "";

export class CameraForm {
	/** @param {Cameras} cameras @param {() => void} closed told when it was left */
	constructor(cameras, closed) {
		this.cameras = cameras;
		this.closed = closed;
		this.on = false;
		/** The one that is changed. @type {Camera | null} */
		this.of = null;
		this.as = "camera";
		this.transport = "auto";
		this.sound = false;
	}

	/** @param {Camera | null} of null for a new one */
	open(of) {
		this.on = true;
		this.of = of;
		this.as = of?.as ?? "camera";
		this.transport = of?.transport ?? "auto";
		this.sound = of?.sound ?? false;
		forget(by("cameras"));
		this.cameras.paint();
		by("cameras-head").focus({ preventScroll: true });
		by("cameras").scrollIntoView({ block: "start" });
	}

	close() {
		this.on = false;
		forget(by("cameras"));
		this.closed();
	}

	/** Draws it once; nothing is taken away from under the hand that types. @param {HTMLElement} place */
	draw(place) {
		const d = this.cameras.desk;
		const c = this.of;
		change(place, ["form", c?.id ?? ""], () => {
			const form = el("form", { class: "card", submit: (e) => {
				e.preventDefault();
				void this.save(form);
			}, input: () => this.watch() },
			...this.fields(), ...this.more(), el("div", { id: "camera-found" }), fault(),
			el("p", { class: "keys" }, el("button", { class: "primary", text: d.say("camera.save"), "data-key": "camera-save" }),
				el("button", { type: "button", class: "plain", text: d.say("camera.test"), "data-key": "camera-test", click: () => void this.test(form) }),
				el("button", { type: "button", class: "plain", text: d.say("cancel"), "data-key": "camera-cancel", click: () => this.close() })));
			form.noValidate = true;
			return [el("h2", { id: "cameras-head", tabindex: "-1", text: c === null ? d.say("camera.add") : d.say("camera.change.of", { name: c.name }) }), form];
		});
	}

	/** What every camera needs. */
	fields() {
		const d = this.cameras.desk;
		const c = this.of;
		const plain = { autocapitalize: "none", "data-pad": "address" };
		return [
			...field("cam-name", d.say("camera.name"), { value: c?.name ?? "", maxlength: "40", "data-pad": "address" }),
			this.chips("as", "camera.as", ["camera", "board", "pupils"], this.as, (to) => (this.as = to)),
			...field("cam-url", d.say("camera.url"), { ...plain, value: c?.url ?? "", maxlength: "512", inputmode: "url", placeholder: "rtsp://192.0.2.64/stream1" }),
			el("p", { class: "second", text: d.say("camera.url.how") }),
			...field("cam-user", d.say("camera.user"), { ...plain, value: c?.user ?? "", maxlength: "128" }),
			...field("cam-password", d.say(c?.passwordSet ? "camera.password.kept" : "camera.password"), { ...plain, type: "password", autocomplete: "new-password", maxlength: "128" }),
			el("p", { id: "camera-again", class: "warn", hidden: true, text: d.say("camera.password.again") })];
	}

	/** Says that a kept password goes to no other camera and is for no other user. */
	watch() {
		const c = this.of;
		by("camera-again").hidden = !(c?.passwordSet && input("cam-password").value === "" && (place(input("cam-url").value) !== place(c.url) || input("cam-user").value.trim() !== (c.user ?? "")));
	}

	/** What few need, most of it folded. @returns {Node[]} */
	more() {
		const d = this.cameras.desk;
		const c = this.of;
		const plain = { autocapitalize: "none", "data-pad": "address" };
		const open = Boolean(c && (c.sub || c.transport !== "auto" || c.fingerprint));
		return [this.chips("sound", "camera.sound.use", ["no", "yes"], this.sound ? "yes" : "no", (to) => (this.sound = to === "yes")), el("p", { class: "second", text: d.say("camera.sound.how") }),
			el("details", { id: "camera-more", open }, el("summary", { text: d.say("camera.more"), "data-key": "camera-more-key" }),
			...field("cam-sub", d.say("camera.sub.url"), { ...plain, value: c?.sub ?? "", maxlength: "512", inputmode: "url", placeholder: "rtsp://192.0.2.64/stream2" }),
			this.chips("transport", "camera.transport", ["auto", "tcp", "udp"], this.transport, (to) => (this.transport = to)),
			...field("cam-fingerprint", d.say("camera.fingerprint"), { ...plain, value: c?.fingerprint ?? "", maxlength: "95" }))];
	}

	/**
	 * A choice of a few.
	 * @param {string} id @param {string} key its words @param {string[]} all @param {string} chosen @param {(to: string) => void} take
	 */
	chips(id, key, all, chosen, take) {
		const d = this.cameras.desk;
		return el("fieldset", { class: "chips", id: `cam-${id}` }, el("legend", { text: d.say(key) }), ...all.map((one) => el("button", {
			type: "button", class: "chip", text: d.say(`${key}.${one}`), "aria-pressed": String(one === chosen), "data-key": `cam-${id}-${one}`, click: (e) => {
				take(one);
				for (const b of /** @type {HTMLElement} */ (e.currentTarget).parentElement?.querySelectorAll("button") ?? []) {
					b.setAttribute("aria-pressed", String(b === e.currentTarget));
				}
			},
		})));
	}

	/** What is typed; of a new one what was left empty is not said. */
	body() {
		/** @type {Record<string, unknown>} */
		const out = { as: this.as, transport: this.transport, sound: this.sound };
		for (const key of ["name", "url", "user", "sub", "fingerprint"]) {
			const value = input(`cam-${key}`).value.trim();
			if (value !== "" || this.of !== null) {
				out[key] = value;
			}
		}
		if (input("cam-password").value !== "") {
			out.password = input("cam-password").value;
		}
		return out;
	}

	/** Tries what is typed, saved or not. @param {HTMLElement} form */
	async test(form) {
		const body = this.body();
		if (body.name === "") {
			delete body.name; // a try needs none
		}
		complain(form, "");
		this.shows({ doing: true });
		const t = await this.cameras.attempt(this.of === null ? body : { ...body, id: this.of.id });
		if (this.on) {
			this.shows(t);
		}
	}

	/** @param {Tried} t */
	shows(t) {
		const key = /** @type {HTMLButtonElement | null} */ (document.querySelector('[data-key="camera-test"]'));
		if (key) {
			key.disabled = t.doing === true;
		}
		by("camera-found").replaceChildren(...this.cameras.found(t, (print) => {
			/** @type {HTMLDetailsElement} */ (by("camera-more")).open = true;
			input("cam-fingerprint").value = print;
			input("cam-fingerprint").focus();
		}));
		by("camera-found").scrollIntoView({ block: "nearest" });
	}

	/** @param {HTMLElement} form */
	async save(form) {
		complain(form, "");
		const d = this.cameras.desk;
		const c = this.of;
		const a = await (c === null ? d.ask("POST", "/cameras", this.body()) : d.ask("PATCH", `/cameras/${c.id}`, this.body()));
		if (!a.ok) {
			complain(form, d.why(a));
			const name = String(a.data?.field ?? "");
			if (folded.includes(name)) {
				/** @type {HTMLDetailsElement} */ (by("camera-more")).open = true;
			}
			const at = document.getElementById(`cam-${name}`);
			(at instanceof HTMLInputElement ? at : at?.querySelector("button"))?.focus();
			return;
		}
		delete this.cameras.tried[a.data.id];
		this.close();
		tell(d.say("camera.saved", { name: a.data.name }));
	}
}
