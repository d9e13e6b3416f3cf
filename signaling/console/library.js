// /library: the recordings of this box; /library#<lesson>: the newest of a lesson; /library#<recording>/this: that one.

import { ask, by, fill } from "./home-dom.js";
import { Desk } from "./library-desk.js";
import { menu, why } from "./library-dialogs.js";
import { disk, home, shelf } from "./library-list.js";
import { language, load, say } from "./text.js";

/** @typedef {import("./text.js").Words} Words */

const again = 10000; // ms between two looks at the shelf

/** @type {Words} */
let words = {};
/** @type {Desk | null} */
let desk = null;
let asked = 0; // counts what was opened: a late answer is of no use

async function main() {
	words = await load();
	fill(words, document);
	for (const e of document.querySelectorAll("[data-hint]")) {
		e.setAttribute("placeholder", say(words, e.getAttribute("data-hint") ?? ""));
	}
	const other = /** @type {HTMLAnchorElement} */ (by("language"));
	other.textContent = say(words, "home.language");
	other.lang = language === "en" ? "zh-CN" : "en";
	const address = () => (other.href = (language === "en" ? "/library?lang=zh" : "/library?lang=en") + location.hash);
	address();
	addEventListener("hashchange", address);
	/** @type {HTMLAnchorElement} */ (by("home")).href = home();
	await trade();
	addEventListener("hashchange", () => void show(""));
	await show("");
	setInterval(() => void (document.hidden || desk !== null || list()), again);
}

/** A token in the address becomes a cookie and leaves the address. */
async function trade() {
	const token = new URLSearchParams(location.hash.slice(1)).get("token");
	if (token === null) {
		return;
	}
	await ask("POST", "/session", { token });
	history.replaceState(null, "", location.pathname + location.search);
}

/** Shows what the address names. @param {string} said what is told on the shelf */
async function show(said) {
	const turn = ++asked;
	const [, id = "", begin = ""] = /^#([a-z0-9-]{1,48})(?:\/(live|start|this))?$/.exec(location.hash) ?? [];
	desk?.close();
	desk = null;
	if (id === "") {
		document.title = say(words, "library.title");
		by("theatre").hidden = true;
		by("shelf").hidden = false;
		by("said").textContent = said;
		await list();
		void disk(words);
		return;
	}
	const answer = await ask("GET", `/recordings/${id}${begin === "" ? "?newest" : ""}`);
	if (turn !== asked) {
		return;
	}
	if (!answer.ok) {
		const text = answer.status === 401 ? say(words, "library.error.sign-in-needed") : why(words, answer);
		history.replaceState(null, "", location.pathname + location.search);
		await show(text);
		return;
	}
	by("shelf").hidden = true;
	by("theatre").hidden = false;
	by("jobs").replaceChildren();
	const one = new Desk(words, answer.data, begin === "live" || begin === "start" ? begin : "");
	desk = one;
	Object.assign(window, { desk }); // for who looks into the page by its console
	const made = () => menu(one, { changed: made, gone, reopen: (text) => void reopen(one, text) });
	made();
	by("name").focus();
}

/** Shows the recording anew where it stood: it is another one now. @param {Desk} old @param {string} text */
async function reopen(old, text) {
	const { at } = old.player;
	await show("");
	desk?.player.jump(at);
	desk?.player.pause();
	desk?.notice(text);
}

/** @param {string} text */
function gone(text) {
	history.replaceState(null, "", location.pathname + location.search);
	void show(text);
}

async function list() {
	const answer = await shelf(words);
	if (!answer.ok) {
		by("said").textContent = answer.status === 401 ? say(words, "library.error.sign-in-needed") : why(words, answer);
	}
}

void main();
