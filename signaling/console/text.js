// The words of the pages, from the two files with the same keys.

/** @typedef {Record<string, string>} Words */

const wanted = new URLSearchParams(location.search).get("lang");

/** What the address names; else, on pages that say so, what the browser prefers: a wall screen has no person whose browser it is. */
export const language = (wanted ?? (document.documentElement.hasAttribute("data-follow-browser") ? preferred() : "zh")) === "en" ? "en" : "zh";

/** What goes on in the address of another page, so that a choice stays. */
export const carried = language === "en" ? "?lang=en" : wanted === "zh" ? "?lang=zh" : "";

function preferred() {
	return navigator.languages.map((l) => l.slice(0, 2).toLowerCase()).find((l) => l === "zh" || l === "en") ?? "zh";
}

/** @returns {Promise<Words>} */
export async function load() {
	document.documentElement.lang = language === "en" ? "en" : "zh-CN";
	const answer = await fetch(`/console/text/${language}.json`);
	if (!answer.ok) {
		throw new Error(`words: ${answer.status}`);
	}
	const words = await answer.json();
	document.documentElement.dataset.began = ""; // all scripts and words are there: guard.js need not load the page again
	return words;
}

/**
 * Fills the places of a sentence.
 * @param {Words} words
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(words, key, values = {}) {
	return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
