// 小窗: the campuses as rows in a small window that stays above full-screen slides. Where a browser has no such window, 手机 takes its place.

import { el } from "./home-dom.js";
import { button, write } from "./teach-parts.js";
import { Tiles } from "./teach-tiles.js";
import { say } from "./text.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./teach-tiles.js").Acts} Acts */
/** @typedef {import("./teach-topbar.js").Topbar} Topbar */

const width = 420;

/** @returns {any} */
const maker = () => /** @type {any} */ (window).documentPictureInPicture;

export class SmallWindow {
	/**
	 * @param {Words} words
	 * @param {Acts} acts
	 * @param {Topbar} topbar
	 * @param {{mute: () => void, opened: (d: Document) => void}} more
	 */
	constructor(words, acts, topbar, more) {
		this.words = words;
		this.acts = acts;
		this.topbar = topbar;
		this.more = more;
		/** @type {Window | null} */
		this.window = null;
	}

	static get possible() {
		return maker() !== undefined;
	}

	/** @param {Lesson} l */
	async open(l) {
		if (this.window !== null) {
			this.window.close();
			return;
		}
		const rows = Math.max(1, l.rooms.length);
		/** @type {Window} */
		const w = await maker().requestWindow({ width, height: Math.min(screen.availHeight - 80, 72 + rows * 72) });
		this.window = w;
		const d = w.document;
		d.documentElement.lang = document.documentElement.lang;
		d.title = document.title;
		d.head.append(el("link", { rel: "stylesheet", href: new URL("/console/teach.css", location.href).href }));
		d.body.className = "pip";
		this.hand = el("div", { class: "first", hidden: true });
		this.waits = el("p", { class: "calm" });
		this.mute = button({ class: "mute" }, () => this.more.mute());
		const host = el("ul", { class: "tiles rows" });
		d.body.append(el("header", { class: "top" }, this.hand, this.waits, this.mute), host);
		this.tiles = new Tiles(host, this.words, { ...this.acts, more: null });
		w.addEventListener("pagehide", () => (this.window = null));
		this.more.opened(d);
	}

	close() {
		this.window?.close();
	}

	/**
	 * @param {import("./teach-view.js").Tile[]} tiles
	 * @param {Lesson} l
	 * @param {number} now
	 * @param {boolean} muted
	 * @param {(room: string) => {id: number, text: string} | null} bubble
	 */
	draw(tiles, l, now, muted, bubble) {
		if (this.window === null || !this.hand || !this.mute || !this.waits) {
			return;
		}
		this.topbar.hand(this.hand, l, now);
		this.waits.hidden = !this.hand.hidden;
		write(this.waits, say(this.words, "teach.live"));
		write(this.mute, say(this.words, muted ? "teach.unmute" : "teach.mute"));
		this.mute.classList.toggle("on", muted);
		this.tiles?.draw(tiles, () => ({ stream: null, key: "" }), bubble, true);
	}
}
