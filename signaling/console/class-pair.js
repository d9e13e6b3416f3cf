// Joining by comparing six digits, for a wall screen that has only a remote control: both screens show them, and both sides say whether they
// are the same.

const every = 1000; // ms between two looks at how it stands

/** @typedef {{id?: string, state: string, digits?: string, confirmed?: boolean, code?: string}} Comparison */

export class PairForm {
	/**
	 * @param {(key: string, values?: Record<string, string | number>) => string} say
	 * @param {(text: string) => void} over told when the digits are gone again, with what became of them
	 */
	constructor(say, over) {
		this.say = say;
		this.over = over;
		this.place = document.createElement("div");
		this.place.className = "pair";
		this.place.hidden = true;
		/** @type {Comparison} */
		this.now = { state: "idle" };
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		this.drawn = "";
	}

	/** @param {string} method @param {string} path @param {unknown} [body] */
	async ask(method, path, body) {
		const answer = await fetch(`/api/v1/device/pairing${path}`, {
			method, headers: body === undefined ? {} : { "Content-Type": "application/json" }, body: body === undefined ? null : JSON.stringify(body),
		});
		const data = await answer.json().catch(() => null);
		return { ok: answer.ok, data };
	}

	/** Looks for the parent there. @param {string} address @returns {Promise<string>} why not, or "" */
	async begin(address) {
		try {
			const a = await this.ask("POST", "", { address });
			if (!a.ok) {
				return this.why(a.data?.code);
			}
		} catch {
			return this.say("join.failed");
		}
		this.now = { state: "looking" };
		this.draw();
		this.later();
		return "";
	}

	/** @param {string | undefined} code */
	why(code) {
		const known = ["unreachable", "certificate-mismatch", "too-many-pairings", "pairing-running", "loop"];
		return this.say(known.includes(code ?? "") ? `join.${code}` : "join.failed");
	}

	later() {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => void this.look(), every);
	}

	async look() {
		if (this.now.state === "idle") {
			return;
		}
		try {
			const a = await this.ask("GET", "");
			if (a.ok && a.data !== null) {
				this.heard(a.data);
			}
		} catch {
			// the box will answer again
		}
		if (this.now.state !== "idle") {
			this.later();
		}
	}

	/** @param {Comparison} c */
	heard(c) {
		this.now = c;
		if (c.state === "accepted") {
			this.close(this.say("join.done"));
		} else if (["refused", "expired", "failed", "idle"].includes(c.state)) {
			this.close(c.state === "failed" ? this.why(c.code) : this.say(`join.digits.${c.state === "expired" ? "expired" : "refused"}`));
		} else {
			this.draw();
		}
	}

	/** @param {boolean} same */
	async answer(same) {
		await this.ask("POST", `/${this.now.id ?? ""}`, { same }).catch(() => null);
		await this.look();
	}

	async cancel() {
		this.close("");
		await this.ask("DELETE", "").catch(() => null);
	}

	/** @param {string} said */
	close(said) {
		clearTimeout(this.timer);
		this.now = { state: "idle" };
		this.drawn = "";
		this.place.hidden = true;
		this.over(said);
	}

	draw() {
		const c = this.now;
		const sign = JSON.stringify([c.state, c.digits, c.confirmed]);
		this.place.hidden = false;
		if (sign === this.drawn) {
			return;
		}
		this.drawn = sign;
		const line = (/** @type {string} */ kind, /** @type {string} */ text) => {
			const p = document.createElement("p");
			p.className = kind;
			p.textContent = text;
			return p;
		};
		const keys = document.createElement("p");
		keys.className = "answers";
		const key = (/** @type {string} */ name, /** @type {() => void} */ act, kind = "") => {
			const b = document.createElement("button");
			b.type = "button";
			b.className = kind;
			b.textContent = this.say(name);
			b.addEventListener("click", act);
			keys.append(b);
		};
		const compare = c.state === "compare";
		if (compare && !c.confirmed) {
			key("join.digits.same", () => void this.answer(true), "go");
			key("join.digits.differ", () => void this.answer(false));
		}
		key("join.digits.stop", () => void this.cancel());
		this.place.replaceChildren(
			...(compare ? [line("asked", this.say("join.digits.ask")), line("digits", c.digits ?? ""), line("where", this.say(c.confirmed ? "join.digits.waiting" : "join.digits.where"))] : [line("asked", this.say("join.digits.looking"))]), keys);
		keys.querySelector("button")?.focus();
	}
}
