// Loads a page again that did not begin. A browser gives up what it is loading when an address comes to an interface of its machine, as one
// does after power-on, and a page without one of its scripts, its styles or its words stays empty or plain with nobody there to load it again.
// No module, and written into the page by console.go: what it watches over may not come.

(() => {
	const key = "tongke.again"; // how often, in this tab
	/** @param {HTMLLinkElement} l */
	const styled = (l) => {
		try {
			return (l.sheet?.cssRules.length ?? 0) > 0;
		} catch {
			return false; // what did not come counts as of another site, whose rules nobody may read
		}
	};
	const whole = () => "began" in document.documentElement.dataset && [...document.querySelectorAll("link")].every((l) => l.rel !== "stylesheet" || styled(l));
	addEventListener("load", () => {
		const times = Number(sessionStorage.getItem(key));
		setTimeout(() => {
			if (whole()) {
				sessionStorage.removeItem(key);
				return;
			}
			sessionStorage.setItem(key, String(times + 1));
			location.reload();
		}, Math.min(60, 3 * 2 ** times) * 1000);
	});
})();
