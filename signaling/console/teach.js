// The teacher's page: who is signed in, the connection to the box, and the desk over them.

import { ask, link } from "./home-dom.js";
import { Client, address } from "./protocol.js";
import { Desk } from "./teach-desk.js";
import { language, load, say } from "./text.js";

const query = new URLSearchParams(location.search);
const lesson = decodeURIComponent(location.pathname.split("/")[2] ?? "");

/** Trades the token in the address for a cookie and takes it out of the address. */
async function signIn() {
	const token = new URLSearchParams(location.hash.slice(1)).get("token");
	if (token === null) {
		return;
	}
	history.replaceState(null, "", location.pathname + location.search);
	for (let tries = 0; tries < 5; tries++) {
		const answer = await ask("POST", "/session", { token });
		if (answer.status !== 0 && answer.status < 500) {
			return;
		}
		await pause(500);
	}
}

/** @param {number} ms */
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The box may be restarting just now. */
async function untilLoaded() {
	for (;;) {
		try {
			return await load();
		} catch {
			await pause(500);
		}
	}
}

/** Who is signed in; nobody goes to the front door. @returns {Promise<string>} */
async function who() {
	for (;;) {
		const answer = await ask("GET", "/session");
		if (answer.ok) {
			return String(answer.data.user ?? answer.data.role ?? "");
		}
		if (answer.status === 401) {
			location.replace(link("/"));
			await new Promise(() => {}); // until the other page is there
		}
		await pause(1000);
	}
}

async function main() {
	const words = await untilLoaded();
	document.title = say(words, "page.teach");
	const remote = query.get("remote") === "1";
	if (document.documentElement.dataset.demoStates !== undefined && query.has("state")) {
		const { demonstrate } = await import("./teach-demo.js");
		demonstrate(words, query);
		return;
	}
	await signIn();
	const user = await who();
	/** what the next hello asks for; a page that taught and was loaded anew, because it or the browser fell over, goes on teaching */
	const wish = { remote, take: !remote && sessionStorage.getItem("taught") === lesson };
	const client = new Client({
		url: address(location),
		hello: () => ({ page: "teach", lesson, lang: language, version: 1, ...(wish.remote ? { remote: true } : {}), ...(wish.take ? { take: "lead" } : {}) }),
	});
	const desk = new Desk(words, client, wish, user);
	/** For tests, to read only. */
	Object.defineProperty(window, "tongke", {
		value: Object.freeze({
			get phase() {
				return desk.phase();
			},
			get lesson() {
				return desk.lesson;
			},
			/** whether echo is taken out of the voice that is sent */
			get echoFree() {
				return desk.studio.voiceOf?.getSettings().echoCancellation === true;
			},
			get sent() {
				const lines = [...desk.studio.publisher.lines];
				return lines.map(([source, { sender }]) => ({
					source, live: sender.track?.readyState === "live", device: sender.track?.getSettings().deviceId ?? "", layers: sender.getParameters().encodings.map((e) => `${e.rid ?? ""}:${e.active}`),
				}));
			},
			get publishing() {
				return desk.studio.publisher.pc?.connectionState ?? "";
			},
		}),
	});
	desk.begin();
	client.on("lesson", () => desk.led && sessionStorage.setItem("taught", lesson));
	client.on("status", (s) => s === "closed" && client.code !== "" && sessionStorage.removeItem("taught")); // another page teaches now, or nobody
	client.open();
}

void main();
