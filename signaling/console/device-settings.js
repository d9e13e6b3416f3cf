// Settings of a box: its network, which comes back by itself unless somebody says that it works, and what cannot be undone.

import { change, fault, field, forget, open, shut } from "./device-desk.js";
import { by, complain, dialog, el, input, tell } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-desk.js").Both} Both */
/** @typedef {{name: string, kind: string, up: boolean, mode: string, addresses: string[] | null, gateway: string, dns: string[] | null, ssid: string, signalDbm?: number, speedMbps?: number, mac?: string, networks?: string[]}} Interface */
/** @typedef {{interfaces: Interface[], parent: string, editable: boolean, why?: Both, by?: string, pending?: {pendingSeconds: number, token?: string}, undone?: Both}} Network */

/** A change that goes back by itself. */
export class Pending {
	/** @param {Desk} desk @param {() => void} over told when it was kept or is gone */
	constructor(desk, over) {
		this.desk = desk;
		this.over = over;
		this.token = "";
		/** When it goes back, ms of performance.now(); 0: nothing is pending. */
		this.until = 0;
		this.at = "";
	}

	/** @param {number} seconds @param {string} token @param {string} at where the box will be found, if its address changes */
	begin(seconds, token, at) {
		this.token = token;
		this.until = performance.now() + seconds * 1000;
		this.at = at;
		this.draw();
		by("pending").querySelector("button")?.focus();
	}

	/** Draws the seconds that are left; once a second. */
	draw() {
		const place = by("pending");
		const left = Math.ceil((this.until - performance.now()) / 1000);
		place.hidden = this.until === 0;
		if (this.until === 0) {
			return;
		}
		if (left <= -5) { // the box has had its time for the way back
			this.end(this.desk.say("net.undone"));
			return;
		}
		const d = this.desk;
		change(place, [Math.max(0, left), this.at, this.token === ""], () => [
			el("p", { id: "pending-text", class: "title", text: d.say("net.pending") }),
			el("p", { class: "count", text: d.say("net.left", { n: Math.max(0, left) }) }),
			...(this.at === "" ? [] : [el("p", { class: "second", text: d.say("net.at") }), el("p", {}, el("a", { href: `${this.at}#confirm=${this.token}`, text: this.at, class: "go", "data-key": "at" }))]),
			el("p", { class: "keys" },
				el("button", { class: "primary tall", text: d.say("net.works"), "data-key": "works", disabled: this.token === "", click: () => void this.keep() }),
				el("button", { class: "plain tall", text: d.say("net.back"), "data-key": "undo", click: () => void this.undo() })),
			el("p", { class: "error", role: "alert", hidden: true })]);
	}

	async keep() {
		const a = await this.desk.ask("POST", "/device/network/confirm", { token: this.token });
		if (a.ok) {
			this.end(this.desk.say("net.kept"));
		} else {
			complain(by("pending"), a.status === 0 ? this.desk.say("net.unreachable") : this.desk.why(a));
		}
	}

	async undo() {
		const a = await this.desk.ask("DELETE", "/device/network/confirm", { token: this.token });
		if (a.ok) {
			this.end(this.desk.say("net.undone"));
		} else if (a.status === 0) {
			complain(by("pending"), this.desk.say("net.unreachable"));
		} else {
			complain(by("pending"), this.desk.why(a));
		}
	}

	/** @param {string} said */
	end(said) {
		this.until = 0;
		this.draw();
		tell(said);
		this.over();
	}
}

/** @type {Network | null} */
let shown = null;

/** Shows the place. @param {Desk} desk @param {Pending} pending */
export async function settings(desk, pending) {
	const a = await desk.ask("GET", "/device/network");
	const place = by("settings");
	if (!a.ok) {
		change(place, [a.status, a.code], () => [el("h2", { id: "settings-head", tabindex: "-1", text: desk.say("settings") }), el("p", { class: "error", text: desk.why(a) })]);
		return;
	}
	/** @type {Network} */
	const n = a.data;
	if (n.pending && pending.until === 0) {
		pending.begin(n.pending.pendingSeconds, n.pending.token ?? "", "");
	}
	if (place.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement && shown !== null) {
		return; // nothing is taken away from under the hand that types
	}
	shown = n;
	change(place, n, () => [
		el("h2", { id: "settings-head", tabindex: "-1", text: desk.say("settings") }),
		...(n.undone ? [el("p", { class: "warn", text: desk.pick(n.undone) })] : []),
		...(n.editable ? [] : [el("p", { class: "warn", text: desk.pick(n.why) || desk.say("net.fixed") })]),
		...n.interfaces.map((i) => face(desk, pending, n, i)),
		...parent(desk, pending, n),
		...dangers(desk),
	]);
}

/** @param {Desk} desk @param {Pending} pending @param {Network} n @param {Interface} i */
function face(desk, pending, n, i) {
	const d = desk;
	const state = [i.up ? `✓ ${d.say("net.up")}` : `✕ ${d.say("net.off")}`, i.speedMbps ? d.say("net.speed", { n: i.speedMbps }) : "", i.kind === "wifi" && i.up && i.ssid ? i.ssid : "", i.signalDbm ? `${i.signalDbm} dBm` : "", ...(i.addresses ?? [])];
	const head = [el("h3", { text: d.say(i.kind === "wifi" ? "net.wifi" : "net.wired", { name: i.name }) }), el("p", { class: "second", text: state.filter(Boolean).join(" · ") })];
	if (!n.editable) {
		return el("div", { class: "card" }, ...head, el("p", { class: "second", text: [i.mode && d.say(`net.${i.mode}`), i.gateway && d.say("net.gateway.is", { at: i.gateway }), i.dns?.length ? `DNS ${i.dns.join(" ")}` : "", i.mac].filter(Boolean).join(" · ") }));
	}
	const id = (/** @type {string} */ k) => `net-${i.name}-${k}`;
	let mode = i.mode === "static" ? "static" : "dhcp";
	const fixed = el("div", { class: "static", hidden: mode !== "static" },
		...field(id("address"), d.say("net.address"), { value: i.addresses?.find((a) => a.includes(".")) ?? "", inputmode: "decimal", placeholder: "192.168.1.20/24", "data-pad": "ip" }),
		...field(id("gateway"), d.say("net.gateway"), { value: i.gateway, inputmode: "decimal", placeholder: "192.168.1.1", "data-pad": "ip" }),
		...field(id("dns"), d.say("net.dns"), { value: (i.dns ?? []).join(" "), inputmode: "text", placeholder: "192.168.1.1", "data-pad": "ip" }));
	const ways = ["dhcp", "static"].map((m) => el("button", { type: "button", class: "chip", text: d.say(`net.${m}`), "aria-pressed": String(m === mode), "data-key": id(m), click: (e) => {
		mode = m;
		fixed.hidden = m !== "static";
		for (const b of /** @type {HTMLElement} */ (e.currentTarget).parentElement?.querySelectorAll("button") ?? []) {
			b.setAttribute("aria-pressed", String(b === e.currentTarget));
		}
	} }));
	const wifi = i.kind !== "wifi" ? [] : [
		...field(id("ssid"), d.say("net.ssid"), { value: i.ssid, list: id("air"), "data-pad": "address" }),
		el("p", { class: "chips" }, ...(i.networks ?? []).slice(0, 6).map((s) => el("button", { type: "button", class: "chip", text: s, "data-key": id(`air-${s}`), click: () => (input(id("ssid")).value = s) }))),
		...field(id("password"), d.say("net.password"), { type: "password", autocomplete: "new-password", "data-pad": "address" })];
	const form = el("form", { class: "card", submit: (e) => {
		e.preventDefault();
		const words = (/** @type {string} */ k) => input(id(k)).value.trim();
		const body = {
			name: i.name, mode,
			...(mode === "static" ? { address: words("address"), gateway: words("gateway"), dns: words("dns").split(/[\s,，;；]+/).filter(Boolean) } : {}),
			...(i.kind === "wifi" ? { ssid: words("ssid"), ...(input(id("password")).value === "" ? {} : { password: input(id("password")).value }) } : {}),
		};
		const to = mode === "static" ? body.address?.split("/")[0] ?? "" : "";
		void save(desk, pending, form, body, to !== "" && to !== location.hostname && !desk.screen ? `${location.protocol}//${to}:${location.port || (location.protocol === "https:" ? 443 : 80)}/device` : "");
	} }, ...head, el("fieldset", { class: "chips" }, el("legend", { text: d.say("net.mode") }), ...ways), ...wifi, fixed, fault(), el("button", { class: "primary", text: d.say("net.save"), "data-key": id("save") }));
	form.noValidate = true;
	return form;
}

/** @param {Desk} desk @param {Pending} pending @param {Network} n @returns {Node[]} */
function parent(desk, pending, n) {
	if (n.parent === "" || !desk.device?.parent?.joined) {
		return [];
	}
	const form = el("form", { class: "card", submit: (e) => {
		e.preventDefault();
		void save(desk, pending, form, { parent: input("net-parent").value.trim() }, "");
	} }, el("h3", { text: desk.say("net.parent") }), ...field("net-parent", desk.say("net.parent.address"), { value: n.parent, inputmode: "url", "data-pad": "address", maxlength: "200" }), fault(), el("button", { class: "primary", text: desk.say("net.save"), "data-key": "parent-save" }));
	return [form];
}

/** @param {Desk} desk @param {Pending} pending @param {HTMLElement} form @param {object} body @param {string} at */
async function save(desk, pending, form, body, at) {
	complain(form, "");
	const a = await desk.ask("PUT", "/device/network", body);
	if (!a.ok) {
		complain(form, a.status === 0 ? desk.say("net.unreachable") : desk.why(a));
		return;
	}
	/** @type {HTMLElement} */ (document.activeElement)?.blur();
	forget(by("settings"));
	pending.begin(a.data.pendingSeconds, a.data.token ?? "", at);
}

/** @param {Desk} desk @returns {Node[]} */
function dangers(desk) {
	if (desk.screen) {
		return []; // the screen beside the box may not
	}
	return [el("h2", { text: desk.say("danger") }), el("p", { class: "keys" },
		el("button", { class: "plain tall", text: desk.say("danger.poweroff"), "data-key": "poweroff", click: () => danger(desk, "poweroff") }),
		el("button", { class: "plain tall", text: desk.say("danger.factory-reset"), "data-key": "reset", click: () => danger(desk, "factory-reset") }))];
}

/** Asks for the room's name before what cannot be undone. @param {Desk} desk @param {"poweroff" | "factory-reset"} what */
function danger(desk, what) {
	const d = desk.device;
	const name = d?.room.name || d?.boxName || "";
	if (d?.inLesson) {
		const ok = el("button", { class: "primary", text: desk.say("close"), click: shut });
		open(desk.say(`danger.${what}`), el("p", { class: "warn", text: desk.say("danger.lesson") }), el("p", { class: "keys" }, ok));
		return;
	}
	const letters = [...new Set(name)].sort().join("");
	const form = el("form", { submit: (e) => {
		e.preventDefault();
		void act();
	} }, el("p", { text: desk.say(`danger.${what}.what`) }), ...field("danger-name", desk.say("danger.type", { name }), { "data-pad": `letters:${letters}` }), fault(),
	el("p", { class: "keys" }, el("button", { type: "button", class: "plain", text: desk.say("cancel"), "data-key": "no", click: shut }), el("button", { class: "danger", text: desk.say(`danger.${what}`), "data-key": "do" })));
	const act = async () => {
		const a = await desk.ask("POST", `/device/${what}`, { name: input("danger-name").value.trim() });
		if (!a.ok) {
			complain(form, desk.why(a));
			return;
		}
		shut();
		tell(desk.say(`danger.${what}.done`));
	};
	form.noValidate = true;
	open(desk.say(`danger.${what}`), form);
	input("danger-name").focus();
}

/**
 * Another box's place: the question of 换设备.
 * @param {Desk} desk
 * @param {() => void} done
 */
export async function replace(desk, done) {
	const a = await desk.ask("GET", "/device/rooms");
	/** @type {import("./device-install.js").Choice[]} */
	const all = a.ok ? a.data : [];
	const away = all.filter((r) => r.box);
	const no = el("button", { class: "plain", text: desk.say("cancel"), click: shut });
	if (away.length === 0) {
		open(desk.say("replace"), el("p", { text: a.ok ? desk.say("replace.none") : desk.why(a) }), el("p", { class: "second", text: desk.say("replace.how") }), el("p", { class: "keys" }, no));
		return;
	}
	open(desk.say("replace"), el("p", { text: desk.say("replace.which") }), el("ul", { class: "choices" }, ...away.map((r) => el("li", {},
		el("button", { class: "plain choice", click: () => takeOver(desk, r, done) }, el("span", { class: "title", text: r.name }), el("span", { class: "second", text: desk.say("replace.away", { box: r.boxName || r.box || "", span: desk.span(r.awaySeconds ?? 0) }) }))))),
	el("p", { class: "keys" }, no));
}

/** @param {Desk} desk @param {import("./device-install.js").Choice} r @param {() => void} done */
export function takeOver(desk, r, done) {
	const form = el("div", {}, el("p", { text: desk.say("replace.sure", { room: r.name, box: r.boxName || r.box || "", span: desk.span(r.awaySeconds ?? 0) }) }), fault(),
		el("p", { class: "keys" }, el("button", { class: "plain", text: desk.say("replace.no"), autofocus: true, click: shut }), el("button", { class: "danger", text: desk.say("replace.yes"), click: async () => {
			const a = await desk.ask("PUT", "/device/room", { replaceBox: r.box });
			if (!a.ok) {
				complain(form, desk.why(a));
				return;
			}
			shut();
			tell(desk.say("replace.done", { room: r.name }));
			done();
		} })));
	open(desk.say("replace"), form);
	form.querySelector("button")?.focus();
}

/** Whether a dialog lies over the page. */
export const asking = () => dialog("box").open || dialog("sure").open;

