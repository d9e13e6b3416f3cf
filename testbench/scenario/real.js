// Watches the bare relay by WHEP, through whatever address this page came from: the offer names no candidates, and the answer's are replaced
// by that address.
(async () => {
	const pc = new RTCPeerConnection();
	const sound = pc.addTransceiver("audio", { direction: "recvonly" });
	const codecs = RTCRtpReceiver.getCapabilities("audio").codecs;
	const red = codecs.filter((c) => c.mimeType === "audio/red");
	sound.setCodecPreferences([...red, ...codecs.filter((c) => c.mimeType === "audio/opus")]);
	const picture = pc.addTransceiver("video", { direction: "recvonly" });
	document.querySelector("video").srcObject = new MediaStream([picture.receiver.track]);
	document.querySelector("audio").srcObject = new MediaStream([sound.receiver.track]);
	await pc.setLocalDescription();
	const offer = pc.localDescription.sdp.replace(/^a=candidate:.*\r\n/gm, "");
	for (;;) {
		const answer = await fetch("/whep/bench", { method: "POST", headers: { "Content-Type": "application/sdp" }, body: offer });
		if (answer.status === 201) {
			const here = `a=candidate:1 1 udp 2130706431 ${location.hostname} ${location.port} typ host\r\n`;
			let told = false;
			const sdp = (await answer.text()).split(/(?<=\r\n)/).map((line) => {
				if (line.startsWith("m=")) {
					told = false;
				}
				if (!line.startsWith("a=candidate:")) {
					return line;
				}
				const first = !told;
				told = true;
				return first ? here : "";
			}).join("");
			await pc.setRemoteDescription({ type: "answer", sdp });
			return;
		}
		await new Promise((again) => setTimeout(again, 200));
	}
})();
