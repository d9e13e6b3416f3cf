// The wall screen of a classroom: it waits for the room's lesson, enters it by itself, and comes back after every outage.

import { Wall } from "./class-room.js";
import { View } from "./class-view.js";
import { load, say } from "./text.js";

const query = new URLSearchParams(location.search);

/** Trades the token in the address for a cookie and takes it out of the address. */
async function signIn() {
	const token = new URLSearchParams(location.hash.slice(1)).get("token");
	if (token === null) {
		return;
	}
	history.replaceState(null, "", location.pathname + location.search);
	for (let tries = 0; tries < 5; tries++) {
		try {
			const answer = await fetch("/api/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
			if (answer.status < 500) {
				return;
			}
		} catch {
			// the box is restarting
		}
		await new Promise((done) => setTimeout(done, 500));
	}
}

/** The box may be restarting just now. */
async function untilLoaded() {
	for (;;) {
		try {
			return await load();
		} catch {
			await new Promise((done) => setTimeout(done, 500));
		}
	}
}

/** @type {Wall | null} null until the words are there */
let wall = null;

/** For tests, to read only: what the page shows and what it has received since it was opened. */
const surface = Object.freeze({
	get state() {
		return wall?.memory.key ?? "joining";
	},
	get frames() {
		const c = wall?.receiver.counter;
		return { teacher: c?.teacherFrames ?? 0, board: c?.boardFrames ?? 0 };
	},
	get audio() {
		const c = wall?.receiver.counter;
		return c ? { concealed: c.concealed - c.silentConcealed, total: c.total } : { concealed: 0, total: 0 };
	},
	get sessions() {
		return wall?.receiver.generation ?? 0;
	},
	get facts() {
		return wall?.facts();
	},
	get camera() {
		return wall?.camera.state ?? "off";
	},
	get preview() {
		return wall?.preview;
	},
	get sent() {
		const lines = [...(wall?.publisher.lines ?? [])];
		return lines.map(([source, t]) => ({ source, live: t.sender.track?.readyState === "live", layers: t.sender.getParameters().encodings.map((e) => `${e.rid ?? ""}:${e.active}`) }));
	},
	get table() {
		return wall?.receiver.table ?? [];
	},
});

async function main() {
	const scale = Number(query.get("scale") ?? sessionStorage.getItem("scale")); // of this screen, also when the page was left and found again
	if (scale >= 1 && scale <= 1.5) {
		sessionStorage.setItem("scale", String(scale));
		document.documentElement.style.setProperty("--s", String(scale));
	}
	document.body.classList.toggle("handleft", query.get("hand") === "left");
	const demo = document.documentElement.dataset.demoStates !== undefined && query.has("state");
	if (!demo) {
		Object.defineProperty(window, "tongke", { value: surface });
	}
	const words = await untilLoaded();
	document.title = say(words, "shared.page.class");
	if (demo) {
		const { demonstrate } = await import("./class-demo.js");
		demonstrate(new View(words), query);
		return;
	}
	await signIn();
	wall = new Wall(words);
	wall.run();
}

void main();
