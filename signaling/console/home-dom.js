// What the parts of the front door share: elements, requests to the box, a question before what cannot be undone.

import { carried, say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */

/**
 * @typedef {object} Answer
 * @property {boolean} ok
 * @property {number} status 0: the box did not answer
 * @property {any} data
 * @property {string} code of the error
 * @property {number} left tries that remain; −1 if nothing was said of it
 * @property {number} wait seconds, if one has to
 */

/** Box's clock minus this computer's, ms. */
let offset = 0;

/** The box's clock. */
export const now = () => Date.now() + offset;

/**
 * Asks the box.
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {unknown} [body]
 * @returns {Promise<Answer>}
 */
export async function ask(method, path, body) {
	try {
		const answer = await fetch(`/api/v1${path}`, {
			method,
			headers: body === undefined ? {} : { "Content-Type": "application/json" },
			body: body === undefined ? null : JSON.stringify(body),
			signal: AbortSignal.timeout(20000),
		});
		const date = Date.parse(answer.headers.get("Date") ?? "");
		offset = Number.isNaN(date) || Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now(); // the header has whole seconds
		const text = await answer.text();
		const data = text === "" ? null : JSON.parse(text);
		return {
			ok: answer.ok, status: answer.status, data, code: answer.ok ? "" : String(data?.code ?? ""),
			left: Number(data?.left ?? -1), wait: Number(answer.headers.get("Retry-After") ?? 0),
		};
	} catch {
		return { ok: false, status: 0, data: null, code: "unreachable", left: -1, wait: 0 };
	}
}

/**
 * The words for a refusal.
 * @param {Words} words
 * @param {Answer} a
 */
export function why(words, a) {
	if (a.code === "too-many-tries" || (a.code === "password-wrong" && a.left === 0)) {
		return say(words, "home.error.wait", { minutes: Math.max(1, Math.ceil(a.wait / 60)) });
	}
	const key = `home.error.${a.code}`;
	return say(words, words[key] === undefined ? "home.error.internal" : key, { left: a.left });
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function by(id) {
	const e = document.getElementById(id);
	if (e === null) {
		throw new Error(`no #${id}`);
	}
	return e;
}

/** @param {string} id */
export const input = (id) => /** @type {HTMLInputElement} */ (by(id));
/** @param {string} id */
export const dialog = (id) => /** @type {HTMLDialogElement} */ (by(id));

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean | ((e: Event) => void)>} [fields] attributes, text, or on… as "click"
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, fields = {}, ...children) {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(fields)) {
		if (typeof v === "function") {
			e.addEventListener(k, v);
		} else if (k === "text") {
			e.textContent = String(v);
		} else if (v === true) {
			e.setAttribute(k, "");
		} else if (v !== false) {
			e.setAttribute(k, v);
		}
	}
	e.append(...children);
	return e;
}

/**
 * Puts the words into what the page names by data-text and data-label.
 * @param {Words} words
 * @param {ParentNode} root
 */
export function fill(words, root) {
	for (const e of root.querySelectorAll("[data-text]")) {
		e.textContent = say(words, e.getAttribute("data-text") ?? "");
	}
	for (const e of root.querySelectorAll("[data-label]")) {
		e.setAttribute("aria-label", say(words, e.getAttribute("data-label") ?? ""));
	}
}

/**
 * Shows or hides what a form has to complain about.
 * @param {HTMLElement} form
 * @param {string} text "" for nothing
 */
export function complain(form, text) {
	const e = form.querySelector(".error");
	if (e instanceof HTMLElement) {
		e.textContent = text;
		e.hidden = text === "";
	}
}

/**
 * Asks once before what others will feel; Esc and the first button mean no.
 * @param {string} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function sure(text, yes) {
	const box = dialog("sure");
	by("sure-text").textContent = text;
	by("sure-yes").textContent = yes;
	return new Promise((resolve) => {
		const end = (/** @type {boolean} */ answer) => () => {
			box.close();
			resolve(answer);
		};
		by("sure-yes").onclick = end(true);
		by("sure-no").onclick = end(false);
		box.oncancel = () => resolve(false);
		box.showModal();
	});
}

/** One sentence that a screen reader tells. @param {string} text */
export function tell(text) {
	by("said").textContent = text;
}

const zone = 8 * 3600 * 1000; // Asia/Shanghai has no summer time

/** The day of a moment, as a number. @param {number} ms */
export const day = (ms) => Math.floor((ms + zone) / 86400000);

/** 8:40 @param {number} ms */
export function clock(ms) {
	const d = new Date(ms + zone);
	return `${d.getUTCHours()}:${String(d.getUTCMinutes()).padStart(2, "0")}`;
}

/** A day and time that was: 11-21 8:40, today only the time. @param {number} ms */
export function moment(ms) {
	const d = new Date(ms + zone);
	return day(ms) === day(now()) ? clock(ms) : `${d.getUTCMonth() + 1}-${d.getUTCDate()} ${clock(ms)}`;
}

/** The address of another page in the same language. @param {string} path */
export const link = (path) => path + carried;
