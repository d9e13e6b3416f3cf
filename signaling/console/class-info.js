// What lies over the wall screen for a moment: the room's particulars, the loudness, and the ring of a hold.

import { element } from "./class-view.js";
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
		if (this.version === "") {
			void this.ask(f, m);
		}
	}

	/** @param {Facts} f @param {import("./class-state.js").Memory} m */
	async ask(f, m) {
		try {
			const answer = await fetch("/api/v1/box");
			if (answer.ok) {
				this.version = String((await answer.json()).version ?? "");
				if (!element("info").hidden) {
					this.fill(f, m);
				}
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
			["box", this.client?.me?.box.name ?? ""],
			["address", location.host],
			["version", this.version],
			["link", this.link(f)],
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
		const parts = [list, ...this.assist(f)];
		element("info").replaceChildren(...parts);
		element("info").hidden = m.key === "fresh";
	}

	/** @param {Facts} f @returns {HTMLElement[]} */
	assist(f) {
		const a = f.room?.assist;
		if (!a || a.url === "") {
			return [];
		}
		const words = this.view.say("info.assist", { code: a.code });
		const code = draw(a.url, words);
		const figure = document.createElement("figure");
		const caption = document.createElement("figcaption");
		caption.textContent = words;
		figure.append(...(code === null ? [] : [code]), caption);
		return [figure];
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
