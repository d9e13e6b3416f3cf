// What the library decides without a page: which recordings are shown, what is said of each, where the clock stands, how a picture is led
// back to it, which hole is skipped. Pure; the tests of consoletest try it.

/** @typedef {{id: string, name: string}} Campus */
/** @typedef {{fromMs: number, toMs: number}} Span */
/**
 * @typedef {object} Recording
 * @property {string} id
 * @property {string} title
 * @property {string} [subject]
 * @property {string} [teacher]
 * @property {Campus[]} campuses
 * @property {string} start
 * @property {number} durationMs
 * @property {number} missingMs
 * @property {number} bytes
 * @property {boolean} [live]
 * @property {"keys" | "damaged" | "newer"} [fault] why nothing can be played
 * @property {boolean} [protected]
 * @property {string} [keepUntil]
 * @property {boolean} [own]
 * @property {{pupils?: boolean, download?: boolean, protect?: boolean, delete?: boolean}} may
 */
/** @typedef {{name: string, kind: "video" | "audio", campus?: string, mime: string, bytes: number, atMs: number[], lastMs: number[]}} Stream */
/** @typedef {{atMs: number, kind: "start" | "floor" | "end", campus?: string, name?: string}} Chapter */
/** @typedef {{campus: string, name: string, spans: Span[]}} Heard */
/** @typedef {Span & {cause?: string}} Gap where nothing of the lesson is there */
/** @typedef {Span & {source?: string}} Damage where something cannot be read any more */
/** @typedef {Recording & {streams: Stream[], chapters: Chapter[], heard: Heard[], gaps: Gap[], damaged?: Damage[], pupils: boolean, others?: {id: string, start: string}[]}} Detail others: of lessons of the same id, newest first */
/** @typedef {{text: string, days: number, subject: string, teacher: string, campus: string, own: boolean}} Filter days 0: all */

/** Shows everything. @type {Filter} */
export const everything = { text: "", days: 0, subject: "", teacher: "", campus: "", own: false };

/** Time from the beginning, as 12:31 or 1:02:03. @param {number} seconds */
export function counted(seconds) {
	const s = Math.max(0, Math.floor(seconds));
	const [h, m, r] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, String(s % 60).padStart(2, "0")];
	return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${r}` : `${m}:${r}`;
}

/** How long something lasts: a key of the words, and its number. @param {number} ms @returns {{key: "seconds" | "minutes", count: number}} */
export function lasting(ms) {
	return ms < 99500 ? { key: "seconds", count: Math.max(1, Math.round(ms / 1000)) } : { key: "minutes", count: Math.round(ms / 60000) };
}

/** Seconds of a time as counted writes it, or of a number; NaN where it is none. @param {string} text */
export function seconds(text) {
	const parts = text.trim().replaceAll("：", ":").split(":");
	if (parts.length > 3 || parts.some((p, i) => !/^\d{1,4}$/.test(p) || (i > 0 && Number(p) > 59))) {
		return NaN;
	}
	return parts.reduce((n, p) => 60 * n + Number(p), 0);
}

/** What can be taken out of a recording: everything of a stretch (null), or a stream that has something. @param {Detail} d @returns {(Stream | null)[]} */
export const pieces = (d) => [null, ...d.streams.filter((s) => s.atMs.length > 0)];

/** A size for people: 860 MB, 1.2 GB. @param {number} bytes */
export function sized(bytes) {
	if (bytes < 1e6) {
		return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
	}
	return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/**
 * The recordings that a filter leaves, in their order.
 * @param {Recording[]} all
 * @param {Filter} f
 * @param {(ms: number) => number} day the number of a moment's day
 * @param {number} now ms
 */
export function chosen(all, f, day, now) {
	const words = f.text.toLowerCase().split(/\s+/).filter(Boolean);
	return all.filter((r) => {
		const text = [r.title, r.subject, r.teacher].join(" ").toLowerCase();
		return words.every((w) => text.includes(w))
			&& (f.days === 0 || day(now) - day(Date.parse(r.start)) < f.days)
			&& (f.subject === "" || r.subject === f.subject)
			&& (f.teacher === "" || r.teacher === f.teacher)
			&& (f.campus === "" || r.campuses.some((c) => c.id === f.campus))
			&& (!f.own || r.own === true);
	});
}

/** What can be chosen in a filter, each once, in order. @param {Recording[]} all */
export function choices(all) {
	const sorted = (/** @type {(string | undefined)[]} */ list) => [...new Set(list.filter((x) => x !== undefined && x !== ""))].map(String).sort((a, b) => a.localeCompare(b, "zh"));
	/** @type {Map<string, string>} */
	const names = new Map();
	for (const c of all.flatMap((r) => r.campuses)) {
		names.set(c.id, c.name);
	}
	return {
		subjects: sorted(all.map((r) => r.subject)),
		teachers: sorted(all.map((r) => r.teacher)),
		campuses: [...names].map(([id, name]) => ({ id, name })).sort((a, b) => a.name.localeCompare(b.name, "zh")),
	};
}

/**
 * The marks of a row: what is missing, how long it stays.
 * @param {Recording} r
 * @returns {{key: string, kind: "good" | "warn" | "live" | "", ms?: number, date?: string}[]}
 */
export function marks(r) {
	if (r.live) {
		return [{ key: "library.live", kind: "live" }];
	}
	if (r.fault) {
		return [{ key: `library.fault.${r.fault}`, kind: "warn" }];
	}
	/** @type {ReturnType<typeof marks>} */
	const list = [r.missingMs > 0 ? { key: "library.missing", kind: "warn", ms: r.missingMs } : { key: "library.whole", kind: "good" }];
	if (r.protected) {
		list.push({ key: "library.protected", kind: "" });
	} else if (r.keepUntil) {
		list.push({ key: "library.until", kind: "", date: r.keepUntil });
	}
	return list;
}

/** What the lesson is called: the subject first where the title does not say it. @param {Recording} r */
export const titled = (r) => (r.subject && !r.title.includes(r.subject) ? `${r.subject} ${r.title}` : r.title);

// ——— the clock ———

/** How far a picture may be off the sound before it is set instead of led back, s. */
export const apart = 0.3;
/** Nearer than this a picture is left alone, s: a frame of 25 a second lasts 0.04. */
export const close = 0.012;

/**
 * How fast a picture runs so that it comes back to the clock; null: set it.
 * @param {number} ahead seconds that it is ahead of the clock
 * @param {number} rate of the clock
 */
export function led(ahead, rate) {
	if (Math.abs(ahead) > apart * Math.max(1, rate)) {
		return null;
	}
	if (Math.abs(ahead) < close) {
		return rate;
	}
	const lead = Math.min(Math.max(-ahead / 0.6, -0.15), 0.15); // back within about 0.6 s, never so fast that it is seen
	return Math.round(rate * (1 + lead) * 200) / 200;
}

/**
 * The fragment that holds a time; −1 where there is none.
 * @param {Stream} s
 * @param {number} t seconds
 */
export function holds(s, t) {
	const ms = t * 1000 + 1; // times are whole milliseconds, so an end may be cut short
	let [lo, hi] = [0, s.atMs.length - 1];
	while (lo <= hi) {
		const mid = (lo + hi) >> 1;
		if (s.atMs[mid] > ms) {
			hi = mid - 1;
		} else if (s.atMs[mid] + s.lastMs[mid] <= ms) {
			lo = mid + 1;
		} else {
			return mid;
		}
	}
	return -1;
}

/** The first fragment that ends after a time; the number of fragments if none. @param {Stream} s @param {number} t seconds */
export function from(s, t) {
	let [lo, hi] = [0, s.atMs.length];
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (s.atMs[mid] + s.lastMs[mid] <= t * 1000 + 1) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

/** Where a stream ends, s. @param {Stream} s */
export const ends = (s) => (s.atMs.length === 0 ? 0 : (s.atMs[s.atMs.length - 1] + s.lastMs[s.lastMs.length - 1]) / 1000);

/**
 * Up to where a running lesson can be played: all of what goes on is there, and a little more is to come meanwhile.
 * @param {Stream[]} streams
 */
export function edge(streams) {
	const main = streams.filter((s) => !s.campus && s.atMs.length > 0).map(ends);
	const newest = Math.max(0, ...main);
	return Math.max(0, Math.min(...main.filter((t) => t > newest - 12), newest) - 1); // a board that was taken away holds up nobody
}

/** Where there is something first, s. @param {Stream[]} streams */
export function begins(streams) {
	const first = streams.filter((s) => !s.campus && s.atMs.length > 0).map((s) => s.atMs[0] / 1000);
	return first.length === 0 ? 0 : Math.max(0, Math.min(...first));
}

/**
 * The hole that the clock runs into, unless it was said not to skip it.
 * @param {Span[]} gaps
 * @param {number} t seconds
 * @param {Set<number>} kept beginnings, in ms, of holes that are not skipped
 */
export const hole = (gaps, t, kept) => gaps.find((g) => t * 1000 >= g.fromMs - 40 && t * 1000 < g.toMs - 200 && !kept.has(g.fromMs));

/** Whether the files of a recording lost something there. @param {Gap} g */
export const rotten = (g) => g.cause === "damaged" || g.cause === "missing";

/**
 * What is listed beside the pictures: the chapters, and what is damaged, in order of time.
 * @param {Detail} d
 * @returns {{atMs: number, chapter?: Chapter, lost?: Span}[]}
 */
export function places(d) {
	const all = d.damaged?.filter((x) => !x.source) ?? [];
	const lost = all.map((x) => d.gaps.find((g) => rotten(g) && g.fromMs <= x.toMs && g.toMs >= x.fromMs) ?? x);
	return [
		...d.chapters.map((c) => ({ atMs: c.atMs, chapter: c })),
		...[...new Set(lost)].map((s) => ({ atMs: s.fromMs, lost: s })),
	].sort((a, b) => a.atMs - b.atMs);
}

/**
 * The chapter before or after a time; going back within the first seconds of one goes to the one before it.
 * @param {Chapter[]} chapters
 * @param {number} t seconds
 * @param {1 | -1} way
 */
export function chapter(chapters, t, way) {
	const ms = t * 1000;
	return way > 0 ? chapters.find((c) => c.atMs > ms + 500) : chapters.findLast((c) => c.atMs < ms - 2000);
}

/** The chapter that a time lies in. @param {{atMs: number}[]} chapters @param {number} t seconds */
export const during = (chapters, t) => chapters.findLastIndex((c) => c.atMs <= t * 1000 + 50);

export const speeds = [0.5, 0.75, 1, 1.25, 1.5, 2];

/** The next speed up or down. @param {number} now @param {1 | -1} way */
export const nextSpeed = (now, way) => speeds[Math.min(Math.max(speeds.indexOf(now) + way, 0), speeds.length - 1)];

/** What is buffered ahead of the clock, and kept behind it, s. */
export const ahead = 24;
export const behind = 20;

/**
 * What may go out of a buffer: everything but a stretch around the clock.
 * @param {{start: number, end: number}[]} ranges
 * @param {number} t
 * @param {number} before
 * @param {number} after
 */
export function spare(ranges, t, before = behind, after = ahead + 10) {
	/** @type {{start: number, end: number}[]} */
	const out = [];
	for (const r of ranges) {
		if (r.start < t - before) {
			out.push({ start: r.start, end: Math.min(r.end, t - before) });
		}
		if (r.end > t + after) {
			out.push({ start: Math.max(r.start, t + after), end: r.end });
		}
	}
	return out.filter((r) => r.end - r.start > 0.5);
}
