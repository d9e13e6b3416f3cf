// What a page has received since it was loaded, of bound slots only. Pure: it is given the browser's reports.

/** @typedef {import("./messages.js").Slot} Slot */

/** @typedef {{key: string, values: Record<string, number>}} Seen */

const since1900 = 2208988800000; // ms from there to 1970, RFC 5905 §6
const enough = 1_000_000; // bit/s that a voice, a board that can be read and a small picture need
const longest = 60000; // ms: a longer delay is a clock that is wrong
const fields = ["packetsReceived", "framesDecoded", "freezeCount", "totalFreezesDuration", "totalSamplesReceived", "concealedSamples", "silentConcealedSamples"];

/** An unbound slot of sound goes on counting concealed samples, so only what grows between two readings of the same binding is counted. */
export class Counter {
	constructor() {
		this.packets = 0;
		this.total = 0;
		this.concealed = 0;
		this.silentConcealed = 0;
		this.freezes = 0;
		this.freezeMs = 0;
		this.boardFrames = 0;
		this.teacherFrames = 0;
		this.fps = 0;
		this.delayMs = 0;
		/** @type {Map<string, Seen>} by MID */
		this.before = new Map();
	}

	/**
	 * @param {number} generation of the connection
	 * @param {Slot[]} table
	 * @param {any[]} report of getStats
	 */
	read(generation, table, report) {
		/** @type {Map<string, Seen>} */
		const now = new Map();
		this.fps = 0;
		for (const s of report) {
			if (s.type !== "inbound-rtp") {
				continue;
			}
			const slot = table.find((x) => x.mid === s.mid);
			if (!slot || slot.source === "" || slot.reason) {
				continue;
			}
			const key = `${generation} ${slot.source} ${slot.room}`;
			const values = Object.fromEntries(fields.map((f) => [f, Number(s[f] ?? 0)]));
			now.set(s.mid, { key, values });
			const then = this.before.get(s.mid);
			if (then?.key === key) {
				this.add(slot, values, then.values);
			} else {
				this.packets += values.packetsReceived > 0 && then === undefined ? 1 : 0; // something came since it was bound
			}
			if (slot.source === "teacher") {
				this.fps = Number(s.framesPerSecond ?? 0);
			}
		}
		this.before = now;
	}

	/**
	 * @param {Slot} slot
	 * @param {Record<string, number>} v
	 * @param {Record<string, number>} b
	 */
	add(slot, v, b) {
		/** @param {string} f */
		const grown = (f) => Math.max(0, v[f] - b[f]);
		this.packets += grown("packetsReceived");
		this.total += grown("totalSamplesReceived");
		this.concealed += grown("concealedSamples");
		this.silentConcealed += grown("silentConcealedSamples");
		this.freezes += grown("freezeCount");
		this.freezeMs += Math.round(grown("totalFreezesDuration") * 1000);
		if (slot.source === "board") {
			this.boardFrames += grown("framesDecoded");
		} else if (slot.source === "teacher") {
			this.teacherFrames += grown("framesDecoded");
		}
	}

	/**
	 * Notes how old the newest picture is.
	 * @param {number} now ms since 1970, by the clock of the box's media: see sent
	 * @param {number} captured ms since 1900, which is how capture times are told; 0 is not known
	 */
	delay(now, captured) {
		const ms = Math.round(now - captured + since1900);
		this.delayMs = captured > 0 && ms >= 0 && ms < longest ? ms : 0;
	}

	/** The message stats. @param {number} level of the own microphone */
	message(level) {
		return {
			total: this.total,
			concealed: this.concealed,
			silentConcealed: this.silentConcealed,
			freezes: this.freezes,
			freezeMs: this.freezeMs,
			boardFrames: this.boardFrames,
			teacherFrames: this.teacherFrames,
			level: Math.round(level),
			fps: this.fps,
			...(this.delayMs > 0 ? { delayMs: this.delayMs } : {}),
		};
	}
}

/**
 * What the clock of the sender's media says now, ms since 1970: what its latest sender report said (RFC 3550 §6.4.1) and the time since. That
 * clock runs on when somebody sets the box's time of day. 0: no report came yet.
 * @param {any[]} report of getStats
 */
export function sent(report) {
	const latest = report.filter((s) => s.type === "remote-outbound-rtp" && s.remoteTimestamp > 0).reduce((a, b) => (a && a.timestamp >= b.timestamp ? a : b), null);
	const now = Math.max(0, ...report.filter((s) => s.type === "inbound-rtp").map((s) => Number(s.timestamp)));
	return latest && now >= latest.timestamp ? latest.remoteTimestamp + now - latest.timestamp : 0;
}

/**
 * Whether the way to the box carries less than a lesson needs, and what is sent has become less for it.
 * @param {any[]} report of getStats
 */
export function thin(report) {
	const path = report.find((s) => s.type === "candidate-pair" && s.nominated);
	return (path?.availableOutgoingBitrate ?? enough) < enough && report.some((s) => s.type === "outbound-rtp" && s.qualityLimitationReason === "bandwidth");
}
