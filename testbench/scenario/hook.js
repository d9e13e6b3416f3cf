// Runs before a page's own scripts: remembers its connections, so that what they conceal and freeze can be read from outside.
(() => {
	const all = [];
	const Real = window.RTCPeerConnection;
	window.RTCPeerConnection = class extends Real {
		constructor(...args) {
			super(...args);
			all.push(this);
		}
	};
	// Of the sound that most was received of: free places of a page conceal too.
	window.benchFigures = async () => {
		const out = { samples: 0, concealed: 0, freezes: 0, freezeMs: 0, frames: 0, packets: 0 };
		for (const pc of all) {
			for (const s of (await pc.getStats()).values()) {
				if (s.type !== "inbound-rtp") {
					continue;
				}
				if (s.kind === "audio" && (s.packetsReceived ?? 0) > out.packets) {
					out.packets = s.packetsReceived;
					out.samples = s.totalSamplesReceived ?? 0;
					out.concealed = (s.concealedSamples ?? 0) - (s.silentConcealedSamples ?? 0);
				}
				if (s.kind === "video") {
					out.freezes += s.freezeCount ?? 0;
					out.freezeMs += 1000 * (s.totalFreezesDuration ?? 0);
					out.frames += s.framesDecoded ?? 0;
				}
			}
		}
		return out;
	};
})();
