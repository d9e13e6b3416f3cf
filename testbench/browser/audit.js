// What is wrong with a page as it stands on the screen: clipped, too small to touch, too faint to read, without a name, wider than the
// window. Sets window.audit, which gives a list of sentences.
window.audit = ({ target = 48, contrast = 4.5, apart = 8 } = {}) => {
	const faults = [];
	const name = (e) => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ""}${e.textContent ? ` "${e.textContent.trim().slice(0, 24)}"` : ""}`;
	const seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getClientRects().length > 0;
	const parse = (c) => (c.match(/[\d.]+/g) ?? ["0", "0", "0", "0"]).map(Number);
	const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
	const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
	const ratio = (a, b) => {
		const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
		return (x + 0.05) / (y + 0.05);
	};
	const ground = (e) => {
		for (let x = e; x !== null; x = x.parentElement) {
			const c = parse(getComputedStyle(x).backgroundColor);
			if (c.length < 4 || c[3] === 1) {
				return c;
			}
		}
		return [255, 255, 255];
	};
	const open = document.querySelector("dialog[open]") ?? document;
	if (document.documentElement.scrollWidth > innerWidth) {
		faults.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
	}
	for (const e of open.querySelectorAll("button, a, input, select, summary, textarea")) {
		if (!seen(e)) {
			continue;
		}
		const box = e.type === "checkbox" && e.closest("label") ? e.closest("label") : e;
		const r = box.getBoundingClientRect();
		if (r.width < target || r.height < target) {
			faults.push(`${name(e)} is ${Math.round(r.width)} × ${Math.round(r.height)}`);
		}
		if (e.closest("[aria-hidden=true]") && e.tabIndex >= 0) {
			faults.push(`${name(e)} takes the focus and is hidden from screen readers`);
		}
		const label = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.getAttribute("aria-labelledby");
		if (!label?.trim()) {
			faults.push(`${name(e)} has no name`);
		}
	}
	// What stays in its place while the page moves below it comes near everything.
	const moving = (e) => { for (let x = e; x; x = x.parentElement) if (["sticky", "fixed"].includes(getComputedStyle(x).position)) return true; return false; };
	// What scrolls by itself comes near nothing outside it with what is scrolled out of sight.
	const scroller = (e) => { let x = e.parentElement; while (x && getComputedStyle(x).overflowY === "visible") x = x.parentElement; return x; };
	const within = (r, s) => {
		const c = s?.getBoundingClientRect() ?? r;
		return { left: Math.max(r.left, c.left), top: Math.max(r.top, c.top), right: Math.min(r.right, c.right), bottom: Math.min(r.bottom, c.bottom) };
	};
	// Two targets that do not lie over each other are 8 px apart, so that a finger meets one.
	const targets = [...open.querySelectorAll("button, a, input, select, summary")].filter(seen).map((e) => [e, ((e.type === "checkbox" || e.type === "radio") && e.closest("label") ? e.closest("label") : e).getBoundingClientRect(), scroller(e)]);
	for (const [i, [a, whole, of]] of targets.entries()) {
		for (const [b, other, by] of targets.slice(i + 1)) {
			const [p, q] = of === by ? [whole, other] : [within(whole, of), within(other, by)];
			if (p.bottom <= p.top || q.bottom <= q.top) {
				continue;
			}
			const x = Math.max(q.left - p.right, p.left - q.right);
			const y = Math.max(q.top - p.bottom, p.top - q.bottom);
			if (Math.max(x, y) > -1 && Math.max(x, y) < apart - 0.5 && ![a, b].some((e) => e.closest("[role=menu]")) && moving(a) === moving(b)) {
				faults.push(`${name(a)} and ${name(b)} are ${Math.max(x, y).toFixed(0)} px apart`);
			}
		}
	}
	const walk = document.createTreeWalker(open === document ? document.body : open, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n !== null; n = walk.nextNode()) {
		const e = n.parentElement;
		if (n.textContent.trim() === "" || !seen(e)) {
			continue;
		}
		const style = getComputedStyle(e);
		const size = parseFloat(style.fontSize);
		const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
		const got = ratio(parse(style.color), ground(e));
		if (got < (large && contrast <= 4.5 ? 3 : contrast)) {
			faults.push(`${name(e)} has contrast ${got.toFixed(1)}`);
		}
		if (Number(style.fontWeight) < 400) {
			faults.push(`${name(e)} has weight ${style.fontWeight}`);
		}
		for (let x = e; x !== null && x !== document.body; x = x.parentElement) {
			const cut = getComputedStyle(x);
			if ((cut.overflowX === "hidden" && x.scrollWidth > x.clientWidth + 1) || (cut.overflowY === "hidden" && x.scrollHeight > x.clientHeight + 1)) {
				faults.push(`${name(x)} is clipped`);
			}
		}
	}
	return [...new Set(faults)];
};
