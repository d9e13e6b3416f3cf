// Measures the player from inside its page. Injected by tests, never part of a page.
performance.setResourceTimingBufferSize(100000);
window.probe = {
	// When the pictures of the selectors first are within [from, to] s, and which fragments were asked for until then.
	async pictures(selectors, from, to, act) {
		const t0 = performance.now();
		act();
		const shown = (selector) => new Promise((resolve) => {
			const watch = () => {
				const video = document.querySelector(selector);
				if (video === null || !video.checkVisibility()) {
					requestAnimationFrame(watch);
					return;
				}
				const look = (now, meta) => {
					if (meta.mediaTime >= from && meta.mediaTime <= to) {
						resolve(performance.now() - t0);
					} else {
						video.requestVideoFrameCallback(look);
					}
				};
				video.requestVideoFrameCallback(look);
			};
			watch();
		});
		const times = await Promise.race([Promise.all(selectors.map(shown)), new Promise((r) => setTimeout(r, 15000, null))]);
		if (times === null) {
			return { ms: -1, fragments: {}, most: 0 };
		}
		const t1 = performance.now();
		const fragments = {};
		for (const e of performance.getEntriesByType("resource")) {
			const m = /\/media\/([^/]+)\/(\d+)$/.exec(e.name);
			if (m !== null && e.startTime >= t0 && e.startTime <= t1) {
				fragments[decodeURIComponent(m[1])] = (fragments[decodeURIComponent(m[1])] ?? 0) + 1;
			}
		}
		return { ms: Math.round(Math.max(...times)), fragments, most: Math.max(0, ...Object.values(fragments)) };
	},
	// Where the elements are, s.
	times() {
		const of = (m) => m.currentTime;
		return { board: of(document.querySelector("#board video")), teacher: of(document.querySelector("#teacher video")), voice: of(document.querySelector("#sounds audio")) };
	},
};
