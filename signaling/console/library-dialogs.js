// What one can do with a recording besides watching it: take a file along, keep it, delete it.

import { ask, by, clock, complain, dialog, el, now, sure } from "./home-dom.js";
import { erase } from "./library-erase.js";
import { help } from "./library-keys.js";
import { sized } from "./library-time.js";
import { say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */
/** @typedef {import("./library-desk.js").Desk} Desk */
/** @typedef {import("./library-time.js").Detail} Detail */

const look = 700; // ms between two looks at a file that is being made

/** The words for a refusal. @param {Words} words @param {import("./home-dom.js").Answer} a */
export function why(words, a) {
	const key = `library.error.${a.code}`;
	return say(words, words[key] === undefined ? "library.error.internal" : key);
}

/**
 * The menu behind ⋯.
 * @param {Desk} d
 * @param {{changed: () => void, gone: (text: string) => void, reopen: (text: string) => void}} then
 */
export function menu(d, then) {
	const { words, detail } = d;
	const box = by("menu");
	const key = by("other");
	const open = (/** @type {boolean} */ on) => {
		box.hidden = !on;
		key.setAttribute("aria-expanded", String(on));
		(on ? /** @type {HTMLElement} */ (box.firstElementChild) : key).focus();
	};
	const item = (/** @type {string} */ text, /** @type {() => void} */ f, danger = false) => el("button", { type: "button", role: "menuitem", class: danger ? "danger" : "plain", text, click: () => {
		open(false);
		f();
	} });
	const items = [item(say(words, "library.download"), () => download(d))];
	if (detail.may.protect && !detail.live) {
		items.push(item(say(words, detail.protected ? "library.unprotect" : "library.protect"), () => void protect(d, then.changed)));
	}
	items.push(item(say(words, "library.help"), () => help(d)));
	if (detail.may.delete && !detail.live) {
		if (!detail.fault) {
			items.push(item(say(words, "library.erase"), () => erase(d, then.reopen, why), true));
		}
		items.push(item(say(words, "library.delete"), () => void remove(d, then.gone), true));
	}
	box.replaceChildren(...items);
	box.hidden = true;
	key.onclick = () => open(box.hidden);
	box.onkeydown = (e) => {
		const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
		if (e.key === "Escape") {
			open(false);
		} else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
			e.preventDefault();
			items[(at + (e.key === "ArrowDown" ? 1 : items.length - 1)) % items.length].focus();
		}
	};
	document.addEventListener("pointerdown", (e) => {
		if (!box.hidden && e.target instanceof Node && !box.contains(e.target) && !key.contains(e.target)) {
			box.hidden = true;
			key.setAttribute("aria-expanded", "false");
		}
	}, { signal: d.end.signal });
}

/** @param {Desk} d @param {() => void} changed */
async function protect(d, changed) {
	const on = d.detail.protected !== true;
	const a = await ask("PATCH", `/recordings/${d.detail.id}`, { protected: on });
	if (!a.ok) {
		d.notice(why(d.words, a));
		return;
	}
	d.detail.protected = on;
	d.notice(say(d.words, on ? "library.protected.done" : "library.unprotected.done"));
	changed();
}

/** @param {Desk} d @param {(text: string) => void} gone */
async function remove(d, gone) {
	if (d.detail.protected) {
		d.notice(say(d.words, "library.error.recording-protected"));
		return;
	}
	if (!(await sure(say(d.words, "library.delete.sure"), say(d.words, "library.delete.yes")))) {
		return;
	}
	const a = await ask("DELETE", `/recordings/${d.detail.id}`);
	if (!a.ok) {
		d.notice(why(d.words, a));
		return;
	}
	gone(say(d.words, "library.delete.done", { time: clock(Date.parse(a.data.at) || now()), keys: a.data.keys, files: a.data.files, size: sized(a.data.bytes) }));
}

/** What can be chosen to take along: files, each of streams. @param {Detail} detail */
function options(detail) {
	const has = (/** @type {string} */ name) => detail.streams.some((s) => s.name === name && s.atMs.length > 0);
	const voice = has("voice") ? ["voice"] : [];
	const size = (/** @type {string[]} */ names) => detail.streams.filter((s) => names.includes(s.name)).reduce((n, s) => n + s.bytes, 0);
	const format = detail.streams.some((s) => s.kind === "video" && s.mime.includes("avc")) ? "mp4" : "webm";
	const board = { format, streams: ["board", ...voice] };
	const teacher = { format, streams: ["teacher", ...voice] };
	const list = [];
	if (has("board")) {
		list.push(has("teacher") ? { key: "both", files: [board, teacher] } : { key: "board", files: [board] });
	}
	if (has("teacher")) {
		list.push({ key: "teacher", files: [teacher] });
	}
	if (voice.length > 0) {
		list.push({ key: "sound", files: [{ format: "sound", streams: voice }] });
	}
	return list.map((o) => ({ ...o, bytes: o.files.reduce((n, f) => n + size(f.streams), 0) }));
}

/** @param {Desk} d */
function download(d) {
	const { words, detail } = d;
	const box = dialog("download");
	const form = /** @type {HTMLElement} */ (box.querySelector("form"));
	complain(form, detail.live ? say(words, "library.error.recording-live") : detail.may.download ? "" : say(words, "library.error.download-forbidden"));
	const list = options(detail);
	const may = detail.may.download === true && !detail.live && list.length > 0;
	by("download-do").hidden = by("choices").hidden = /** @type {HTMLElement} */ (form.querySelector(".warn")).hidden = !may;
	by("choices").replaceChildren(...list.map((o, i) => el("label", { class: "chip" }, el("input", { type: "radio", name: "what", value: String(i), checked: i === 0 }),
		el("span", { text: say(words, `library.download.${o.key}`) }), el("span", { class: "second", text: say(words, "library.size", { size: sized(o.bytes) }) }))));
	by("download-do").onclick = () => {
		const at = Number(/** @type {HTMLInputElement | null} */ (by("choices").querySelector("input:checked"))?.value ?? 0);
		for (const file of list[at].files) {
			void make(d, file);
		}
	};
	box.showModal();
}

/** Has one file made, shows how far it is, and fetches it. @param {Desk} d @param {{format: string, streams: string[]}} file */
async function make(d, file) {
	const { words } = d;
	const path = `/recordings/${d.detail.id}/export`;
	const text = el("span", {});
	const stop = el("button", { type: "button", class: "plain", text: say(words, "library.download.cancel") });
	const line = el("li", {}, text, stop);
	by("jobs").append(line);
	const say1 = (/** @type {string} */ s) => {
		text.textContent = s;
	};
	say1(say(words, "library.download.waiting"));
	let answer = await ask("POST", path, file);
	let cancelled = false;
	stop.onclick = () => {
		cancelled = true;
		line.remove();
		void ask("DELETE", `${path}/${answer.data?.job}`);
	};
	while (answer.ok && !cancelled && ["waiting", "running"].includes(answer.data.state)) {
		const percent = Math.round(answer.data.done * 100);
		const seconds = Math.ceil(answer.data.leftMs / 1000);
		say1(answer.data.state === "waiting" ? say(words, "library.download.waiting")
			: say(words, seconds > 0 ? "library.download.running" : "library.download.running.first", { percent, seconds }));
		await new Promise((r) => setTimeout(r, look));
		answer = await ask("GET", `${path}/${answer.data.job}`);
	}
	if (cancelled) {
		return;
	}
	stop.remove();
	if (!answer.ok || answer.data.state !== "done") {
		say1(answer.ok ? say(words, "library.error.export-failed") : why(words, answer));
		return;
	}
	const link = el("a", { class: "go", href: `/api/v1${path}/${answer.data.job}/file`, download: answer.data.name, text: say(words, "library.download.save") });
	say1(`${answer.data.name} · ${sized(answer.data.bytes)}`);
	line.append(link);
	link.click();
}
