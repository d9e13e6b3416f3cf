// The self-test at the wall screen: asked for by the box, answered to it.

import { SelfTest } from "./selftest.js";

/**
 * @param {import("./protocol.js").Client} client
 * @param {{volume: () => number, covered: () => boolean, changed: () => void}} room
 */
export function listenForTests(client, room) {
	const test = new SelfTest({ ...room, answer: (result) => void client.request("self-test", result).catch(() => {}) });
	client.on("self-test", (e) => test.asked(e));
	client.on("status", (s) => s !== "open" && test.stop("failed")); // whoever asked is not there any more
	return test;
}

/** Whether a room may go on trying itself. @param {import("./class-state.js").Facts} f @param {boolean} here the lesson is on */
export function mayGoOn(f, here) {
	const state = f.room?.state;
	return !here && state !== "look" && state !== "joining" && (state !== "in" || f.lesson === null);
}
