// The campuses with their classrooms and boxes, and the invitation of a new box.

import { ask, by, complain, el, input, moment, now, sure, tell, why } from "./home-dom.js";
import { draw } from "./qr.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./home.js").Campus} Campus */
/** @typedef {{id: string, code?: string, campus: string, classroom?: string, expires: string, urls?: string[]}} Invitation */

/** Shows the place. @param {Words} words */
export async function rooms(words) {
	const place = by("rooms");
	if (place.childElementCount === 0) {
		build(words, place);
	}
	await refresh(words);
}

/** @param {Words} words @param {HTMLElement} place */
function build(words, place) {
	const t = (/** @type {string} */ key) => say(words, `home.rooms.${key}`);
	place.append(
		el("h2", { id: "rooms-head", text: say(words, "home.rooms") }),
		el("div", { id: "campuses" }),
		el("form", { id: "own", class: "card", hidden: true, submit: (e) => void name(words, e) },
			el("h3", { text: t("own") }),
			el("label", { for: "own-school", text: t("campus") }),
			el("input", { id: "own-school", required: true, maxlength: "64", autocomplete: "off" }),
			el("label", { for: "own-room", text: t("own.room") }),
			el("input", { id: "own-room", maxlength: "64", autocomplete: "off" }),
			el("p", { class: "error", role: "alert", hidden: true }),
			el("button", { class: "primary", text: t("own.do") })),
		el("form", { id: "invite", class: "card", submit: (e) => void invite(words, e) },
			el("h3", { text: t("invite") }),
			el("label", { for: "invite-campus", text: t("campus") }),
			el("input", { id: "invite-campus", list: "known", required: true, maxlength: "64", autocomplete: "off" }),
			el("datalist", { id: "known" }),
			el("label", { for: "invite-room", text: t("room") }),
			el("input", { id: "invite-room", maxlength: "64", autocomplete: "off" }),
			el("p", { class: "error", role: "alert", hidden: true }),
			el("button", { class: "primary", text: t("invite") })),
		el("div", { id: "invited", class: "card", hidden: true, tabindex: "-1", role: "group", "aria-label": t("code") }),
		el("div", { id: "waiting" }),
	);
}

/** @param {Words} words */
async function refresh(words) {
	const [all, open, box] = await Promise.all([ask("GET", "/campuses"), ask("GET", "/invitations"), ask("GET", "/box")]);
	if (!all.ok || !open.ok) {
		by("campuses").replaceChildren(el("p", { class: "error", text: why(words, all.ok ? open : all) }));
		return;
	}
	/** @type {Campus[]} */
	const list = all.data;
	by("own").hidden = !box.ok || box.data.parent !== ""; // a parent names those below it
	if (box.ok && !by("own").contains(document.activeElement)) {
		input("own-school").value = box.data.school ?? "";
		input("own-room").value = box.data.classroom;
	}
	by("known").replaceChildren(...list.map((c) => el("option", { value: c.id })));
	by("campuses").replaceChildren(...list.flatMap((c) => [
		el("h3", { text: c.name }),
		el("ul", { class: "rows" }, ...c.rooms.map((r) => el("li", {},
			el("p", { class: "what" }, el("span", { class: "title", text: r.classroom || say(words, "home.rooms.only") }),
				el("span", { class: "second", text: r.box })), seen(words, r)))),
	]));
	/** @type {Invitation[]} */
	const waiting = open.data;
	by("waiting").replaceChildren(...(waiting.length === 0 ? [] : [el("h3", { text: say(words, "home.rooms.waiting") }),
		el("ul", { class: "rows" }, ...waiting.map((i) => el("li", {},
			el("p", { class: "what" }, el("span", { class: "title", text: [i.campus, i.classroom].filter(Boolean).join(" ") }),
				el("span", { class: "second", text: say(words, "home.rooms.left", { minutes: Math.max(1, Math.ceil((Date.parse(i.expires) - now()) / 60000)) }) })),
			el("button", { class: "plain", text: say(words, "home.rooms.withdraw"), click: () => void withdraw(words, i) }))))]));
}

/**
 * Whether a box is there, or when it was last.
 * @param {Words} words
 * @param {Campus["rooms"][number]} r
 */
function seen(words, r) {
	if (r.online) {
		const n = r.findings ?? 0;
		return r.verdict === "down" ? el("span", { class: "bad", text: `✕ ${say(words, "device.core.down")}` })
			: r.verdict === "works" ? el("span", { class: "warn", text: `▲ ${say(words, n === 1 ? "device.core.works.one" : "device.core.works", { n })}` })
				: el("span", { class: "good", text: `✓ ${say(words, r.verdict === "good" ? "device.core.good" : "home.rooms.online")}` });
	}
	const at = Date.parse(r.lastSeen ?? "");
	return el("span", { class: "second", text: Number.isNaN(at) ? say(words, "home.rooms.never") : say(words, "home.rooms.seen", { time: moment(at) }) });
}

/** Names the place of this box. @param {Words} words @param {Event} e */
async function name(words, e) {
	e.preventDefault();
	const a = await ask("PUT", "/box", { school: input("own-school").value.trim(), classroom: input("own-room").value.trim() });
	complain(by("own"), a.ok ? "" : why(words, a));
	if (a.ok) {
		by("school").textContent = input("own-school").value.trim();
		tell(say(words, "home.rooms.own.done"));
		await refresh(words);
	}
}

/** @param {Words} words @param {Event} e */
async function invite(words, e) {
	e.preventDefault();
	const form = by("invite");
	complain(form, "");
	const classroom = input("invite-room").value.trim();
	const a = await ask("POST", "/invitations", { campus: input("invite-campus").value.trim(), ...(classroom === "" ? {} : { classroom }) });
	if (!a.ok) {
		complain(form, why(words, a));
		return;
	}
	/** @type {Invitation} */
	const i = a.data;
	const here = location.hostname === "127.0.0.1" || location.hostname === "localhost";
	const at = here && i.urls?.[0] ? i.urls[0] : location.origin; // the new box cannot reach this one's loopback
	const qr = draw(`${at}/#invite=${i.code}`, say(words, "home.rooms.qr"));
	by("invited").replaceChildren(
		el("p", { class: "title", text: [i.campus, i.classroom].filter(Boolean).join(" ") }),
		el("p", { class: "code", text: i.code ?? "" }),
		el("p", { class: "second", text: say(words, "home.rooms.address", { address: at }) }),
		el("p", { text: say(words, "home.rooms.once") }), ...(qr === null ? [] : [qr]));
	by("invited").hidden = false;
	by("invited").focus();
	input("invite-room").value = "";
	await refresh(words);
}

/** @param {Words} words @param {Invitation} i */
async function withdraw(words, i) {
	const name = [i.campus, i.classroom].filter(Boolean).join(" ");
	if (await sure(say(words, "home.rooms.withdraw.sure", { name }), say(words, "home.rooms.withdraw"))) {
		await ask("DELETE", `/invitations/${i.id}`);
		by("invited").hidden = true;
		await refresh(words);
	}
}
