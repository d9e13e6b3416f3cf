// WHEP: one subscription to a lesson. The page gives it callbacks and asks it for figures; it knows nothing of the screen.

/**
 * What the box said instead of 201.
 */
export class Refused extends Error {
	/**
	 * @param {number} status
	 * @param {string} code the code of the answer, as in the API's errors; "" if it had none
	 */
	constructor(status, code) {
		super(`${status} ${code}`);
		this.status = status;
		this.code = code;
	}
}

/**
 * @typedef {object} Figures what was received since the connection began
 * @property {number} packets of all sources together
 * @property {number} voicePackets
 * @property {number} teacherFrames decoded
 * @property {number} boardFrames decoded
 * @property {number} concealed voice samples that were not there in time, without those of silence
 * @property {number} samples voice samples played
 */

/** The m-lines of the offer, in order. */
const lines = /** @type {const} */ (["voice", "teacher", "board"]);

/** @typedef {typeof lines[number]} Source */

const timeout = 5000; // ms for an HTTP answer

export class Subscription {
	/**
	 * @param {string} url of the lesson's WHEP endpoint
	 * @param {string} token bearer token, "" if a cookie or the loopback address is enough
	 */
	constructor(url, token) {
		this.url = url;
		this.token = token;
		this.resource = "";
		this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
		for (const source of lines) {
			const kind = source === "voice" ? "audio" : "video";
			const transceiver = this.pc.addTransceiver(kind, { direction: "recvonly" });
			prefer(transceiver, kind);
		}
	}

	/** @param {Source} source */
	track(source) {
		return this.pc.getTransceivers()[lines.indexOf(source)].receiver.track;
	}

	/**
	 * Sends the offer and takes the answer. The offer goes out before the candidates are gathered: the box learns our address from the first
	 * packet, so nothing has to be sent after it.
	 */
	async open() {
		await this.pc.setLocalDescription();
		const answer = await fetch(this.url, {
			method: "POST",
			headers: this.headers("application/sdp"),
			body: this.pc.localDescription?.sdp,
			signal: AbortSignal.timeout(timeout),
		});
		if (answer.status !== 201) {
			let code = "";
			try {
				code = String((await answer.json()).code ?? "");
			} catch {
				// an answer without JSON has no code
			}
			throw new Refused(answer.status, code);
		}
		this.resource = new URL(answer.headers.get("Location") ?? "", answer.url).href;
		await this.pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
	}

	/** Ends the connection and tells the box, also while the page is being left. */
	close() {
		this.pc.close();
		if (this.resource !== "") {
			fetch(this.resource, { method: "DELETE", headers: this.headers(""), keepalive: true }).catch(() => {});
			this.resource = "";
		}
	}

	/** @returns {boolean} whether the connection has ended, or has lost its way so that a new one is better than waiting */
	ended() {
		return ["disconnected", "failed", "closed"].includes(this.pc.connectionState);
	}

	/**
	 * Asks the box whether it still knows this subscription; one that was restarted does not.
	 * @returns {Promise<"alive" | "gone" | "unreachable">}
	 */
	async ask() {
		try {
			const answer = await fetch(this.resource, { method: "HEAD", headers: this.headers(""), signal: AbortSignal.timeout(1000) });
			return answer.status === 404 || answer.status === 410 ? "gone" : "alive";
		} catch {
			return "unreachable";
		}
	}

	/** @returns {Promise<Figures>} */
	async figures() {
		/** @type {Figures} */
		const f = { packets: 0, voicePackets: 0, teacherFrames: 0, boardFrames: 0, concealed: 0, samples: 0 };
		const mids = this.pc.getTransceivers().map((t) => t.mid);
		for (const s of (await this.pc.getStats()).values()) {
			if (s.type !== "inbound-rtp") {
				continue;
			}
			f.packets += s.packetsReceived ?? 0;
			switch (lines[mids.indexOf(s.mid)]) {
				case "voice":
					f.voicePackets += s.packetsReceived ?? 0;
					f.concealed += (s.concealedSamples ?? 0) - (s.silentConcealedSamples ?? 0);
					f.samples += s.totalSamplesReceived ?? 0;
					break;
				case "teacher":
					f.teacherFrames += s.framesDecoded ?? 0;
					break;
				case "board":
					f.boardFrames += s.framesDecoded ?? 0;
					break;
			}
		}
		return f;
	}

	/**
	 * @param {string} type
	 * @returns {Record<string, string>}
	 */
	headers(type) {
		/** @type {Record<string, string>} */
		const h = {};
		if (type !== "") {
			h["Content-Type"] = type;
		}
		if (this.token !== "") {
			h.Authorization = `Bearer ${this.token}`;
		}
		return h;
	}
}

/**
 * Prefers sound with redundancy (RFC 2198) and asks for capture times, where the browser can.
 * @param {RTCRtpTransceiver} transceiver
 * @param {"audio" | "video"} kind
 */
function prefer(transceiver, kind) {
	const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
	const red = codecs.filter((c) => c.mimeType.toLowerCase() === "audio/red");
	if (kind === "audio" && red.length > 0) {
		transceiver.setCodecPreferences([...red, ...codecs.filter((c) => !red.includes(c))]);
	}
	const t = /** @type {any} */ (transceiver); // the extension calls are not in TypeScript's types yet
	if (typeof t.getHeaderExtensionsToNegotiate === "function") {
		const extensions = t.getHeaderExtensionsToNegotiate();
		for (const e of extensions) {
			if (e.uri.endsWith("/abs-capture-time")) {
				e.direction = "sendrecv";
			}
		}
		t.setHeaderExtensionsToNegotiate(extensions);
	}
}
