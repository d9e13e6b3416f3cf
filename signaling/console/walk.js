// Walking over a page by arrow keys, so that a remote control is enough.

/**
 * What lies nearest in the direction of an arrow key.
 * @param {HTMLElement[]} all what can be walked to
 * @param {Element | null} from the present one; any other counts as the first
 * @param {string} key
 * @returns {HTMLElement | null} null where nothing lies in that direction
 */
export function nearest(all, from, key) {
	const start = all.find((e) => e === from) ?? all[0];
	if (start === undefined) {
		return null;
	}
	const r = start.getBoundingClientRect();
	const x = r.left + r.width / 2;
	const y = r.top + r.height / 2;
	/** @type {HTMLElement | null} */
	let best = null;
	let least = Infinity;
	for (const e of all) {
		const at = e.getBoundingClientRect();
		const dx = at.left + at.width / 2 - x;
		const dy = at.top + at.height / 2 - y;
		const [along, aside] = { ArrowRight: [dx, dy], ArrowLeft: [-dx, dy], ArrowDown: [dy, dx], ArrowUp: [-dy, dx] }[key] ?? [0, 0];
		const far = along + 3 * Math.abs(aside);
		if (along > 4 && far < least) {
			least = far;
			best = e;
		}
	}
	return best;
}

const reachable = "button, a[href], input, summary, select";

/**
 * The next control of a page of rows: on the same row for left and right; for up and down the nearest row, wherever on it.
 * @param {ParentNode} root
 * @param {string} key
 * @returns {HTMLElement | null}
 */
export function next(root, key) {
	const all = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(reachable)]).filter((e) => e.checkVisibility() && !e.matches(":disabled"));
	const from = document.activeElement;
	if (from === null || !all.some((e) => e === from)) {
		return all[0] ?? null;
	}
	const a = from.getBoundingClientRect();
	if (key === "ArrowLeft" || key === "ArrowRight") {
		const row = all.filter((e) => {
			const b = e.getBoundingClientRect();
			return Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > Math.min(a.height, b.height) / 3;
		});
		return nearest(row, from, key) ?? all[all.findIndex((e) => e === from) + (key === "ArrowRight" ? 1 : -1)] ?? null;
	}
	const down = key === "ArrowDown";
	/** @type {HTMLElement | null} */
	let best = null;
	let least = Infinity;
	for (const e of all) {
		const b = e.getBoundingClientRect();
		const along = down ? b.top - a.bottom : a.top - b.bottom;
		const aside = Math.max(0, b.left - a.right, a.left - b.right) + Math.abs(b.left + b.width / 2 - a.left - a.width / 2) / 100;
		if (along > -4 && along + aside / 2 < least) {
			least = along + aside / 2;
			best = e;
		}
	}
	return best;
}
