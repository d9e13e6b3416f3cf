// The few lines of an SDP that a page cares about. Pure.

/**
 * Codec preferences: sound with redundancy (RFC 2198) first; pictures as the browser likes them, H264 before VP8.
 * @param {"audio" | "video"} kind
 * @param {{mimeType: string}[]} codecs
 */
export function ordered(kind, codecs) {
	const first = kind === "audio" ? ["audio/red", "audio/opus"] : ["video/h264", "video/vp8", "video/rtx"];
	const rank = (/** @type {{mimeType: string}} */ c) => first.indexOf(c.mimeType.toLowerCase());
	const wanted = codecs.filter((c) => rank(c) >= 0).sort((a, b) => rank(a) - rank(b));
	return wanted.length > 0 ? wanted : codecs;
}

/**
 * What the box's answer is given before the browser reads it: the rate to begin with, so that the first picture is sharp (without it H264
 * stays at the smallest layer for 12 s), and stereo where music is sent.
 * @param {string} sdp
 * @param {{startKbps: number, stereo?: boolean}} o
 */
export function tuned(sdp, o) {
	const lines = sdp.split("\r\n");
	/** @type {string[]} */
	const out = [];
	/** @type {Map<string, string>} payload types of this m-line that need parameters */
	let wanted = new Map();
	const close = () => {
		for (const [pt, more] of wanted) {
			out.push(`a=fmtp:${pt} ${more}`);
		}
		wanted = new Map();
	};
	for (const line of lines) {
		if (line.startsWith("m=") || line === "") {
			close();
		}
		const map = /^a=rtpmap:(\d+) ([\w-]+)\//.exec(line);
		if (map) {
			const name = map[2].toLowerCase();
			if (name === "h264" || name === "vp8") {
				wanted.set(map[1], `x-google-start-bitrate=${o.startKbps}`);
			} else if (name === "opus" && o.stereo) {
				wanted.set(map[1], "stereo=1;sprop-stereo=1;maxaveragebitrate=128000");
			}
		}
		const fmtp = /^a=fmtp:(\d+) (.*)$/.exec(line);
		const more = fmtp ? wanted.get(fmtp[1]) : undefined;
		if (fmtp && more !== undefined) {
			wanted.delete(fmtp[1]);
			out.push(`${line};${more}`);
			continue;
		}
		out.push(line);
	}
	return out.join("\r\n");
}

/**
 * Asks for capture times (RTP header extension abs-capture-time), where the browser can.
 * @param {RTCRtpTransceiver} transceiver
 */
export function askCaptureTime(transceiver) {
	const t = /** @type {any} */ (transceiver); // the extension calls are not in TypeScript's types yet
	if (typeof t.getHeaderExtensionsToNegotiate !== "function") {
		return;
	}
	const extensions = t.getHeaderExtensionsToNegotiate();
	for (const e of extensions) {
		// An offer without MID has it stopped here, and a browser does not let a page keep it so; it is not answered all the same.
		if (e.uri.endsWith("/abs-capture-time") || e.uri.endsWith(":sdes:mid")) {
			e.direction = "sendrecv";
		}
	}
	try {
		t.setHeaderExtensionsToNegotiate(extensions);
	} catch {
		// without capture times there is no figure of delay, nothing else
	}
}
