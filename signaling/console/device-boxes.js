// The boxes below this one by their own last word, the worst first, and the rooms that asked for somebody to look. What a box said of
// itself is shown as text and nothing else.

import { change } from "./device-desk.js";
import { clock, day, el, moment, now, tell } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-desk.js").Both} Both */
/** @typedef {{code: string, severity: "warning" | "error", since?: string, text?: Both, hint?: Both}} Told */
/** @typedef {{id: string, since: string, from: "page" | "screen" | "phone", code?: string, text?: Both, state: "open" | "seen", at: string, by?: string}} Call */
/** @typedef {{box: string, name: string, campus: string, classroom?: string, own?: boolean, via?: string, online: boolean, lastSeen?: string, version?: string, verdict?: "good" | "works" | "down", findings: Told[], told?: string, call?: Call}} Box */

/** When it was, today by the clock alone. @param {string | undefined} at */
const when = (at) => {
	const ms = Date.parse(at ?? "");
	return Number.isNaN(ms) ? "" : day(ms) === day(now()) ? clock(ms) : moment(ms);
};

/** As people say: 三河小学 三(2)班. @param {Desk} desk @param {Box} b */
export const roomOf = (desk, b) => (b.own ? desk.device?.room.name || desk.say("core.own") : [b.campus, b.classroom].filter(Boolean).join(" "));

/** How a box is: a mark, a word and a look. @param {Desk} desk @param {Box} b @returns {{look: string, text: string}} */
function state(desk, b) {
	if (b.online) {
		const n = b.findings.length;
		switch (b.verdict) {
			case "down":
				return { look: "bad", text: `✕ ${desk.say("core.down")}` };
			case "works":
				return { look: "warn", text: `▲ ${desk.say(n === 1 ? "core.works.one" : "core.works", { n })}` };
			case "good":
				return { look: "good", text: `✓ ${desk.say("core.good")}` };
		}
		return { look: "good", text: `✓ ${desk.say("core.online")}` };
	}
	const at = Date.parse(b.lastSeen ?? "");
	if (Number.isNaN(at) || at <= 0) {
		return { look: "second", text: `– ${desk.say("core.never")}` };
	}
	const away = (now() - at) / 1000;
	const text = desk.say("core.away", { span: desk.span(away) });
	return away < 86400 ? { look: "second", text: `– ${text}` } : { look: "warn", text: `▲ ${text}` };
}

/** One thing that is wrong with a box; a code that this box does not know stands for itself. @param {Desk} desk @param {Told} f */
const wrong = (desk, f) => el("li", {}, `${f.severity === "error" ? "✕" : "▲"} ${[desk.pick(f.text) || f.code, f.since ? desk.say("since", { time: when(f.since) }) : ""].filter(Boolean).join(" · ")}`);

/**
 * The rooms that wait for somebody, and those that somebody looks after.
 * @param {Desk} desk @param {Element} place @param {Box[]} boxes @param {() => Promise<void>} again
 */
export function calls(desk, place, boxes, again) {
	const all = boxes.filter((b) => b.call);
	change(place, [all.map((b) => [b.box, b.campus, b.classroom, b.call]), day(now())], () => all.map((b) => {
		const c = /** @type {Call} */ (b.call);
		const name = roomOf(desk, b);
		const say = (/** @type {"seen" | "done"} */ said) => async () => {
			const a = await desk.ask("POST", `/boxes/${encodeURIComponent(b.box)}/call`, { call: c.id, state: said });
			tell(a.ok ? desk.say(`call.said.${said}`, { name }) : desk.why(a));
			await again();
		};
		const key = (/** @type {"seen" | "done"} */ said, /** @type {string} */ look) => el("button", { class: look, text: desk.say(`call.${said}`), "data-key": `${said}-${b.box}`, "aria-label": desk.say(`call.${said}.of`, { name }), click: () => void say(said)() });
		const about = [desk.say(`call.from.${c.from}`), desk.pick(c.text) || c.code, c.state === "seen" ? desk.say("call.known", { time: when(c.at), who: c.by ?? "" }) : ""].filter(Boolean).join(" · ");
		return el("div", { class: `card called ${c.state}`, role: "group", "aria-label": name },
			el("p", { class: "title", text: `${c.state === "open" ? "▲" : "·"} ${desk.say("call.please", { name, time: when(c.since) })}` }), el("p", { class: "second", text: about }),
			el("p", { class: "keys" }, ...(c.state === "open" ? [key("seen", "primary")] : []), key("done", "plain")));
	}));
}

/**
 * The list of boxes, as the box has put them in order.
 * @param {Desk} desk @param {Element} place @param {Box[]} boxes @param {string} fault
 * @param {(b: Box) => void} remove
 */
export function list(desk, place, boxes, fault, remove) {
	const minute = Math.floor(now() / 60000); // how long a box is away goes on
	change(place, [boxes, fault, desk.admin, minute], () => [
		...(fault ? [el("p", { class: "error", text: fault })] : []),
		...(boxes.length <= 1 && !fault ? [el("p", { class: "second", text: desk.say("core.none") })] : []),
		el("ul", { class: "rows boxes" }, ...boxes.map((b) => row(desk, b, boxes, remove)))]);
}

/** @param {Desk} desk @param {Box} b @param {Box[]} all @param {(b: Box) => void} remove */
function row(desk, b, all, remove) {
	const s = state(desk, b);
	const via = all.find((x) => x.box === b.via);
	const about = [b.name, b.version, via ? desk.say("core.via", { name: via.name }) : "", !b.online && b.told && b.findings.length > 0 ? desk.say("core.told", { time: when(b.told) }) : ""].filter(Boolean).join(" · ");
	return el("li", {},
		el("p", { class: "what" }, el("span", { class: "title", text: roomOf(desk, b) }), el("span", { class: "second", text: about })),
		el("span", { class: s.look, text: s.text }),
		...(desk.admin && !b.online && !b.own && !b.via ? [el("button", { class: "plain", text: desk.say("core.remove"), "data-key": `remove-${b.box}`, "aria-label": desk.say("core.remove.of", { name: b.name }), click: () => remove(b) })] : []),
		...(b.findings.length > 0 ? [el("ul", { class: "wrong" }, ...b.findings.map((f) => wrong(desk, f)))] : []));
}
