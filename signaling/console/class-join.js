// A box that belongs to nobody: its screen asks for the core's address and the code of the invitation, by touch, keys or remote.

import { figure } from "./class-info.js";
import { PairForm } from "./class-pair.js";
import { element } from "./class-view.js";
import { nearest } from "./walk.js";

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford base32: none that is mistaken for another
const signs = "1234567890.:-abcdefghijklmnopqrstuvwxyz"; // of an address
const length = 16;
const askEvery = 5000; // ms between two questions where phones find the box: the cable may come later

/** What people write for what is meant. @param {string} c */
function meant(c) {
	const up = c.toUpperCase();
	const same = { O: "0", I: "1", L: "1" }[up] ?? up;
	return same.length === 1 && letters.includes(same) ? same : "";
}

/** In four groups. @param {string} code */
export function grouped(code) {
	return code.match(/.{1,4}/g)?.join("-") ?? "";
}

/** A code out of what was typed or pasted. @param {string} text */
export function cleaned(text) {
	return [...text].map(meant).join("").slice(0, length);
}

/** An address out of what was typed: https unless it says otherwise. @param {string} text */
export function full(text) {
	const t = text.trim().replace(/\/+$/, "");
	return t === "" || t.includes("://") ? t : `https://${t}`;
}

export class JoinForm {
	/** @param {(key: string, values?: Record<string, string | number>) => string} say */
	constructor(say) {
		this.say = say;
		this.code = "";
		this.busy = false;
		this.form = /** @type {HTMLFormElement} */ (element("join"));
		this.address = document.createElement("input");
		this.shown = document.createElement("input");
		this.answer = document.createElement("p");
		this.keys = document.createElement("div");
		this.where = document.createElement("div");
		this.askedAt = -Infinity;
		/** @type {string | null} null: not known yet */
		this.at = null;
		this.pair = new PairForm(say, (said) => this.compare(false, said));
		this.build();
	}

	get open() {
		return !this.form.hidden;
	}

	/** @param {boolean} on */
	show(on) {
		if (on && performance.now() - this.askedAt > askEvery) {
			this.askedAt = performance.now();
			void this.ask();
		}
		if (this.form.hidden === on) {
			this.form.hidden = !on;
			if (on) {
				(this.address.value === "" ? this.address : this.shown).focus();
			}
		}
	}

	/** Where a phone finds this box, whose keys are easier than a remote's. */
	async ask() {
		try {
			const answer = await fetch("/api/v1/device");
			if (answer.ok) {
				this.found(String((await answer.json()).address ?? ""));
			}
		} catch {
			// asked again
		}
	}

	/** @param {string} at */
	found(at) {
		if (this.at === at) {
			return;
		}
		this.at = at;
		if (at === "") {
			this.where.textContent = this.say("join.nowhere");
		} else {
			this.where.replaceChildren(figure(`${at}/device`, this.say("join.where", { address: at.replace(/^https:\/\//, "") })));
		}
	}

	build() {
		const fields = document.createElement("div");
		this.address.type = "url";
		this.address.inputMode = "url";
		this.address.autocomplete = "off";
		this.address.value = new URLSearchParams(location.search).get("core") ?? "";
		this.shown.className = "code";
		this.shown.autocomplete = "off";
		this.shown.inputMode = "none"; // the keys stand beside it
		this.shown.addEventListener("input", () => this.set(cleaned(this.shown.value)));
		this.answer.className = "answer";
		this.answer.setAttribute("role", "status");
		this.where.className = "where";
		const digits = this.button(this.say("join.digits"), "digits", () => void this.begin());
		const others = document.createElement("div");
		others.className = "others";
		others.append(digits, this.where);
		fields.append(this.labelled("join.address", this.address), this.labelled("join.code", this.shown), others, this.answer);
		this.keys.className = "keys";
		this.fill(false);
		this.address.addEventListener("focus", () => this.fill(true));
		this.shown.addEventListener("focus", () => this.fill(false));
		this.form.noValidate = true; // an address without https:// is one too
		this.form.append(fields, this.keys, this.pair.place);
		this.form.addEventListener("submit", (e) => {
			e.preventDefault();
			void this.send();
		});
	}

	/** Lays out the keys for the field that is filled. @param {boolean} address */
	fill(address) {
		if (this.keys.classList.contains("address") === address && this.keys.childElementCount > 0) {
			return;
		}
		this.keys.classList.toggle("address", address);
		const type = (/** @type {string} */ c) => (address ? (this.address.value += c) : this.set((this.code + c).slice(0, length)));
		this.keys.replaceChildren(...[...(address ? signs : letters)].map((c) => this.button(c, "", () => type(c))),
			this.button(this.say("join.delete"), "wide", () => (address ? (this.address.value = this.address.value.slice(0, -1)) : this.set(this.code.slice(0, -1)))));
		if (!address) {
			const go = this.button(this.say("join.go"), "wide go", () => {});
			go.type = "submit"; // Enter in a field is enough
			this.keys.append(go);
		}
	}

	/** Joins by comparing digits. */
	async begin() {
		const url = full(this.address.value);
		this.answer.textContent = url === "" ? this.say("join.noAddress") : this.say("join.busy");
		if (url === "") {
			this.address.focus();
			return;
		}
		const why = await this.pair.begin(url);
		this.answer.textContent = why;
		if (why === "") {
			this.compare(true, "");
		}
	}

	/** Shows the digits in place of the fields, or the fields again. @param {boolean} on @param {string} said */
	compare(on, said) {
		this.form.classList.toggle("comparing", on);
		this.answer.textContent = said;
		if (!on) {
			/** @type {HTMLElement | null} */ (this.form.querySelector("button.digits"))?.focus();
		}
	}

	/** @param {string} key @param {HTMLInputElement} input */
	labelled(key, input) {
		const label = document.createElement("label");
		label.append(this.say(key), input);
		return label;
	}

	/** @param {string} text @param {string} kind @param {() => void} act */
	button(text, kind, act) {
		const b = document.createElement("button");
		b.type = "button";
		b.className = kind;
		b.textContent = text;
		b.addEventListener("click", act);
		return b;
	}

	/** @param {string} code */
	set(code) {
		this.code = code;
		this.shown.value = grouped(code);
	}

	/**
	 * A key while the form is open. Arrows walk, so that a remote is enough; letters go into the field that has the focus, else into the code.
	 * @param {KeyboardEvent} e
	 * @returns {boolean} whether it was taken
	 */
	key(e) {
		if (!this.open || e.ctrlKey || e.altKey || e.metaKey) {
			return false;
		}
		if (e.key.startsWith("Arrow")) {
			const inText = document.activeElement instanceof HTMLInputElement && (e.key === "ArrowLeft" || e.key === "ArrowRight");
			if (!inText) {
				e.preventDefault();
				this.walk(e.key);
			}
			return true;
		}
		if (document.activeElement instanceof HTMLInputElement || e.key === "Tab" || e.key === "Enter" || e.key === " ") {
			return e.key.length === 1 || ["Tab", "Enter", "Backspace", "Delete", "Home", "End"].includes(e.key);
		}
		if (e.key === "Backspace") {
			e.preventDefault();
			this.set(this.code.slice(0, -1));
			return true;
		}
		if (e.key.length === 1 && meant(e.key) !== "") {
			e.preventDefault();
			this.set((this.code + meant(e.key)).slice(0, length));
			return true;
		}
		return false;
	}

	/** To the nearest thing in that direction. @param {string} key */
	walk(key) {
		const all = /** @type {HTMLElement[]} */ ([...this.form.querySelectorAll("input, button")]).filter((e) => e.checkVisibility());
		nearest(all, document.activeElement, key)?.focus();
	}

	async send() {
		if (this.busy) {
			return;
		}
		const url = full(this.address.value);
		if (url === "" || this.code.length < length) {
			this.answer.textContent = this.say(url === "" ? "join.noAddress" : "join.short");
			return;
		}
		this.busy = true;
		this.answer.textContent = this.say("join.busy");
		try {
			const answer = await fetch("/api/v1/parent", {
				method: "POST",
				headers: { "Content-Type": "application/json" },
				body: JSON.stringify({ url, code: grouped(this.code) }),
			});
			if (answer.ok) {
				this.answer.textContent = this.say("join.done");
			} else {
				const code = String((await answer.json().catch(() => ({}))).code ?? "");
				const known = ["code-wrong", "code-used", "code-expired", "unreachable", "certificate-mismatch", "too-many"];
				this.answer.textContent = this.say(`join.${known.includes(code) ? code : "failed"}`);
			}
		} catch {
			this.answer.textContent = this.say("join.failed");
		} finally {
			this.busy = false;
		}
	}
}
