// The words of the pages, from the two files with the same keys.

/** @typedef {Record<string, string>} Words */

export const language = new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh";

/** @returns {Promise<Words>} */
export async function load() {
	document.documentElement.lang = language === "en" ? "en" : "zh-CN";
	const answer = await fetch(`/console/text/${language}.json`);
	if (!answer.ok) {
		throw new Error(`words: ${answer.status}`);
	}
	return answer.json();
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
