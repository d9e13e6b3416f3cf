// 叫人看一眼: the room asks the core for somebody to look, and is told honestly how far that is.

import { change } from "./device-desk.js";
import { by, clock, day, el, moment, now, tell } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {{state: "none" | "waiting" | "told" | "seen" | "done" | "taking-back", since?: string, at?: string}} Call */

/** @param {string | undefined} at */
const when = (at) => {
	const ms = Date.parse(at ?? "");
	return Number.isNaN(ms) ? "" : day(ms) === day(now()) ? clock(ms) : moment(ms);
};

export class RoomCall {
	/** @param {Desk} desk @param {() => void} changed */
	constructor(desk, changed) {
		this.desk = desk;
		this.changed = changed;
		/** @type {Call} */
		this.now = { state: "none" };
	}

	/** Whether the room can call: somebody is above it, and it does not wait already. */
	get may() {
		return this.desk.device?.role === "member" && !["waiting", "told", "seen"].includes(this.now.state);
	}

	async look() {
		const a = await this.desk.ask("GET", "/device/call");
		this.now = a.ok ? a.data : this.now;
	}

	/** The great key. */
	key() {
		return el("button", { class: "plain tall", text: this.desk.say("call"), "data-key": "call", click: () => void this.raise() });
	}

	async raise() {
		const code = this.desk.device?.report.findings[0]?.code;
		const a = await this.desk.ask("POST", "/device/call", code ? { code } : {});
		tell(a.ok ? "" : this.desk.why(a));
		this.now = a.ok ? a.data : this.now;
		this.changed();
	}

	async back() {
		const a = await this.desk.ask("DELETE", "/device/call");
		tell(a.ok ? this.desk.say("call.taken") : this.desk.why(a));
		await this.look();
		this.changed();
	}

	/** How far it is. */
	draw() {
		const { state, since, at } = this.now;
		const say = (/** @type {string} */ key) => this.desk.say(`call.${key}`, { time: when(at) });
		const card = by("call");
		card.hidden = state === "none";
		card.dataset.kind = state;
		change(card, [this.now, day(now())], () => (state === "none" ? [] : state === "taking-back" ? [el("p", { class: "cure", text: say("taking-back") })] : [
			el("p", { class: "cause" }, el("span", { text: state === "done" ? "✓" : "▲", "aria-hidden": "true" }), this.desk.say("call.asked", { time: when(since) })),
			el("p", { class: "cure", text: say(`state.${state}`) }),
			...(state === "done" ? [] : [el("p", { class: "keys" }, el("button", { class: "plain", text: say("back"), "data-key": "call-back", click: () => void this.back() }))])]));
	}
}
