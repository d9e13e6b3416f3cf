// Runs in a page before its own scripts. It gives the page a camera, a microphone and a board whose every picture says when it was drawn and
// whose tone is known, and notes what the page's connections bring. What a test may call hangs on window.probe.
(() => {
	const config = window.probeConfig ?? {};
	const wall = () => performance.timeOrigin + performance.now();
	const stampModulo = 1 << 23;
	const boardBit = 1 << 23;
	const probe = { wall, pcs: [], heard: {}, sound: {}, gain: null, tones: [] };
	window.probe = probe;

	function check(value) {
		let crc = 0xff;
		for (const b of [(value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]) {
			crc ^= b;
			for (let i = 0; i < 8; i++) {
				crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
			}
		}
		return crc;
	}

	// Pictures of a size and rate, each with the time of its drawing in ms; testbench/lesson has the stamp's form.
	function film(want, bit) {
		const canvas = document.createElement("canvas");
		[canvas.width, canvas.height] = [want.width, want.height];
		const pen = canvas.getContext("2d");
		const draw = () => {
			const now = wall();
			const value = (Math.floor(now) % stampModulo) | bit;
			const k = canvas.width / 1280;
			pen.fillStyle = `hsl(${(now / 50) % 360} 40% 30%)`;
			pen.fillRect(0, 0, canvas.width, canvas.height);
			pen.fillStyle = "#fff";
			pen.fillRect(((now / 5) % 1200) * k, 400 * k, 80 * k, 80 * k);
			pen.fillStyle = "#808080";
			pen.fillRect(24 * k, 24 * k, 208 * k, 112 * k);
			for (let i = 0; i < 32; i++) {
				const on = i < 24 ? (value >>> (23 - i)) & 1 : (check(value & 0xffffff) >> (31 - i)) & 1;
				pen.fillStyle = on ? "#fff" : "#000";
				pen.fillRect((32 + (i % 8) * 24) * k, (32 + Math.floor(i / 8) * 24) * k, 24 * k, 24 * k);
			}
		};
		draw();
		setInterval(draw, 1000 / want.fps);
		return () => canvas.captureStream(want.fps);
	}

	let context = null;
	const sounds = () => (context ??= new AudioContext());

	// A tone, or what resembles speech: noise through a throat, in syllables. Each call gives a track of its own.
	function voice(want) {
		const c = sounds();
		const out = c.createGain();
		out.gain.value = want.gain ?? 0.3;
		probe.gain = out;
		if (want.speech) {
			const noise = c.createBuffer(1, c.sampleRate * 7, c.sampleRate);
			const data = noise.getChannelData(0);
			let seed = 1;
			for (let i = 0; i < data.length; i++) {
				seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
				const t = i / c.sampleRate;
				const syllable = Math.max(0, Math.sin(2 * Math.PI * 3.7 * t) + 0.3 * Math.sin(2 * Math.PI * 1.3 * t));
				const pulse = Math.sin(2 * Math.PI * 130 * t + 8 * Math.sin(2 * Math.PI * 0.9 * t));
				data[i] = syllable * (0.7 * (seed / 2 ** 31) + 0.6 * Math.sign(pulse) * pulse * pulse);
			}
			const source = c.createBufferSource();
			source.buffer = noise;
			source.loop = true;
			let last = source;
			for (const [frequency, q] of [[600, 1.2], [1700, 1.5]]) {
				const f = c.createBiquadFilter();
				f.type = "peaking";
				f.frequency.value = frequency;
				f.Q.value = q;
				f.gain.value = 12;
				last = last.connect(f);
			}
			const low = c.createBiquadFilter();
			low.frequency.value = 4000;
			last.connect(low).connect(out);
			source.start();
		} else {
			const tone = c.createOscillator();
			tone.frequency.value = want.tone;
			tone.connect(out);
			tone.start();
		}
		return () => {
			const d = c.createMediaStreamDestination();
			out.connect(d);
			return d.stream;
		};
	}

	const makers = {};
	const made = (name, make) => (makers[name] ??= make());
	const devices = navigator.mediaDevices;
	if (devices) {
		const user = devices.getUserMedia.bind(devices);
		devices.getUserMedia = async (want) => {
			if (want.video && config.camera) {
				return made("camera", () => film(config.camera, 0))();
			}
			if (want.audio && config.deaf) {
				throw new DOMException("no microphone", "NotFoundError");
			}
			if (want.audio && config.voice) {
				return made("voice", () => voice(config.voice))();
			}
			return user(want);
		};
		if (config.deaf) {
			const all = devices.enumerateDevices.bind(devices);
			devices.enumerateDevices = async () => (await all()).filter((d) => d.kind !== "audioinput");
		}
		if (config.board) {
			devices.getDisplayMedia = async () => made("board", () => film(config.board, boardBit))();
		}
	}

	// What the box says of the slots.
	const Socket = window.WebSocket;
	probe.bound = [];
	window.WebSocket = class extends Socket {
		constructor(...a) {
			super(...a);
			this.addEventListener("message", (e) => {
				if (typeof e.data === "string" && e.data.includes('"type":"bound"')) {
					probe.bound = JSON.parse(e.data).slots;
				}
			});
		}
	};

	// What comes in: each sound is listened to from its first moment.
	const Real = window.RTCPeerConnection;
	window.RTCPeerConnection = class extends Real {
		constructor(...a) {
			super(...a);
			probe.pcs.push(this);
			this.addEventListener("track", (e) => {
				if (e.track.kind === "audio") {
					probe.sound[e.transceiver.mid] = e.track;
					if (config.listen) {
						listen(e.transceiver.mid, e.track);
					}
				}
			});
		}
	};

	// Loudness of a slot: the time of the first sound since it was forgotten, and power over time.
	function listen(mid, track) {
		const c = sounds();
		const analyser = c.createAnalyser();
		analyser.fftSize = 256; // 5.3 ms at 48 kHz
		c.createMediaStreamSource(new MediaStream([track])).connect(analyser);
		const samples = new Float32Array(analyser.fftSize);
		const ear = { mid, first: 0, last: 0, sum: 0, count: 0 };
		probe.heard[mid] = ear;
		const timer = setInterval(() => {
			if (track.readyState === "ended") {
				clearInterval(timer);
				return;
			}
			analyser.getFloatTimeDomainData(samples);
			let power = 0;
			for (const s of samples) {
				power += s * s;
			}
			power /= samples.length;
			ear.sum += power;
			ear.count++;
			if (power > 1e-4) { // −40 dB of full scale; the tones are at −13
				ear.last = wall();
				ear.first ||= ear.last;
			}
		}, 5);
	}

	/** Forgets what was heard until now. */
	probe.forget = () => {
		for (const e of Object.values(probe.heard)) {
			Object.assign(e, { first: 0, last: 0, sum: 0, count: 0 });
		}
		probe.seen = { small: 0, large: 0, sharp: 0, widths: [] };
	};
	/**
	 * Counts the silence in a slot by its own samples, so that a busy page's timers do not stretch it: `longest` ms without any sound, of
	 * `total` ms; set longest to 0 to begin anew.
	 */
	probe.pauses = (mid) => {
		const pause = { longest: 0, total: 0 };
		const reader = new MediaStreamTrackProcessor({ track: probe.sound[mid].clone(), maxBufferSize: 1000 }).readable.getReader();
		let run = 0;
		const read = ({ done, value }) => {
			if (done) {
				return;
			}
			const samples = new Float32Array(value.numberOfFrames);
			value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
			const ms = 1000 / value.sampleRate;
			for (const s of samples) {
				run = Math.abs(s) < 0.001 ? run + ms : 0; // −60 dB of full scale
				pause.longest = Math.max(pause.longest, run);
			}
			pause.total += samples.length * ms;
			value.close();
			reader.read().then(read);
		};
		reader.read().then(read);
		return pause;
	};
	/** Loudness of a slot since it was forgotten, in dB of full scale. */
	probe.loudness = (mid) => 10 * Math.log10(probe.heard[mid].sum / Math.max(1, probe.heard[mid].count) + 1e-12);

	// What is drawn of the source whose pictures have this name: when its first picture stood in a large place, and when it was a large one.
	probe.seen = { small: 0, large: 0, sharp: 0, widths: [] };
	probe.look = (name) => {
		const known = new WeakSet();
		const watch = (video) => {
			const each = (now, meta) => {
				const at = performance.timeOrigin + now;
				const wide = video.getBoundingClientRect().width * (1920 / innerWidth);
				const s = probe.seen;
				s.small ||= at;
				if (wide >= 900) {
					s.large ||= at;
					if (meta.width >= 960) {
						s.sharp ||= at;
					}
				}
				if (s.widths.at(-1)?.[1] !== meta.width) {
					s.widths.push([Math.round(at), meta.width, Math.round(wide)]);
				}
				video.requestVideoFrameCallback(each);
			};
			video.requestVideoFrameCallback(each);
		};
		setInterval(() => {
			for (const v of document.querySelectorAll("video")) {
				if (v.getAttribute("aria-label") === name && !known.has(v)) {
					known.add(v);
					watch(v);
				}
			}
		}, 4);
	};
	if (config.look) {
		probe.look(config.look);
	}
})();
