// After the lesson a podium computer is left as it stands, so it signs its teacher out by itself: not out of a lesson that he has begun in
// another tab meanwhile, for both have one sign-in.

const rest = 600000; // ms after the lesson
const name = "tongke-lesson";

/** @typedef {{request: (name: string, options: {mode: "shared"}, held: () => Promise<void>) => Promise<any>, query: () => Promise<{held?: {name?: string}[]}>}} Locks what is used of Web Locks */

export class Leaving {
	/**
	 * @param {() => void} signOut
	 * @param {Locks | undefined} [locks] of all tabs of this box
	 */
	constructor(signOut, locks = navigator.locks) {
		this.signOut = signOut;
		this.locks = locks;
		/** lets other tabs know that this one is in no lesson any more */
		this.leave = () => {};
		void locks?.request(name, { mode: "shared" }, () => new Promise((resolve) => (this.leave = () => resolve()))).catch(() => {});
	}

	/** The lesson is over. */
	over() {
		this.leave();
		setTimeout(() => void this.go(), rest);
	}

	async go() {
		const all = await this.locks?.query().catch(() => undefined);
		if (all?.held?.some((l) => l.name === name)) {
			setTimeout(() => void this.go(), rest);
		} else {
			this.signOut();
		}
	}
}
