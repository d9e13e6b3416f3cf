// The network cameras of this room: how each does, trying one, and what of them can be changed.

import { CameraForm } from "./device-camera-form.js";
import { change, fault, forget, marks } from "./device-desk.js";
import { by, complain, el, sure, tell } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-desk.js").Both} Both */
/** @typedef {{code: string, text: Both, cure: Both, detail?: string}} Fault */
/** @typedef {{layer: string, live: boolean, codec?: string, width?: number, height?: number, fps?: number, keyframeSeconds?: number, waitSeconds?: number, kbps?: number, transport?: string, sound?: string, fault?: Fault, notes?: Both[]}} Stream */
/** @typedef {{state: "off" | "connecting" | "live" | "failing", looked?: string, streams: Stream[] | null, fault?: Fault}} Status */
/** @typedef {{id: string, name: string, url: string, sub?: string, as: string, transport: string, user?: string, passwordSet: boolean, fingerprint?: string, sound: boolean, file: boolean, status: Status}} Camera */
/** @typedef {{ok: boolean, streams: Stream[] | null, fault?: Fault, verdict: Both}} Found */
/** What a try has come to; why is a refusal to try. @typedef {{doing?: boolean, found?: Found, why?: string}} Tried */

/** Seconds between keyframes from which a try's verdict is about them: who joins waits so long. */
const rare = 4;

/** The main stream stands last in a status, and first in what a try has found. @param {Stream[]} all */
const mainFirst = (all) => [...all].sort((a, b) => Number(a.layer === "sub") - Number(b.layer === "sub"));

export class Cameras {
	/** @param {Desk} desk */
	constructor(desk) {
		this.desk = desk;
		/** @type {Camera[] | null} */
		this.list = null;
		this.fault = "";
		/** What a try of each has come to, by id. @type {Record<string, Tried>} */
		this.tried = {};
		this.form = new CameraForm(this, () => void this.look());
	}

	/** Whether this person may see them. */
	get may() {
		return !this.desk.screen;
	}

	/** Forgets all, what is typed too: nobody is signed in any more. */
	leave() {
		this.form.on = false;
		this.list = null;
		this.tried = {};
		forget(by("cameras"));
		by("cameras").replaceChildren();
	}

	/** Asks how they do. */
	async look() {
		const a = await this.desk.ask("GET", "/cameras");
		this.fault = a.ok ? "" : this.desk.why(a);
		this.list = a.ok ? a.data : this.list;
		this.paint();
	}

	paint() {
		const place = by("cameras");
		const d = this.desk;
		if (this.form.on) {
			this.form.draw(place);
			return;
		}
		const list = this.list;
		change(place, ["list", list?.map((c) => [c, this.state(c)]), this.fault, this.tried], () => [
			el("h2", { id: "cameras-head", tabindex: "-1", text: d.say("cameras") }),
			...(this.fault === "" ? [] : [el("p", { class: "error", text: this.fault })]),
			...(list?.length === 0 ? [el("p", { class: "second", text: d.say("cameras.none") })] : []),
			el("ul", { class: "cameras" }, ...(list ?? []).map((c) => this.card(c))),
			el("p", { class: "keys" }, el("button", { class: "primary tall", text: d.say("camera.add"), "data-key": "camera-add", click: () => this.form.open(null) })),
			fault()]);
	}

	/** One camera. @param {Camera} c */
	card(c) {
		const d = this.desk;
		const s = this.state(c);
		const tried = this.tried[c.id];
		const label = (/** @type {string} */ key) => d.say("camera.of", { what: d.say(key), name: c.name });
		return el("li", { class: `card camera ${s.kind}` },
			el("h3", { text: c.name }),
			el("p", { class: "cause" }, el("span", { class: "mark", text: marks[s.kind] ?? "·", "aria-hidden": "true" }), s.text),
			...(s.cure && !tried?.found?.fault ? [el("p", { class: "cure", text: s.cure })] : []),
			el("p", { class: "second", text: [d.say(`camera.as.${c.as}`), c.url].join(" · ") }),
			...(tried ? [] : mainFirst(c.status.streams ?? []).flatMap((one) => this.stream(one, c.status.fault))),
			...(c.sound ? [el("p", { class: "second", text: d.say("camera.sound.on") })] : []),
			...(c.file ? [el("p", { class: "second", text: d.say("camera.file") })] : []),
			...this.found(tried, (print) => void this.remember(c, print)),
			el("p", { class: "keys" },
				el("button", { class: "plain", text: d.say("camera.test"), "data-key": `test-${c.id}`, "aria-label": label("camera.test"), disabled: tried?.doing === true, click: () => void this.test(c.id) }),
				...(c.file ? [] : [
					el("button", { class: "plain", text: d.say("camera.change"), "data-key": `change-${c.id}`, "aria-label": label("camera.change"), click: () => this.form.open(c) }),
					el("button", { class: "plain", text: d.say("camera.delete"), "data-key": `delete-${c.id}`, "aria-label": label("camera.delete"), click: () => void this.remove(c) })])));
	}

	/**
	 * How a camera does, in one sentence.
	 * @param {Camera} c
	 * @returns {{kind: string, text: string, cure?: string}}
	 */
	state(c) {
		const d = this.desk;
		const s = c.status;
		if (s.fault && s.state !== "live") {
			return { kind: "warning", text: d.pick(s.fault.text), cure: [d.pick(s.fault.cure), s.fault.code === "camera-password" && s.fault.detail ? d.say("camera.rests") : ""].filter(Boolean).join(d.say("camera.and")) };
		}
		const waits = Math.max(0, ...(s.streams ?? []).filter((one) => one.layer !== "sub").map((one) => one.waitSeconds ?? 0));
		switch (s.state) {
		case "live":
			return { kind: "good", text: d.say("camera.live") };
		case "connecting":
			return { kind: "unknown", text: waits > 0 ? d.say("camera.waits", { n: Math.round(waits) }) : d.say("camera.connecting") };
		case "failing":
			return { kind: "warning", text: d.say("camera.failing") };
		}
		return s.looked ? { kind: "good", text: d.say("camera.ready") } : { kind: "", text: d.say("camera.unknown") };
	}

	/** What is known of a stream. @param {Stream} s @param {Fault | undefined} said what the camera's own sentence says already @returns {Node[]} */
	stream(s, said) {
		const d = this.desk;
		const facts = [
			s.width ? `${s.width}×${s.height}` : "", s.width && s.fps ? d.say("camera.fps", { n: Math.round(s.fps) }) : "", s.codec ?? "",
			s.width || s.codec ? (s.sound ? d.say("camera.sound", { codec: s.sound }) : d.say("camera.silent")) : ""].filter(Boolean);
		const name = d.say(s.layer === "sub" ? "camera.sub" : "camera.main");
		const own = s.fault && s.fault.code !== said?.code ? [el("p", { class: "warn", text: `▲ ${name}${d.say("colon")}${d.pick(s.fault.text)}${d.say("camera.and")}${d.pick(s.fault.cure)}` })] : [];
		return [
			...(facts.length > 0 ? [el("p", { class: "stream", text: `${name}${d.say("colon")}${facts.join(" · ")}` })] : []), ...own,
			...(s.notes ?? []).map((n) => el("p", { class: "note", text: `${s.layer === "sub" ? `${name}${d.say("colon")}` : ""}${d.pick(n)}` }))];
	}

	/**
	 * What a try has come to.
	 * @param {Tried | undefined} t
	 * @param {(print: string) => void} remember takes the fingerprint that the camera showed
	 * @returns {Node[]}
	 */
	found(t, remember) {
		const d = this.desk;
		if (t === undefined) {
			return [];
		}
		const f = t.found;
		if (!f) {
			return [el("p", { class: t.doing ? "found" : "found error", role: "status", text: t.doing ? d.say("camera.trying") : t.why ?? "" })];
		}
		const print = f.fault?.code === "camera-certificate" ? /^sha256 ([0-9a-f]{64})$/.exec(f.fault.detail ?? "")?.[1] ?? "" : "";
		const well = f.ok && !(f.streams ?? []).some((one) => (one.keyframeSeconds ?? 0) > rare);
		return [el("div", { class: `found ${well ? "good" : "warn"}`, role: "status" },
			el("p", { class: "title", text: `${well ? "✓" : "▲"} ${d.pick(f.verdict)}` }),
			...(f.fault ? [el("p", { text: d.pick(f.fault.cure) })] : []),
			...mainFirst(f.streams ?? []).flatMap((one) => this.stream(one, f.fault)),
			...(print === "" ? (f.fault?.detail ? [el("p", { class: "small", text: f.fault.detail })] : []) : [
				el("p", { text: d.say("camera.print") }), el("p", { class: "print", text: print.replaceAll(/(.{4})(?=.)/g, "$1 ") }),
				el("p", { class: "keys" }, el("button", { type: "button", class: "plain", text: d.say("camera.print.keep"), "data-key": "print", click: () => remember(print) }))]))];
	}

	/** Tries one as it is. @param {string} id */
	async test(id) {
		this.tried[id] = { doing: true };
		this.paint();
		this.tried[id] = await this.attempt({ id });
		await this.look();
	}

	/** @param {Record<string, unknown>} body @returns {Promise<Tried>} */
	async attempt(body) {
		tell(this.desk.say("camera.trying"));
		const a = await this.desk.ask("POST", "/cameras/test", body);
		tell(a.ok ? this.desk.pick(a.data.verdict) : "");
		return a.ok ? { found: a.data } : { why: this.desk.why(a) };
	}

	/** Writes a fingerprint down that somebody has compared, and tries again. @param {Camera} c @param {string} fingerprint */
	async remember(c, fingerprint) {
		const a = await this.desk.ask("PATCH", `/cameras/${c.id}`, { fingerprint });
		if (!a.ok) {
			complain(by("cameras"), this.desk.why(a));
			return;
		}
		await this.test(c.id);
	}

	/** @param {Camera} c */
	async remove(c) {
		const d = this.desk;
		if (!await sure(d.say("camera.delete.sure", { name: c.name }), d.say("camera.delete"))) {
			return;
		}
		const a = await d.ask("DELETE", `/cameras/${c.id}`);
		if (a.ok) {
			delete this.tried[c.id];
			tell(d.say("camera.deleted", { name: c.name }));
		}
		await this.look();
		if (!a.ok) {
			complain(by("cameras"), d.why(a));
		}
	}
}
