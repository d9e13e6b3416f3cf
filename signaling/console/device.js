// The technician's page: how this box is, what to do about it, a full check, setting it up, its network, and at the core the other boxes.

import { Cameras } from "./device-cameras.js";
import { FullCheck, drawCheck } from "./device-check.js";
import { RoomCall } from "./device-call.js";
import { core, glance, nameOf } from "./device-core.js";
import { Desk, change } from "./device-desk.js";
import { figures, past } from "./device-figures.js";
import { goHome } from "./device-home.js";
import { Install } from "./device-install.js";
import { findings, head } from "./device-now.js";
import { remote } from "./device-pad.js";
import { Pending, asking, replace, settings } from "./device-settings.js";
import { ask, by, complain, el, fill, input, link, tell } from "./home-dom.js";
import { language, load, say } from "./text.js";

const every = 2000; // ms between two looks at the box
const saidFor = 15000; // ms that a remark stays
const pastEvery = 60000; // ms between two looks at the day

/** Who may see the page. */
const looks = ["administrator", "technician", "operator", "classroom"];

class Page {
	/** @param {Desk} desk */
	constructor(desk) {
		this.desk = desk;
		this.check = new FullCheck(desk, () => this.draw());
		this.install = new Install(desk, this.check, () => this.go(""), () => this.door());
		this.pending = new Pending(desk, () => void this.look());
		this.cameras = new Cameras(desk);
		this.call = new RoomCall(desk, () => this.draw());
		this.pastAt = -Infinity;
		/** Whether there are boxes below this one. */
		this.below = false;
		this.shown = "";
	}

	/** Asks who is there. @param {boolean} [refused] whether the box has just refused this very person */
	async enter(refused = false) {
		const s = await this.desk.ask("GET", "/session");
		const role = s.ok ? String(s.data.role ?? "") : "";
		this.desk.due = Boolean(s.data?.byCode && s.data?.user);
		this.desk.role = !refused && looks.includes(role) && !this.desk.due ? role : "";
		this.below = (this.desk.role === "administrator" || this.desk.role === "technician") && (await this.desk.ask("GET", "/status")).data?.children?.length > 0;
		by("out").hidden = this.desk.role === "" || this.desk.screen;
		by("signin").hidden = this.desk.role !== "";
		by("signin-no").hidden = true;
		if (this.desk.role === "" || !this.cameras.may) {
			this.cameras.leave();
		}
		if (this.desk.role === "") {
			const box = await ask("GET", "/box");
			by("signin-fresh").hidden = !(box.ok && box.data.parent === "" && box.data.campus === "core" && !box.data.school);
			by("out").hidden = true;
			for (const id of ["now", "check", "install", "cameras", "settings", "core", "places"]) {
				by(id).hidden = true;
			}
			this.shown = "signin";
			this.draw();
			(by("code-row").hidden ? input("user") : input("tech-code")).focus();
			return;
		}
		await this.look();
		this.confirmHere();
	}

	/** Where the address of this page says that a network change waits: it was made under the old address. */
	confirmHere() {
		const token = /^#confirm=([\w-]+)$/.exec(location.hash)?.[1];
		if (token !== undefined) {
			history.replaceState(null, "", location.pathname + location.search);
			this.pending.begin(this.pending.until > 0 ? Math.round((this.pending.until - performance.now()) / 1000) : 30, token, "");
		}
	}

	/** One look at the box and at what is shown of it. */
	async look() {
		const d = this.desk;
		if (d.role === "") {
			return;
		}
		const a = await d.ask("GET", "/device");
		if (a.ok) {
			d.device = a.data;
		} else if (a.status === 401 || a.status === 403) {
			await this.leave(a.status === 403);
			return;
		}
		if (a.ok && d.device?.fresh && !this.install.on && location.hash === "") {
			this.install.go(1);
		}
		if (this.install.on) {
			await this.install.look();
		}
		if (a.ok && this.place() === "now") {
			await this.call.look();
		}
		if (this.check.busy || this.check.now === null) {
			await this.check.look();
		}
		const place = this.place();
		if (place === "settings") {
			await settings(d, this.pending);
		} else if (place === "cameras") {
			await this.cameras.look();
		} else if (place === "core") {
			await core(d);
		} else if (this.hosts) {
			await glance(d);
		}
		if (performance.now() - this.pastAt > pastEvery && a.ok) {
			this.pastAt = performance.now();
			await past(d);
		}
		this.draw();
	}

	/** Nobody is signed in any more, or not the right one: back to the door. @param {boolean} [refused] */
	async leave(refused = false) {
		this.desk.role = "";
		this.desk.device = null;
		await this.enter(refused);
	}

	/** Whether this page looks after other boxes, too. */
	get hosts() {
		return !this.desk.screen && (this.desk.device?.role === "core" || this.below);
	}

	/** What the address names, as far as it is for this person. */
	place() {
		const wanted = location.hash.slice(1);
		const allowed = ["check", "settings", ...(this.cameras.may ? ["cameras"] : []), ...(this.hosts ? ["core"] : [])];
		return this.install.on ? "install" : allowed.includes(wanted) ? wanted : "now";
	}

	/** @param {string} place */
	go(place) {
		location.hash = place;
		void this.look();
	}

	draw() {
		const d = this.desk;
		head(d, this.check.now, this.install.on && this.install.step < 4);
		if (d.device === null || d.role === "") {
			return;
		}
		const place = this.place();
		by("places").hidden = this.install.on;
		for (const id of ["now", "check", "install", "cameras", "settings", "core"]) {
			by(id).hidden = id !== place;
		}
		this.links(place);
		if (place === "now") {
			this.call.draw();
			findings(d, () => void this.again(), () => void this.look());
			figures(d);
			this.acts();
		} else if (place === "check") {
			drawCheck(this.check, () => this.go(""));
		} else if (place === "install") {
			this.install.draw();
		}
		if (this.shown !== place) {
			this.shown = place;
			tell("");
			if (!asking()) {
				/** @type {HTMLElement | null} */ (by(place).querySelector("h2[tabindex]"))?.focus({ preventScroll: true });
			}
		}
	}

	/** @param {string} place */
	links(place) {
		const d = this.desk;
		const n = nameOf(d);
		const all = ["", ...(this.hosts ? ["core"] : []), ...(this.cameras.may ? ["cameras"] : []), "settings"];
		change(by("places"), [all, place, n], () => all.map((p) => el("a", {
			href: `#${p}`, "data-key": `place-${p}`, text: p === "core" ? n : d.say(`place.${p || "now"}`),
			...((p || "now") === place ? { "aria-current": "page" } : {}),
		})));
	}

	/** The great keys below. */
	acts() {
		const d = this.desk;
		const member = d.device?.role === "member";
		const may = !d.screen || d.device?.installing === true;
		const calls = this.call.may ? [this.call.key()] : [];
		change(by("acts"), [member, may, this.call.may], () => (may ? [
			el("button", { class: "primary tall", text: d.say("check"), "data-key": "check", click: () => {
				this.go("check");
				void this.check.start();
			} }),
			...(member ? [el("button", { class: "plain tall", text: d.say("replace"), "data-key": "replace", click: () => void replace(d, () => void this.look()) })] : []),
			...calls,
		] : [el("p", { class: "second", text: d.say("signed.more") }), el("button", { class: "plain tall", text: d.say("signin"), "data-key": "signin", click: () => this.door() }), ...calls]));
	}

	/** At the wall screen somebody signs in. */
	door() {
		this.desk.role = "";
		this.desk.device = null;
		this.install.step = 0;
		for (const id of ["now", "install", "places"]) {
			by(id).hidden = true;
		}
		by("signin").hidden = by("signin-no").hidden = false;
		this.shown = "signin";
		(by("code-row").hidden ? input("user") : input("tech-code")).focus();
	}

	/** Looks once more at what was wrong. */
	async again() {
		tell(this.desk.say("again.doing"));
		const a = await this.desk.ask("POST", "/device/look");
		tell(a.ok ? this.desk.say("again.done") : this.desk.why(a));
		await this.look();
	}
}

/** @param {Page} page */
function listen(page) {
	const d = page.desk;
	by("signin").addEventListener("submit", (e) => {
		e.preventDefault();
		void signIn(page);
	});
	for (const way of ["code", "name"]) {
		by(`by-${way}`).addEventListener("click", () => {
			for (const w of ["code", "name"]) {
				by(`${w}-row`).hidden = w !== way;
				by(`by-${w}`).setAttribute("aria-pressed", String(w === way));
			}
			complain(by("signin"), "");
			(way === "code" ? input("tech-code") : input("user")).focus();
		});
	}
	by("out").addEventListener("click", () => void (async () => {
		await d.ask("DELETE", "/session");
		for (const id of ["tech-code", "user", "password"]) {
			input(id).value = "";
		}
		history.replaceState(null, "", location.pathname + location.search);
		page.shown = "";
		await page.leave();
	})());
	by("signin-no").addEventListener("click", () => void page.enter());
	addEventListener("hashchange", () => void page.look());
	document.addEventListener("visibilitychange", () => void (document.hidden || page.look()));
}

/** @param {Page} page */
async function signIn(page) {
	const form = by("signin");
	const byCode = !by("code-row").hidden;
	complain(form, "");
	const d = page.desk;
	const a = await d.ask("POST", "/session", byCode ? { code: input("tech-code").value.trim() } : { user: input("user").value.trim(), password: input("password").value });
	if (!a.ok) {
		complain(form, byCode && a.code === "password-wrong" ? d.say(a.left > 0 ? "signin.code.wrong.left" : "signin.code.wrong", { left: a.left }) : d.why(a, "signin"));
		(byCode ? input("tech-code") : input("password")).select();
		return;
	}
	input("password").value = "";
	await page.enter();
	if (d.role === "") {
		complain(form, d.say(d.due ? "error.password-due" : "signin.notyours"));
	} else {
		by("verdict").focus();
	}
}

/** What was said is said for a while. */
const fade = (() => {
	let text = "";
	let since = 0;
	return () => {
		const line = by("said");
		if (line.textContent !== text) {
			text = line.textContent ?? "";
			since = performance.now();
		} else if (text !== "" && performance.now() - since > saidFor) {
			tell("");
		}
	};
})();

async function main() {
	const words = await load();
	document.title = say(words, "device.page");
	fill(words, document);
	const other = /** @type {HTMLAnchorElement} */ (by("language"));
	other.lang = language === "en" ? "zh-CN" : "en";
	other.href = language === "en" ? "/device?lang=zh" : "/device?lang=en";
	other.addEventListener("click", () => (other.href = (language === "en" ? "/device?lang=zh" : "/device?lang=en") + location.hash));
	const desk = new Desk(words);
	const query = new URLSearchParams(location.search);
	let stands = () => {};
	if (document.documentElement.dataset.demoStates !== undefined && query.has("state")) {
		stands = (await import("./device-demo.js")).demonstrate(desk, query.get("state") ?? "");
	}
	const page = new Page(desk);
	by("wall").hidden = !["127.0.0.1", "[::1]", "localhost"].includes(location.hostname);
	by("wall").setAttribute("href", link("/class"));
	by("signin").setAttribute("novalidate", "");
	listen(page);
	remote(desk);
	goHome(() => ({ busy: page.check.busy || page.pending.until !== 0, inLesson: desk.device?.inLesson === true }));
	await page.enter();
	stands();
	let looking = false;
	setInterval(() => {
		if (!looking && !document.hidden) {
			looking = true;
			void page.look().finally(() => (looking = false));
		}
	}, every);
	setInterval(() => {
		head(desk, page.check.now, page.install.on && page.install.step < 4);
		if (desk.silent) {
			figures(desk);
		} // the seconds of a silent box
		page.pending.draw();
		fade();
	}, 1000);
}

void main();
