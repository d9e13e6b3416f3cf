// Does what /job says with the functions of glass.js, and posts what came of it: for browsers that cannot be driven from outside.
async function drive() {
	const job = await (await fetch("/job")).json();
	const result = { agent: navigator.userAgent };
	const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
	try {
		if (job.publish) {
			await publish("publisher", job.publish, job.token, job.codec);
			await wait(2);
		}
		if (job.watch) {
			await watch("watcher", job.watch, job.token);
			readStamps({ watcher: "#watcher" });
		}
		await wait(job.seconds);
		if (job.publish) {
			result.published = await figures("publisher");
		}
		if (job.watch) {
			result.watched = await figures("watcher");
			result.stamps = window.stamps.watcher;
		}
	} catch (e) {
		result.error = String(e);
	}
	await fetch("/result", { method: "POST", body: JSON.stringify(result) });
}

void drive();
