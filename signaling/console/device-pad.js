// A wall screen with only a remote control: arrows walk, OK presses, and a field gets keys of its own to be filled with.

import { dialog, el } from "./home-dom.js";
import { next } from "./walk.js";

/** @typedef {import("./device-desk.js").Desk} Desk */

/** What can be typed, by the kind of the field. @type {Record<string, string>} */
const sets = {
	address: "1234567890.:-/abcdefghijklmnopqrstuvwxyz",
	code: "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
	ip: "1234567890./ ",
};

/** @param {Desk} desk */
export function remote(desk) {
	/** @type {HTMLInputElement | null} */
	let field = null;
	const pad = el("div", { id: "pad", role: "group", "aria-label": desk.say("pad"), hidden: true });
	const type = (/** @type {(text: string) => string} */ how) => {
		if (field !== null) {
			field.value = how(field.value);
			field.dispatchEvent(new Event("input", { bubbles: true }));
		}
	};
	const show = (/** @type {HTMLInputElement} */ to) => {
		const kind = to.dataset.pad ?? "";
		const letters = kind.startsWith("letters:") ? kind.slice(8) : sets[kind];
		if (letters === undefined) {
			return;
		}
		if (field === to && !pad.hidden) {
			return;
		}
		field = to;
		pad.replaceChildren(...[...letters].map((c) => el("button", { type: "button", text: c === " " ? "␣" : c, click: () => type((v) => v + c) })),
			el("button", { type: "button", class: "wide", text: desk.say("pad.delete"), click: () => type((v) => [...v].slice(0, -1).join("")) }));
		pad.hidden = false;
		to.after(pad);
	};
	addEventListener("keydown", (e) => {
		if (e.key.length === 1 && e.key !== " " && document.activeElement instanceof HTMLInputElement) {
			desk.remote = false; // there are keys
			pad.hidden = true;
		}
		if (!e.key.startsWith("Arrow") || e.ctrlKey || e.altKey || e.metaKey) {
			return;
		}
		desk.remote = true;
		const active = document.activeElement;
		const sideways = e.key === "ArrowLeft" || e.key === "ArrowRight";
		if (sideways && active instanceof HTMLInputElement && active.value !== "" && pad.hidden) {
			return; // inside a text
		}
		e.preventDefault();
		const box = [dialog("box"), dialog("sure")].find((d) => d.open);
		const to = next(box ?? document, e.key);
		to?.focus();
		to?.scrollIntoView({ block: "nearest" });
	});
	addEventListener("focusin", (e) => {
		const to = e.target;
		if (to instanceof HTMLInputElement && desk.remote) {
			show(to);
		} else if (to instanceof Element && !pad.contains(to) && (field === null || !field.isConnected || !field.form?.contains(to))) {
			pad.hidden = true;
			field = null;
		}
	});
	addEventListener("pointerdown", (e) => {
		if (e.pointerType === "touch") {
			desk.remote = false; // a telephone has keys
		}
	});
}
