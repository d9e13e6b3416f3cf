// Keys and touches of the player.

import { by, dialog, el } from "./home-dom.js";
import { say } from "./text.js";

/** @typedef {import("./library-desk.js").Desk} Desk */

const order = ["side", "board", "teacher", "only"];

/** What the keys do; a name of several is the same. @type {[string[], string, (d: Desk) => void][]} */
const table = [
	[[" ", "k"], "play", (d) => d.toggle()],
	[["ArrowLeft"], "back5", (d) => d.by(-5)],
	[["ArrowRight"], "on5", (d) => d.by(5)],
	[["j"], "back15", (d) => d.by(-15)],
	[["l"], "on15", (d) => d.by(15)],
	[["ArrowUp"], "louder", (d) => d.louder(0.1)],
	[["ArrowDown"], "quieter", (d) => d.louder(-0.1)],
	[["<"], "slower", (d) => d.faster(-1)],
	[[">"], "faster", (d) => d.faster(1)],
	[["1"], "layout1", (d) => d.lay(order[0])],
	[["2"], "layout2", (d) => d.lay(order[1])],
	[["3"], "layout3", (d) => d.lay(order[2])],
	[["4"], "layout4", (d) => d.lay(order[3])],
	[["n"], "next", (d) => d.chapter(1)],
	[["p"], "previous", (d) => d.chapter(-1)],
	[["f"], "full", (d) => d.full()],
	[["0"], "start", (d) => d.player.jump(0)],
	[["?"], "help", (d) => help(d)],
];

/** How a key is written. @type {Record<string, string>} */
const shown = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

/** @param {Desk} d */
export function help(d) {
	by("help-rows").replaceChildren(...table.map(([names, what]) => el("tr", {},
		el("th", { scope: "row", text: names.map((n) => shown[n] ?? n.toUpperCase()).join(" / ") }), el("td", { text: say(d.words, `library.key.${what}`) }))),
	el("tr", {}, el("th", { scope: "row", text: say(d.words, "library.touch") }), el("td", { text: say(d.words, "library.key.touch") })));
	dialog("help").showModal();
}

/**
 * Listens until signal.
 * @param {Desk} d
 * @param {AbortSignal} signal
 */
export function keys(d, signal) {
	document.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]") !== null) {
			return;
		}
		const target = e.target instanceof HTMLElement ? e.target : document.body;
		const own = target.id === "volume" ? ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"] : target.tagName === "SELECT" ? null : target.closest("button, a") && target.id !== "play" ? [" ", "Enter"] : [];
		if (own === null || own.includes(e.key) || !by("menu").hidden) {
			return; // the control that has the focus needs it
		}
		const name = e.key.length === 1 ? e.key.toLowerCase() : e.key;
		const line = table.find(([names]) => names.includes(name));
		if (line !== undefined) {
			e.preventDefault();
			line[2](d);
		}
	}, { signal });
	touch(d, signal);
}

const twice = 300; // ms between two touches that belong together

/** @param {Desk} d @param {AbortSignal} signal */
function touch(d, signal) {
	let last = 0;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let one;
	for (const id of ["board", "teacher"]) {
		by(id).addEventListener("pointerup", (e) => {
			const side = e.clientX < innerWidth / 2 ? -1 : 1;
			clearTimeout(one);
			if (e.timeStamp - last < twice) {
				last = 0;
				if (e.pointerType === "mouse") {
					d.full();
				} else {
					d.by(15 * side);
				}
				return;
			}
			last = e.timeStamp;
			one = setTimeout(() => d.toggle(), twice);
		}, { signal });
	}
	signal.addEventListener("abort", () => clearTimeout(one));
}
