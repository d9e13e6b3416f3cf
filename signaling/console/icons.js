// The few drawings of the pages, as SVG elements: a policy that forbids inline markup forbids no elements.

/** @type {Record<string, string[]>} on a square of 24 */
const paths = {
	hand: ["M9 21c-2 0-3.5-1-4.6-2.8L2.2 14.4c-.5-1 .8-2 1.7-1.2L6 15V5.5a1.3 1.3 0 0 1 2.6 0V11h.6V3.5a1.3 1.3 0 0 1 2.6 0V11h.6V4.3a1.3 1.3 0 0 1 2.6 0V11.5h.6V6.7a1.3 1.3 0 0 1 2.6 0V15c0 3.6-2.4 6-6 6z"],
	camera: ["M3 7h11v10H3z", "M14 11l7-4v10l-7-4"],
	covered: ["M3 7h11v10H3z", "M14 11l7-4v10l-7-4", "M2 21L21 3"],
	microphone: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z", "M6 11a6 6 0 0 0 12 0", "M12 17v4"],
	silent: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z", "M6 11a6 6 0 0 0 12 0", "M12 17v4", "M3 21L21 3"],
	play: ["M7 4l12 8-12 8z"],
	pause: ["M8 4v16", "M16 4v16"],
	plug: ["M2 12h6", "M8 7h5v10H8z", "M13 9.5h3", "M13 14.5h3", "M18 6v12", "M18 12h4"],
};

/** @param {string} name */
export function icon(name) {
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("aria-hidden", "true");
	for (const d of paths[name] ?? []) {
		const p = document.createElementNS("http://www.w3.org/2000/svg", "path");
		p.setAttribute("d", d);
		svg.append(p);
	}
	return svg;
}
