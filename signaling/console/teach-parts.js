// Small things that the parts of the teacher's page share: shapes, times in words, a menu, a question.

import { by, dialog, el } from "./home-dom.js";
import { icon } from "./icons.js";
import { language, say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */

const drawn = new Map([["hand", "hand"], ["mic", "microphone"], ["silent", "silent"], ["camera", "camera"], ["covered", "covered"]]); // marks that no font is asked for

/** A mark before a word. @param {string} mark */
export function markOf(mark) {
	const shape = drawn.get(mark);
	const e = el("span", { class: "mark", "aria-hidden": "true", text: shape ? "" : mark });
	if (shape) {
		e.append(icon(shape));
	}
	return e;
}

/** "12|seconds" in words. @param {Words} words @param {string} lasting */
export function span(words, lasting) {
	const [n, unit] = lasting.split("|");
	return unit === undefined ? lasting : say(words, `teach.for.${unit}`, { n });
}

/**
 * Of a double press the second one counts for nothing: by then another button may stand there, and who presses twice means it once.
 * @param {Document} where
 */
export function pressOnce(where) {
	where.addEventListener("click", (e) => {
		if (e.detail > 1) {
			e.preventDefault();
			e.stopImmediatePropagation();
		}
	}, true);
}

/** The same page in the other language. */
export function languageLinks() {
	for (const a of document.querySelectorAll("a.language")) {
		const other = new URL(location.href);
		other.searchParams.set("lang", language === "en" ? "zh" : "en");
		a.setAttribute("href", other.pathname + other.search);
	}
}

const narrow = 16; // Latin letters of a name that have a place in the narrowest row; a CJK sign is as wide as two

/** Whether a campus's name is so long that it must be set smaller. @param {string} name */
export function long(name) {
	return [...name].reduce((sum, c) => sum + (c > "\u2e80" ? 2 : 1), 0) > narrow;
}

/** Writes only what is new, so that a screen reader is not told twice. @param {Element} e @param {string} text */
export function write(e, text) {
	if (e.textContent !== text) {
		e.textContent = text;
	}
}

/**
 * Replaces children only when what they show is another; key says what they show.
 * @param {HTMLElement} e
 * @param {string} key
 * @param {() => (Node | string)[]} make
 */
export function refill(e, key, make) {
	if (e.dataset.shows !== key) {
		e.dataset.shows = key;
		e.replaceChildren(...make());
	}
}

/**
 * A button that leaves the keys to the page after a press by hand; one pressed by keyboard keeps the focus.
 * @param {Record<string, string | boolean>} fields
 * @param {(e: MouseEvent) => void} act
 * @param {...(Node | string)} children
 */
export function button(fields, act, ...children) {
	const b = el("button", { type: "button", ...fields }, ...children);
	b.addEventListener("click", (e) => {
		if (e.detail > 0) {
			b.blur();
		}
		act(e);
	});
	return b;
}

/** @typedef {{text: string, act: () => void, checked?: boolean, radio?: boolean, danger?: boolean, note?: string}} Item */

/** @type {(() => void) | null} */
let closeOpen = null;

/** Whether a menu or a dialog is open: the page's keys rest. */
export function busy() {
	return closeOpen !== null || document.querySelector("dialog[open]") !== null;
}

/** Closes an open menu; false if there was none. */
export function closeMenu() {
	const open = closeOpen !== null;
	closeOpen?.();
	return open;
}

/**
 * Opens a menu at a button. Arrows move, Esc and a press elsewhere close it.
 * @param {HTMLElement} at
 * @param {string} label
 * @param {Item[]} items
 */
export function menu(at, label, items) {
	if (at.getAttribute("aria-expanded") === "true") {
		closeOpen?.();
		return;
	}
	closeOpen?.();
	const list = el("div", { class: "menu", role: "menu", "aria-label": label });
	for (const item of items) {
		const role = item.checked === undefined ? "menuitem" : item.radio ? "menuitemradio" : "menuitemcheckbox";
		const b = el("button", { type: "button", role, class: item.danger ? "danger" : "" }, el("span", { class: "tick", "aria-hidden": "true", text: item.checked ? "✓" : "" }), el("span", {}, item.text));
		if (item.note) {
			b.append(el("small", { text: item.note }));
		}
		if (item.checked !== undefined) {
			b.setAttribute("aria-checked", String(item.checked));
		}
		b.addEventListener("click", () => {
			close();
			item.act();
		});
		list.append(b);
	}
	const away = (/** @type {Event} */ e) => {
		if (e.target instanceof Node && !list.contains(e.target) && !at.contains(e.target)) {
			close();
		}
	};
	const close = () => {
		closeOpen = null;
		document.removeEventListener("pointerdown", away, true);
		at.setAttribute("aria-expanded", "false");
		const inside = list.contains(document.activeElement);
		list.remove();
		if (inside) {
			at.focus({ preventScroll: true });
			if (!at.matches(":focus-visible")) {
				at.blur();
			}
		}
	};
	closeOpen = close;
	at.setAttribute("aria-expanded", "true");
	document.body.append(list);
	place(list, at);
	document.addEventListener("pointerdown", away, true);
	list.addEventListener("keydown", (e) => walk(e, list, close));
	/** @type {HTMLElement | null} */ (list.querySelector("button"))?.focus();
}

/** Beside its button and inside the window. @param {HTMLElement} list @param {HTMLElement} at */
function place(list, at) {
	const a = at.getBoundingClientRect();
	const l = list.getBoundingClientRect();
	const below = a.bottom + l.height + 8 < innerHeight;
	list.style.left = `${Math.max(8, Math.min(a.left, innerWidth - l.width - 8))}px`;
	list.style.top = `${Math.max(8, below ? a.bottom + 4 : a.top - l.height - 4)}px`;
}

/** @param {KeyboardEvent} e @param {HTMLElement} list @param {() => void} close */
function walk(e, list, close) {
	const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("button")]);
	const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
	if (e.key === "Escape" || e.key === "Tab") {
		close();
	} else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
		all[(at + (e.key === "ArrowDown" ? 1 : all.length - 1)) % all.length].focus();
	} else {
		return;
	}
	e.preventDefault();
	e.stopPropagation();
}

/**
 * Asks once before what others will feel. Esc and Enter mean no: the focus stands on it.
 * @param {string} text
 * @param {string} yes
 * @param {string} no
 * @returns {Promise<boolean>}
 */
export function sure(text, yes, no) {
	const box = dialog("sure");
	by("sure-text").textContent = text;
	by("sure-yes").textContent = yes;
	by("sure-no").textContent = no;
	return new Promise((resolve) => {
		let answer = false;
		by("sure-yes").onclick = () => {
			answer = true;
			box.close();
		};
		by("sure-no").onclick = () => box.close();
		box.onclose = () => resolve(answer);
		if (!box.open) {
			box.showModal();
		}
		by("sure-no").focus();
	});
}
