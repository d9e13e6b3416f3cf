// The dialogs of the desk: writing to rooms, the phone's QR code, the keys, and how one campus is. All close on Esc and change nothing then.

import { by, clock, dialog, el, input } from "./home-dom.js";
import { draw } from "./qr.js";
import { lasting, members } from "./teach-view.js";
import { span } from "./teach-parts.js";
import { language, say } from "./text.js";

/** @typedef {import("./messages.js").Lesson} Lesson */
/** @typedef {import("./messages.js").RoomState} RoomState */
/** @typedef {import("./receive.js").Receiver} Receiver */
/** @typedef {import("./text.js").Words} Words */

/**
 * Where a phone finds this box; "" where none can: the podium's own address is only good on the podium.
 * @param {{phoneBase: string, client: import("./protocol.js").Client}} desk
 */
export function phoneAt(desk) {
	const here = ["127.0.0.1", "[::1]", "localhost"].includes(location.hostname) ? "" : location.origin;
	return desk.phoneBase || desk.client.me?.box.url || here;
}

export class Dialogs {
	/**
	 * @param {Words} words
	 * @param {(text: string, room: string) => Promise<boolean>} send
	 */
	constructor(words, send) {
		this.words = words;
		for (const b of document.querySelectorAll("[data-close]")) {
			b.addEventListener("click", () => b.closest("dialog")?.close());
		}
		by("write-form").addEventListener("submit", (e) => {
			e.preventDefault();
			const text = input("write-text").value.trim();
			if (text !== "") {
				void send(text, input("write-to").value).then((done) => {
					if (done) {
						input("write-text").value = "";
						dialog("write-box").close();
					}
				});
			}
		});
	}

	/** @param {string} key @param {Record<string, string | number>} [values] */
	w(key, values) {
		return say(this.words, `teach.${key}`, values);
	}

	/** @param {Lesson} l @param {string} room "" for all */
	compose(l, room) {
		by("write-to").replaceChildren(el("option", { value: "" }, this.w("note.all")), ...members(l).map((r) => el("option", { value: r.room }, r.name)));
		input("write-to").value = room;
		dialog("write-box").showModal();
		by("write-text").focus();
	}

	/** @param {string} base where a phone finds this box */
	phone(base) {
		const url = new URL(location.pathname, base);
		url.searchParams.set("remote", "1");
		if (language === "en") {
			url.searchParams.set("lang", "en");
		}
		by("qr").replaceChildren(draw(url.href, this.w("phone.title")) ?? "");
		by("phone-url").textContent = url.href;
		dialog("phone-box").showModal();
	}

	keys() {
		const all = [["1 … 9  0  -", "call"], ["Shift + 1 … -", "second"], ["Enter", "first"], ["Esc", "release"], ["M", "mute"], ["S", "share"], ["L", "layout"], ["?", "help"]];
		by("keys").replaceChildren(...all.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, this.w(`keys.${what}`))]));
		dialog("keys-box").showModal();
	}

	/**
	 * How one campus is: what it says of itself, and what comes from it.
	 * @param {RoomState} r
	 * @param {Receiver} receiver
	 * @param {number} now
	 */
	async info(r, receiver, now) {
		by("info-title").textContent = r.name;
		const state = r.state === "live" ? r.word : r.state === "absent" && r.lastSeen ? "away" : r.state === "lost" ? "offline" : r.state;
		const since = r.state === "live" ? r.wordSince : r.state === "absent" ? (r.lastSeen ?? r.since) : r.since;
		const lines = [
			[this.w("info.state"), this.w(`word.${state}`, { for: span(this.words, lasting(now - since)) })],
			[this.w("info.since"), clock(since)],
			[this.w("info.step"), this.w(`info.step.${r.step ?? "unknown"}`)],
			[this.w("info.phones"), String(r.phones)],
		];
		const came = await this.came(receiver, r.room);
		const none = this.w("info.none"); // nothing comes of a room that is not shown and not heard
		lines.push(
			[this.w("info.rate"), came ? this.w("info.rate.value", { rate: came.rate }) : none],
			[this.w("info.loss"), came ? `${came.loss} %` : none],
			[this.w("info.delay"), came && came.delay > 0 ? this.w("info.delay.value", { n: came.delay }) : none],
		);
		by("info").replaceChildren(...lines.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
		dialog("info-box").showModal();
	}

	/** What this page received of a room during one second. @param {Receiver} receiver @param {string} room */
	async came(receiver, room) {
		const pc = receiver.pc;
		const mids = receiver.table.filter((s) => s.room === room && s.source !== "").map((s) => s.mid);
		if (pc === null || mids.length === 0) {
			return null;
		}
		const look = async () => {
			const sum = { bytes: 0, packets: 0, lost: 0, delay: 0 };
			for (const s of (await pc.getStats()).values()) {
				if (s.type === "inbound-rtp" && mids.includes(s.mid)) {
					sum.bytes += s.bytesReceived ?? 0;
					sum.packets += s.packetsReceived ?? 0;
					sum.lost += Math.max(0, s.packetsLost ?? 0);
				} else if (s.type === "candidate-pair" && s.nominated) {
					sum.delay = Math.round((s.currentRoundTripTime ?? 0) * 500);
				}
			}
			return sum;
		};
		const a = await look();
		await new Promise((done) => setTimeout(done, 1000));
		const b = await look();
		const packets = b.packets - a.packets + b.lost - a.lost;
		return { rate: (((b.bytes - a.bytes) * 8) / 1e6).toFixed(1), loss: packets > 0 ? (((b.lost - a.lost) / packets) * 100).toFixed(1) : "0", delay: b.delay };
	}
}
