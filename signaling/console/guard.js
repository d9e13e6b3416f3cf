// Loads a page again that did not begin. A browser gives up what it is loading when an address comes to an interface of its machine, as one
// does after power-on, and a page without one of its scripts, or without its words, stays empty with nobody there to load it again.
// No module: what it watches over may not come.

(() => {
	const key = "tongke.again"; // how often, in this tab
	addEventListener("load", () => {
		const times = Number(sessionStorage.getItem(key));
		setTimeout(() => {
			if ("began" in document.documentElement.dataset) {
				sessionStorage.removeItem(key);
				return;
			}
			sessionStorage.setItem(key, String(times + 1));
			location.reload();
		}, Math.min(60, 3 * 2 ** times) * 1000);
	});
})();
