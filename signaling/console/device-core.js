// At the core: rooms and their boxes, invitations, boxes that want to be compared, and codes for technicians.

import { calls, list, roomOf } from "./device-boxes.js";
import { change, fault, field, open, shut } from "./device-desk.js";
import { by, complain, el, input, moment, now, sure, tell } from "./home-dom.js";
import { draw } from "./qr.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-boxes.js").Box} Box */
/** @typedef {{id: string, name: string, address: string, digits: string, since: string}} Pairing */
/** @typedef {{id: string, code?: string, campus: string, classroom?: string, expires: string, urls?: string[]}} Invitation */

/** What the place shows, and from when. */
const known = { boxes: /** @type {Box[]} */ ([]), at: -Infinity, pairings: /** @type {Pairing[]} */ ([]), invitations: /** @type {Invitation[]} */ ([]), fault: "" };
const glanceEvery = 15000; // ms between two looks at the boxes from elsewhere

/** Asks for what is under way; every few seconds while the place is shown. @param {Desk} desk */
export async function core(desk) {
	const [pairings, invitations] = await Promise.all([desk.ask("GET", "/pairings"), desk.admin ? desk.ask("GET", "/invitations") : null, boxes(desk)]);
	known.pairings = pairings.ok ? pairings.data ?? [] : [];
	known.invitations = invitations?.ok ? invitations.data : [];
	paint(desk);
}

/** Asks how the boxes are; what was known before stays, and it is said that nothing newer is. @param {Desk} desk */
async function boxes(desk) {
	const a = await desk.ask("GET", "/boxes");
	known.boxes = a.ok ? a.data : known.boxes;
	known.fault = a.ok ? "" : desk.say("core.unknown");
	known.at = performance.now();
}

/** The place's name, with a mark while a room wants somebody to look or a box waits to be compared. @param {Desk} desk */
export function nameOf(desk) {
	const called = known.boxes.filter((b) => b.call?.state === "open").length;
	const n = known.pairings.length;
	return called > 0 ? desk.say("place.core.called", { n: called }) : n > 0 ? desk.say("place.core.waiting", { n }) : desk.say("place.core");
}

/** Asks only whether somebody waits. @param {Desk} desk */
export async function glance(desk) {
	const a = await desk.ask("GET", "/pairings");
	known.pairings = a.ok ? a.data ?? [] : [];
	if (performance.now() - known.at > glanceEvery) {
		await boxes(desk);
	}
}

/** @param {Desk} desk */
function paint(desk) {
	const place = by("core");
	if (place.childElementCount === 0) {
		place.append(el("h2", { id: "core-head", tabindex: "-1", text: desk.say("core") }), el("div", { id: "calls", role: "status" }), el("div", { id: "pairings" }), el("p", { class: "keys", id: "core-keys" }), el("div", { id: "boxes" }), el("div", { id: "invitations" }));
	}
	calls(desk, by("calls"), known.boxes, () => core(desk));
	change(by("pairings"), known.pairings, () => known.pairings.map((p) => pairing(desk, p)));
	change(by("core-keys"), desk.admin, () => (desk.admin ? [
		el("button", { class: "primary tall", text: desk.say("core.invite"), "data-key": "invite", click: () => invite(desk) }),
		el("button", { class: "plain tall", text: desk.say("core.code"), "data-key": "tech", click: () => code(desk) })] : []));
	list(desk, by("boxes"), known.boxes, known.fault, (b) => void remove(desk, b));
	change(by("invitations"), known.invitations.map((i) => [i.id, left(i)]), () => (known.invitations.length === 0 ? [] : [
		el("h3", { text: desk.say("core.open") }), el("ul", { class: "rows" }, ...known.invitations.map((i) => el("li", {},
			el("p", { class: "what" }, el("span", { class: "title", text: placeOf(i) }), el("span", { class: "second", text: desk.say("core.left", { minutes: left(i) }) })),
			el("button", { class: "plain", text: desk.say("core.withdraw"), "data-key": `withdraw-${i.id}`, "aria-label": desk.say("core.withdraw.of", { name: placeOf(i) }), click: () => void withdraw(desk, i) }))))]));
}

/** @param {Invitation} i */
const left = (i) => Math.max(1, Math.ceil((Date.parse(i.expires) - now()) / 60000));
/** @param {{campus?: string, classroom?: string}} i */
const placeOf = (i) => [i.campus, i.classroom].filter(Boolean).join(" ");

/** @param {Desk} desk @param {Pairing} p */
function pairing(desk, p) {
	const said = async (/** @type {boolean} */ same) => {
		if (same) {
			accept(desk, p);
			return;
		}
		const a = await desk.ask("POST", `/pairings/${encodeURIComponent(p.id)}`, { same: false });
		tell(a.ok ? desk.say("pair.refused") : desk.why(a));
		await core(desk);
	};
	return el("div", { class: "card compare" },
		el("p", { class: "asked", text: desk.say("pair.same", { name: p.name }) }), el("p", { class: "digits", text: p.digits }),
		el("p", { class: "second", text: desk.say("pair.from", { address: p.address }) }),
		el("p", { class: "answers" },
			el("button", { class: "primary", text: desk.say("pair.yes"), "data-key": `same-${p.id}`, click: () => void said(true) }),
			el("button", { class: "plain", text: desk.say("pair.no"), "data-key": `differ-${p.id}`, click: () => void said(false) })));
}

/** Which room the compared box stands in. @param {Desk} desk @param {Pairing} p */
function accept(desk, p) {
	const form = el("form", { submit: async (e) => {
		e.preventDefault();
		const campus = input("pair-campus").value.trim();
		const classroom = input("pair-room").value.trim();
		const a = await desk.ask("POST", `/pairings/${encodeURIComponent(p.id)}`, { same: true, ...(campus === "" ? {} : { campus }), ...(classroom === "" ? {} : { classroom }) });
		if (!a.ok) {
			complain(form, desk.why(a, "join"));
			return;
		}
		shut();
		tell(desk.say("pair.done", { name: [campus, classroom].filter(Boolean).join(" ") || p.name }));
		await core(desk);
	} }, ...field("pair-campus", desk.say("core.school"), { list: "pair-known" }), schools(), ...field("pair-room", desk.say("core.room")), fault(),
	el("p", { class: "keys" }, el("button", { type: "button", class: "plain", text: desk.say("cancel"), click: shut }), el("button", { class: "primary", text: desk.say("pair.do") })));
	form.noValidate = true;
	open(desk.say("pair.where"), form);
	input("pair-campus").focus();
}

/** The names of the schools that are known. */
const schools = () => el("datalist", { id: "pair-known" }, ...[...new Set(known.boxes.filter((b) => !b.via).map((b) => b.campus))].map((c) => el("option", { value: c })));

/** @param {Desk} desk */
function invite(desk) {
	const form = el("form", { submit: async (e) => {
		e.preventDefault();
		const classroom = input("invite-room").value.trim();
		const a = await desk.ask("POST", "/invitations", { campus: input("invite-campus").value.trim(), ...(classroom === "" ? {} : { classroom }) });
		if (!a.ok) {
			complain(form, desk.why(a));
			return;
		}
		/** @type {Invitation} */
		const i = a.data;
		const here = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
		const at = here && i.urls?.[0] ? i.urls[0] : location.origin; // the new box cannot reach this one's loopback
		show(desk, placeOf(i), i.code ?? "", `${at}/#invite=${i.code}`, desk.say("core.invite.once"), desk.say("core.address", { address: at }));
		await core(desk);
	} }, ...field("invite-campus", desk.say("core.school"), { list: "pair-known" }), schools(), ...field("invite-room", desk.say("core.room")), fault(),
	el("p", { class: "keys" }, el("button", { type: "button", class: "plain", text: desk.say("cancel"), click: shut }), el("button", { class: "primary", text: desk.say("core.invite") })));
	form.noValidate = true;
	open(desk.say("core.invite"), form);
	input("invite-campus").focus();
}

/** Asks for which box a technician gets a code. @param {Desk} desk */
function code(desk) {
	const below = known.boxes.filter((b) => !b.own && !b.via).map((b) => ({ id: b.box, name: roomOf(desk, b), box: b.name }));
	const choice = (/** @type {string} */ box, /** @type {string} */ name, /** @type {string} */ more) => el("li", {}, el("button", { class: "plain choice", click: () => void made(desk, box) },
		el("span", { class: "title", text: name }), el("span", { class: "second", text: more })));
	open(desk.say("core.code"), el("p", { text: desk.say("core.code.which") }), el("ul", { class: "choices" },
		...below.map((b) => choice(b.id, b.name, b.box)), choice("", desk.say("core.code.here"), desk.device?.boxName ?? ""), ...(below.length > 0 ? [choice("all", desk.say("core.code.all"), desk.say("core.code.each"))] : [])),
	el("p", { class: "keys" }, el("button", { class: "plain", text: desk.say("cancel"), click: shut })));
}

/** @param {Desk} desk @param {string} box id, "all", or "" for this one */
async function made(desk, box) {
	const a = await desk.ask("POST", "/technician-codes", box === "" ? {} : { box });
	const ok = el("button", { class: "primary", text: desk.say("close"), click: shut });
	if (!a.ok) {
		open(desk.say("core.code"), el("p", { class: "error", text: desk.why(a) }), el("p", { class: "keys" }, ok));
		return;
	}
	/** @type {{name: string, campus: string, classroom?: string, code: string}[]} */
	const codes = a.data.codes ?? [];
	const until = desk.say("core.code.until", { time: moment(Date.parse(a.data.expires)) });
	if (codes.length <= 1) {
		show(desk, desk.say("core.code"), a.data.code, "", [placeOf(codes[0] ?? {}), codes[0]?.name, until].filter(Boolean).join(" · "), desk.say("core.code.how"));
		return;
	}
	open(desk.say("core.code"), el("p", { text: until }), el("p", { class: "second", text: desk.say("core.code.how") }),
		el("ul", { class: "rows" }, ...codes.map((c) => el("li", {}, el("p", { class: "what" }, el("span", { class: "title", text: placeOf(c) }), el("span", { class: "second", text: c.name })), el("strong", { class: "small code", text: c.code })))),
		el("p", { class: "keys" }, ok));
}

/** Shows a code, once. @param {Desk} desk @param {string} head @param {string} code @param {string} url @param {string} once @param {string} more */
function show(desk, head, code, url, once, more) {
	const qr = url === "" ? null : draw(url, desk.say("core.qr"));
	const ok = el("button", { class: "primary", text: desk.say("close"), click: shut });
	open(head, el("p", { class: "code", text: code }), el("p", { text: once }), el("p", { class: "second", text: more }), ...(qr === null ? [] : [qr]), el("p", { class: "keys" }, ok));
	ok.focus({ preventScroll: true });
}

/** Takes a box that is gone for good out of the alliance. @param {Desk} desk @param {Box} b */
async function remove(desk, b) {
	if (await sure(desk.say("core.remove.sure", { name: roomOf(desk, b), box: b.name }), desk.say("core.remove"))) {
		const a = await desk.ask("DELETE", `/boxes/${encodeURIComponent(b.box)}`);
		tell(a.ok ? desk.say("core.remove.done", { box: b.name }) : desk.why(a));
		await core(desk);
	}
}

/** @param {Desk} desk @param {Invitation} i */
async function withdraw(desk, i) {
	if (await sure(desk.say("core.withdraw.sure", { name: placeOf(i) }), desk.say("core.withdraw"))) {
		await desk.ask("DELETE", `/invitations/${i.id}`);
		await core(desk);
	}
}
