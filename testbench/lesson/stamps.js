// Reads the frame stamps of testbench/lesson out of what a page draws. Injected by tests, never part of a page.
function readStamps(selectors) {
	const columns = 8;
	const rows = 4;
	const block = 24;
	const canvas = document.createElement("canvas");
	canvas.width = columns * block;
	canvas.height = rows * block;
	const context = canvas.getContext("2d", { willReadFrequently: true });

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

	// The value of the stamp in the video's present picture, or -1.
	function read(video) {
		const sx = video.videoWidth / 1280;
		const sy = video.videoHeight / 720;
		context.drawImage(video, 32 * sx, 32 * sy, canvas.width * sx, canvas.height * sy, 0, 0, canvas.width, canvas.height);
		const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
		const means = [];
		for (let i = 0; i < columns * rows; i++) {
			const x0 = (i % columns) * block + block / 4;
			const y0 = Math.floor(i / columns) * block + block / 4;
			let sum = 0;
			for (let y = y0; y < y0 + block / 2; y++) {
				for (let x = x0; x < x0 + block / 2; x++) {
					sum += pixels[4 * (y * canvas.width + x) + 1];
				}
			}
			means.push(sum / (block * block / 4));
		}
		const darkest = Math.min(...means);
		const lightest = Math.max(...means);
		if (lightest - darkest < 60) {
			return -1;
		}
		let value = 0;
		let crc = 0;
		means.forEach((m, i) => {
			const bit = 2 * m > darkest + lightest ? 1 : 0;
			if (i < 24) {
				value = value * 2 + bit;
			} else {
				crc = crc * 2 + bit;
			}
		});
		return check(value) === crc ? value : -1;
	}

	window.stamps = {};
	for (const [name, selector] of Object.entries(selectors)) {
		const s = { drawn: 0, read: 0, distinct: 0, last: 0, at: 0, longest: 0, width: 0, samples: [] };
		window.stamps[name] = s;
		let watched = null;
		const hook = (video) => {
			video.requestVideoFrameCallback((now, meta) => {
				if (video !== watched) {
					return;
				}
				const at = performance.timeOrigin + performance.now();
				s.drawn++;
				s.width = meta.width;
				const value = read(video);
				if (value >= 0) {
					s.read++;
					if (value !== s.last || s.distinct === 0) {
						if (s.at > 0) {
							s.longest = Math.max(s.longest, now - s.at);
						}
						s.distinct++;
						s.last = value;
						s.at = now;
						s.samples.push([value, at]);
						if (s.samples.length > 2000) {
							s.samples.shift();
						}
					}
				}
				hook(video);
			});
		};
		setInterval(() => {
			const video = document.querySelector(selector);
			if (video !== null && video !== watched) {
				watched = video;
				hook(video);
			}
		}, 20);
	}
}
