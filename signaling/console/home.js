// The box's front door: its name, and the lessons that whoever asks may see.

import { language, load, say } from "./text.js";

/**
 * @param {string} url
 * @returns {Promise<any>} null when the box does not tell
 */
async function ask(url) {
	try {
		const answer = await fetch(url);
		return answer.ok ? await answer.json() : null;
	} catch {
		return null;
	}
}

async function main() {
	const words = await load();
	document.title = say(words, "page.home");
	const [box, lessons] = await Promise.all([ask("/api/v1/box"), ask("/api/v1/lessons")]);
	const name = document.getElementById("name");
	const list = document.getElementById("lessons");
	const none = document.getElementById("none");
	if (name === null || list === null || none === null) {
		return;
	}
	name.textContent = [...new Set([box?.campus, box?.classroom, box?.name].filter(Boolean))].join(" ") || say(words, "page.home");
	const rows = Array.isArray(lessons) ? lessons : Array.isArray(lessons?.lessons) ? lessons.lessons : [];
	for (const l of rows) {
		const link = document.createElement("a");
		link.href = `/class/${encodeURIComponent(l.id)}${language === "en" ? "?lang=en" : ""}`;
		link.textContent = [l.title, l.teacher].filter(Boolean).join(" · ") || l.id;
		const row = document.createElement("li");
		row.append(link);
		list.append(row);
	}
	none.textContent = say(words, "idle");
	none.hidden = rows.length > 0 || lessons === null;
}

void main();
