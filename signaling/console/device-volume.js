// The cure by one tap for sound that is at zero or switched off in the box itself.

import { el, tell } from "./home-dom.js";

/** @typedef {import("./device-desk.js").Desk} Desk */

/** What a finding is cured by. @type {Record<string, "speaker" | "microphone">} */
const cures = { "sound-off": "speaker", "microphone-off": "microphone" };

/**
 * The key that turns it up, for a finding that it cures: it stands where others have words.
 * @param {Desk} desk
 * @param {string | undefined} code of the finding
 * @param {() => void} after told when something has changed
 * @returns {Node | null}
 */
export function volumeKey(desk, code, after) {
	const what = cures[code ?? ""];
	if (what === undefined) {
		return null;
	}
	const key = el("button", { class: "primary", text: desk.say(`volume.${what}`), "data-key": `volume-${what}`, click: async () => {
		key.disabled = true;
		tell(desk.say("volume.doing"));
		const a = await desk.ask("POST", "/device/volume", { what });
		key.disabled = false;
		if (!a.ok) {
			tell(desk.why(a));
			return;
		}
		const said = desk.say(`volume.${what}.${a.data.set?.length > 0 ? "done" : "was"}`, { n: a.data.percent });
		tell(said);
		key.replaceWith(el("span", { class: "good", text: said })); // where the finding stays for now, as in a check
		after();
	} });
	return key;
}
