// The room's sound: the voices in their slots, their loudness, and the chime that says whose turn it is.

/** @typedef {import("./messages.js").Slot} Slot */

const chimeFor = 0.15; // s
const opensWithin = 3000; // ms that a machine may take until it plays

export class Sound {
	/** @param {HTMLAudioElement} first */
	constructor(first) {
		/** @type {HTMLAudioElement[]} */
		this.elements = [first];
		this.blocked = false;
		this.silent = false; // the teacher's page in this room has the sound
		this.volume = 100;
		/** @type {AudioContext | null} */
		this.context = null;
		this.openedAt = 0; // ms of the page's clock
	}

	/**
	 * @param {Slot[]} table
	 * @param {(s: Slot) => MediaStream | null} stream
	 */
	bind(table, stream) {
		const slots = table.filter((s) => s.kind === "audio");
		slots.forEach((s, i) => {
			const e = (this.elements[i] ??= new Audio());
			const source = stream(s);
			if (e.srcObject !== source) {
				e.srcObject = source;
				if (source !== null) {
					void this.play(e);
				}
			}
			e.muted = this.silent || s.source === "" || s.own;
		});
		if (slots.length === 0) {
			for (const e of this.elements) {
				e.srcObject = null;
			}
		}
	}

	/** @param {HTMLAudioElement} e */
	async play(e) {
		try {
			e.volume = this.volume / 100;
			await e.play();
			this.blocked = false;
		} catch (x) {
			// Only the browser's refusal asks for a tap; a change of connection in the middle does not.
			this.blocked ||= x instanceof DOMException && x.name === "NotAllowedError";
		}
	}

	/** After a gesture. */
	unblock() {
		void this.context?.resume();
		if (this.blocked) {
			this.blocked = false;
			for (const e of this.elements) {
				if (e.srcObject !== null) {
					void this.play(e);
				}
			}
		}
	}

	/** Whether the machine takes sound from this page; null while that is not known. Nothing is heard of it. @returns {boolean | null} */
	plays() {
		this.context ??= new AudioContext();
		if (this.context.state === "running") {
			return this.context.currentTime > 0 ? true : null;
		}
		this.openedAt ||= performance.now();
		return performance.now() - this.openedAt > opensWithin ? false : null;
	}

	/** @param {number} volume 0…100 */
	set(volume) {
		this.volume = Math.max(0, Math.min(100, volume));
		for (const e of this.elements) {
			e.volume = this.volume / 100;
		}
	}

	/** One soft tone of 150 ms. */
	chime() {
		if (this.silent) {
			return;
		}
		this.context ??= new AudioContext();
		const c = this.context;
		const tone = c.createOscillator();
		const gain = c.createGain();
		const now = c.currentTime;
		tone.frequency.value = 880;
		gain.gain.setValueAtTime(0, now);
		gain.gain.linearRampToValueAtTime((0.25 * this.volume) / 100, now + 0.02);
		gain.gain.linearRampToValueAtTime(0, now + chimeFor);
		tone.connect(gain).connect(c.destination);
		tone.start(now);
		tone.stop(now + chimeFor);
	}
}
