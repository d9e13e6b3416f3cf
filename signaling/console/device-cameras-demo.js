// What a played box answers of its network cameras: for the states of device-demo.js.

/** @typedef {import("./device-desk.js").Desk} Desk */
/** @typedef {import("./device-desk.js").Both} Both */
/**
 * What the demonstration lends.
 * @typedef {object} Tools
 * @property {(key: string) => Both} word
 * @property {(selector: string) => void} press
 * @property {(fields: Record<string, string>, then: string) => void} typed
 * @property {(what: () => void) => () => void} later
 * @property {(status: number, body: object) => [number, unknown]} refused
 */

const print = "3f2a9c0471d85be6".repeat(4);

/** @param {object} [more] */
const main = (more) => ({ layer: "main", live: false, codec: "H264", width: 1920, height: 1080, fps: 25, keyframeSeconds: 2, kbps: 3900, lost: 0, dropped: 0, sound: "G.711", ...more });
/** @param {object} [more] */
const sub = (more) => ({ layer: "sub", live: false, codec: "H264", width: 640, height: 360, fps: 15, keyframeSeconds: 2, kbps: 420, lost: 0, dropped: 0, ...more });

/** @param {Tools} t @param {string} code */
const fault = (t, code) => ({ code: `camera-${code}`, text: t.word(`demo.camera.${code}`), cure: t.word(`demo.camera.${code}.cure`) });

/** @param {Tools} t @param {string} id @param {object} [more] */
const camera = (t, id, more) => ({
	id, name: t.word(`demo.camera.${id}`).zh, url: "rtsp://192.0.2.64/stream1", as: "camera", transport: "auto", user: "admin", passwordSet: true, sound: false, file: false,
	status: { state: "off", looked: new Date().toISOString(), streams: [main({ layer: "" })], redials: 0, requests: 0 }, ...more,
});

/** @param {Tools} t */
const board = (t) => camera(t, "board", { url: "rtsps://192.0.2.65/1", sub: "rtsps://192.0.2.65/2", as: "board", sound: true, fingerprint: print, status: { state: "live", streams: [sub({ live: true }), main({ live: true })] } });

/** @param {Tools} t @param {object} status */
const one = (t, status) => ({ "GET /cameras": /** @type {[number, unknown]} */ ([200, [camera(t, "back", { status: { state: "off", streams: [], redials: 0, requests: 0, ...status } })]]) });

/** @param {Tools} t @param {string} code @param {object} [more] */
const bad = (t, code, more) => [200, { ok: false, streams: [{ layer: "", live: false, lost: 0, dropped: 0, fault: { ...fault(t, code), ...more } }], fault: { ...fault(t, code), ...more }, verdict: t.word(`demo.camera.${code}`) }];

/** What a box with two cameras answers. @param {Tools} t @returns {Record<string, unknown>} */
export const cameraAnswers = (t) => ({
	"GET /cameras": [camera(t, "back"), board(t)],
	"POST /cameras/test": { ok: true, streams: [main(), sub()], verdict: t.word("demo.camera.good") },
	"POST /cameras": camera(t, "back"), "PATCH /cameras/back": camera(t, "back"), "DELETE /cameras/back": null,
});

/**
 * The states of the place.
 * @param {Tools} t
 * @returns {Record<string, () => {hash: string, answers?: Record<string, [number, unknown]>, page?: () => void}>}
 */
export function cameraStates(t) {
	const at = { hash: "#cameras" };
	const test = '[data-key="test-back"]';
	const typed = (/** @type {string} */ then) => t.later(() => {
		t.press('[data-key="camera-add"]');
		t.typed({ "cam-name": t.word("demo.camera.back").zh, "cam-url": "rtsp://192.0.2.64/stream1", "cam-user": "admin", "cam-password": "x" }, then);
	});
	const tried = (/** @type {[number, unknown]} */ answer, then = test) => ({ ...at, answers: { "POST /cameras/test": answer }, page: then === test ? t.later(() => t.press(test)) : typed(then) });
	return {
		cameras: () => at,
		"cameras.none": () => ({ ...at, answers: { "GET /cameras": [200, []] } }),
		"cameras.file": () => ({ ...at, answers: { "GET /cameras": [200, [camera(t, "front", { file: true })]] } }),
		"cameras.bad": () => ({ ...at, answers: { "GET /cameras": [200, [
			camera(t, "back", { status: { state: "off", looked: new Date().toISOString(), streams: [main({ layer: "", codec: "H265", width: 0, fps: 0, sound: "AAC", fault: fault(t, "h265") })], fault: fault(t, "h265") } }),
			camera(t, "board", { as: "board", status: { state: "failing", streams: [main({ layer: "", codec: "", width: 0, fault: fault(t, "password") })], fault: { ...fault(t, "password"), detail: "status 401" } } }),
			camera(t, "front", { sub: "rtsp://192.0.2.64/9", status: { state: "off", looked: new Date().toISOString(), streams: [sub({ codec: "", width: 0, fault: fault(t, "path") }), main({ keyframeSeconds: 10, notes: [t.word("demo.camera.rare")] })] } }),
		]] } }),
		"cameras.waits": () => ({ ...at, answers: one(t, { state: "connecting", streams: [main({ layer: "", width: 0, fps: 0, waitSeconds: 3 })] }) }),
		"cameras.unknown": () => ({ ...at, answers: one(t, {}) }),
		"cameras.refused": () => ({ ...at, answers: { "GET /cameras": t.refused(503, { code: "cameras-not-available" }) } }),
		"camera.tested": () => tried([200, { ok: true, streams: [main(), sub({ keyframeSeconds: 8, notes: [t.word("demo.camera.rare")] })], verdict: t.word("demo.camera.rare") }]),
		"camera.fault": () => tried(/** @type {[number, unknown]} */ (bad(t, "h265"))),
		"camera.certificate": () => tried(/** @type {[number, unknown]} */ (bad(t, "certificate", { detail: `sha256 ${print}` }))),
		"camera.add": () => ({ ...at, page: t.later(() => t.press('[data-key="camera-add"]')) }),
		"camera.typed": () => tried([200, { ok: true, streams: [main({ layer: "" })], verdict: t.word("demo.camera.good") }], '[data-key="camera-test"]'),
		"camera.typed.fault": () => tried(/** @type {[number, unknown]} */ (bad(t, "password")), '[data-key="camera-test"]'),
		"camera.wrong": () => ({ ...at, answers: { "POST /cameras": t.refused(400, { code: "camera-invalid", field: "url", text: t.word("demo.camera.url") }) }, page: typed('[data-key="camera-save"]') }),
		"camera.change": () => ({ ...at, page: t.later(() => {
			t.press('[data-key="change-board"]');
			t.typed({ "cam-url": "rtsps://192.0.2.99/1" }, "#none");
			document.getElementById("cam-url")?.dispatchEvent(new Event("input", { bubbles: true }));
		}) }),
		"camera.delete": () => ({ ...at, page: t.later(() => t.press('[data-key="delete-back"]')) }),
	};
}
