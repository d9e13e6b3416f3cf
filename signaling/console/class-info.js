// What lies over the wall screen for a moment: the room's particulars, the loudness, and the ring of a hold.

import { element } from "./class-view.js";
import { lead } from "./device-home.js";
import { draw } from "./qr.js";

/** @typedef {import("./class-state.js").Facts} Facts */

const shownFor = 20000; // ms
const barsFor = 2000; // ms
const bars = 10;

export class Info {
	/**
	 * @param {import("./class-view.js").View} view
	 * @param {import("./protocol.js").Client | null} client
	 */
	constructor(view, client) {
		this.view = view;
		this.client = client;
		this.version = "";
		/** Where phones find the box, and its name; "" until it is known. */
		this.at = "";
		this.name = "";
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.loud = undefined;
	}

	/** @param {Facts} f @param {import("./class-state.js").Memory} m */
	show(f, m) {
		this.fill(f, m);
		clearTimeout(this.timer);
		this.timer = setTimeout(() => (element("info").hidden = true), shownFor);
		if (this.client !== null) {
			void this.ask(f, m);
		}
	}

	/** What may have changed since the page was opened: a cable that came later brings another address. @param {Facts} f @param {import("./class-state.js").Memory} m */
	async ask(f, m) {
		try {
			const own = await fetch("/api/v1/device"); // only the screen beside the box is told
			const answer = own.ok ? own : await fetch("/api/v1/box");
			const box = answer.ok ? await answer.json() : {};
			this.version = String(box.version ?? this.version);
			this.at = String(box.address ?? this.client?.me?.box.url ?? "");
			if (!element("info").hidden) {
				this.fill(f, m);
			}
		} catch {
			// left out
		}
	}

	/** @param {Facts} f */
	link(f) {
		const up = f.room?.uplink;
		if (f.status !== "open" || f.room === null) {
			return this.view.say("info.link.unknown");
		}
		if (up === undefined) {
			return this.view.say("info.link.none");
		}
		return up.up ? this.view.say("info.link.up") : this.view.say("info.link.down", { seconds: Math.floor((f.now - up.since) / 1000) });
	}

	/** @param {Facts} f @param {import("./class-state.js").Memory} m */
	fill(f, m) {
		const list = document.createElement("dl");
		/** @type {[string, string][]} */
		const rows = [
			["room", f.room?.name ?? this.client?.me?.roomName ?? ""],
			["box", this.box],
			["address", this.at || (f.beside ? "" : location.origin)],
			["version", this.version],
			["link", this.link(f)],
			["open", this.leads(f) ? this.view.say("info.open.what") : ""],
		];
		for (const [key, text] of rows) {
			if (text !== "") {
				const dt = document.createElement("dt");
				const dd = document.createElement("dd");
				dt.textContent = this.view.say(`info.${key}`);
				dd.textContent = text;
				list.append(dt, dd);
			}
		}
		const codes = [...this.assist(f), ...this.device()];
		element("info").replaceChildren(list, ...codes);
		element("info").classList.toggle("two", codes.length > 1);
		element("info").hidden = m.key === "fresh";
	}

	/** Whether OK leads this very screen to the page of its box: beside it, and while there is no lesson. @param {Facts} f */
	leads(f) {
		return f.beside && f.room?.state === "idle" && f.lesson === null && f.test === "";
	}

	/** OK while the panel is shown. @param {Facts} f @returns {boolean} whether it was meant for the panel */
	enter(f) {
		const is = !element("info").hidden && this.leads(f);
		if (is) {
			lead();
		}
		return is;
	}

	get box() {
		return this.name || (this.client?.me?.box.name ?? "");
	}

	/** @param {Facts} f @returns {HTMLElement[]} */
	assist(f) {
		const a = f.room?.assist;
		return !a || a.url === "" ? [] : [figure(a.url, this.view.say("info.assist", { code: a.code }))];
	}

	/** The box's own page, for the technician's phone. @returns {HTMLElement[]} */
	device() {
		return this.at === "" ? [] : [figure(`${this.at}/device`, this.view.say("info.device", { box: this.box }))];
	}

	/** @param {number} value 0…100 */
	volume(value) {
		const e = element("volume");
		e.setAttribute("aria-label", this.view.say("volume", { value }));
		e.replaceChildren(
			...Array.from({ length: bars }, (_, i) => {
				const bar = document.createElement("i");
				bar.style.setProperty("--n", String(i));
				bar.classList.toggle("on", value >= (i + 1) * 10);
				return bar;
			}),
		);
		e.hidden = false;
		clearTimeout(this.loud);
		this.loud = setTimeout(() => (e.hidden = true), barsFor);
	}

	/** @param {number | null} part of a hold that is done */
	ring(part) {
		const e = element("ring");
		e.hidden = part === null;
		e.style.setProperty("--held", String(part ?? 0));
	}
}

/** A code to be read by a phone, and what it is for. @param {string} url @param {string} words */
export function figure(url, words) {
	const code = draw(url, words);
	const out = document.createElement("figure");
	const caption = document.createElement("figcaption");
	caption.textContent = words;
	out.append(...(code === null ? [] : [code]), caption);
	return out;
}
