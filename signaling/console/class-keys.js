// What a classroom can do at its wall screen by touch, keys, remote or clicker. Everything else does nothing.

export const heldFor = 2000; // ms that a key or a finger must stay
const handPause = 1500; // ms between a hand up and the same hand down
const pointerFor = 3000; // ms that the pointer stays visible

/**
 * @typedef {object} Acts
 * @property {() => void} hand
 * @property {() => void} cover
 * @property {() => void} info
 * @property {(step: number) => void} volume
 * @property {(e: KeyboardEvent) => boolean} type whether the key went into the code of an invitation
 * @property {() => void} any a gesture of any kind
 * @property {(part: number | null) => void} ring how much of a hold is done; null: none
 */

const handKeys = new Set(["Enter", " ", "h", "H", "PageDown", "Select", "Accept"]);
const coverKeys = new Set(["c", "C"]);
const infoKeys = new Set(["i", "I", "F1", "Info", "Help", "ContextMenu"]); // the last is what a remote's key MENU is
const upKey = "ArrowUp"; // which every remote has
/** @type {Record<string, number>} */
const volumeKeys = { "-": -10, _: -10, "+": 10, "=": 10, AudioVolumeDown: -10, AudioVolumeUp: 10, VolumeDown: -10, VolumeUp: 10 };

/** @param {Acts} acts */
export function listen(acts) {
	let lastHand = -Infinity;
	let moved = 0;
	/** @type {{act: () => void, since: number, what: string} | null} */
	let hold = null;

	const hand = () => {
		const now = performance.now();
		if (now - lastHand >= handPause) {
			lastHand = now;
			acts.hand();
		}
	};
	/** @param {string} what @param {() => void} act */
	const begin = (what, act) => {
		if (hold?.what !== what) {
			hold = { act, since: performance.now(), what };
			acts.ring(0);
			requestAnimationFrame(fill);
		}
	};
	const end = () => {
		hold = null;
		acts.ring(null);
	};
	const fill = () => {
		if (hold === null) {
			return;
		}
		const part = (performance.now() - hold.since) / heldFor;
		if (part >= 1) {
			const done = hold;
			hold = { ...done, act: () => {}, since: Infinity }; // once a press
			acts.ring(null);
			done.act();
			return;
		}
		acts.ring(matchMedia("(prefers-reduced-motion: reduce)").matches ? Math.floor(part * 4) / 4 : part);
		requestAnimationFrame(fill);
	};

	addEventListener("keydown", (e) => {
		acts.any();
		if (acts.type(e)) {
			return;
		}
		e.preventDefault();
		if (e.ctrlKey || e.altKey || e.metaKey) {
			return;
		}
		if (e.key in volumeKeys) {
			acts.volume(volumeKeys[e.key]);
		} else if (e.repeat) {
			return;
		} else if (handKeys.has(e.key)) {
			hand();
		} else if (coverKeys.has(e.key)) {
			begin("c", acts.cover);
		} else if (infoKeys.has(e.key)) {
			acts.info();
		} else if (e.key === upKey) {
			begin("up", acts.info);
		}
	});
	addEventListener("keyup", (e) => {
		if ((coverKeys.has(e.key) && hold?.what === "c") || (e.key === upKey && hold?.what === "up")) {
			end();
		}
	});
	addEventListener("pointerdown", (e) => {
		acts.any();
		const at = e.target instanceof Element ? e.target : null;
		if (e.button !== 0 || at === null) {
			return;
		}
		if (at.closest("#own")) {
			begin("touch", acts.cover);
		} else if (at.closest("#clock, #bigclock")) {
			begin("touch", acts.info);
		}
	});
	for (const type of ["pointerup", "pointercancel", "blur"]) {
		addEventListener(type, () => hold !== null && end());
	}
	document.getElementById("hand")?.addEventListener("click", (e) => {
		if (e.detail > 0) {
			hand(); // by touch or mouse; keys have been seen already
		}
	});
	for (const type of ["contextmenu", "dragstart", "dragover", "drop", "selectstart", "wheel", "touchmove", "gesturestart", "auxclick", "beforeprint"]) {
		addEventListener(type, (e) => e.preventDefault(), { passive: false });
	}
	for (const type of /** @type {const} */ (["mousedown", "mouseup"])) {
		addEventListener(type, (e) => e.button >= 3 && e.preventDefault()); // the side buttons of a mouse lead to another page
	}
	addEventListener("pointermove", () => {
		moved = performance.now();
		document.body.classList.remove("still");
	});
	setInterval(() => document.body.classList.toggle("still", performance.now() - moved > pointerFor), 1000);
}
