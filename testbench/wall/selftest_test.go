package wall_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/testbench/browser"
)

// devices stands between the page and its devices: it counts what was opened and is still open, and gives other pictures and sounds.
const devices = `(() => {
	const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	window.opened = [];
	window.instead = null;
	navigator.mediaDevices.getUserMedia = async (c) => {
		const s = (window.instead && await window.instead(c)) || await real(c);
		opened.push(...s.getTracks());
		return s;
	};
	// A camera that shows pictures of these colours, one after the other.
	window.film = (...colours) => {
		const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
		const paint = canvas.getContext("2d");
		let n = 0;
		setInterval(() => { paint.fillStyle = colours[n++ % colours.length]; paint.fillRect(0, 0, 320, 180); }, 50);
		return (c) => c.video ? canvas.captureStream(20) : null;
	};
	// A microphone in a room where somebody claps twice a second.
	window.applause = (c) => {
		if (!c.audio) return null;
		const x = new AudioContext({ sampleRate: 48000 });
		const b = x.createBuffer(1, 24000, 48000);
		const d = b.getChannelData(0);
		for (let i = 0; i < d.length; i++) d[i] = (Math.random() * 2 - 1) * (0.002 + (i > 9000 ? 0.5 * Math.exp(-(i - 9000) / 400) : 0));
		const s = new AudioBufferSourceNode(x, { buffer: b, loop: true });
		const out = x.createMediaStreamDestination();
		s.connect(out);
		s.start();
		return out.stream;
	};
})()`

// result is what a self-test came to.
type result struct {
	protocol.SelfTested
	err error
}

// test begins a self-test; the result comes later.
func (b *box) test(t *testing.T, do ...string) <-chan result {
	t.Helper()
	out := make(chan result, 1)
	go func() { // ends with the test
		got, err := b.server.SelfTest(context.Background(), do)
		out <- result{got, err}
	}()
	return out
}

func (b *box) tested(t *testing.T, do ...string) protocol.SelfTested {
	t.Helper()
	r := <-b.test(t, do...)
	must(t, r.err)
	return r.SelfTested
}

// TestSelfTest: the room tries itself when its box asks, nothing of it leaves the page, and a lesson ends it at once.
func TestSelfTest(t *testing.T) {
	tab := start(t)
	b := newBox(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 10*time.Second, "idle", is("idle"))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](devices)))
	free := func(what string) {
		t.Helper()
		if !eval[bool](t, tab, `opened.length > 0 && opened.every((x) => x.readyState === "ended")`) {
			t.Errorf("%s: camera or microphone is still open", what)
		}
	}
	if got := b.tested(t, protocol.DoPicture); got.Picture != protocol.DeviceOK {
		t.Errorf("Chromium's own camera: %q", got.Picture)
	}
	free("picture")
	for _, c := range []struct{ name, script, want string }{
		{"behind a cap", `instead = film("#030303", "#040404")`, protocol.DeviceBlack},
		{"that hangs", `instead = film("#808080")`, protocol.DeviceFrozen},
		{"of a quiet room", `instead = film("#808080", "#818080")`, protocol.DeviceOK},
		{"that is not there", `instead = async () => { throw new DOMException("", "NotFoundError"); }`, protocol.DeviceNone},
		{"that another program has", `instead = async () => { throw new DOMException("", "NotReadableError"); }`, protocol.DeviceBusy},
	} {
		must(t, tab.Do(chromedp.Evaluate[chromedp.Void](c.script)))
		if got := b.tested(t, protocol.DoPicture); got.Picture != c.want {
			t.Errorf("a camera %s: %q, want %q", c.name, got.Picture, c.want)
		}
		free(c.name)
	}
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`instead = applause`)))
	if got := b.tested(t, protocol.DoClap); got.Clap == nil || !got.Clap.Heard {
		t.Errorf("nobody was heard to clap: %+v", got.Clap)
	}
	until(t, tab, time.Second, "heard", is("test.heard"))

	if got := b.tested(t, protocol.DoShow); !got.Shown {
		t.Errorf("no test picture: %+v", got)
	}
	if p := until(t, tab, time.Second, "the test picture", is("test.show")); p.Words != "大屏上有画面吗？看得到，请在手机上点“有”" {
		t.Errorf("it says %q", p.Words)
	}
	if !eval[bool](t, tab, `document.elementFromPoint(960, 540).closest("#testpicture") !== null`) {
		t.Error("something lies over the test picture")
	}
	b.server.EndSelfTest()
	until(t, tab, 2*time.Second, "the test picture is gone", is("idle"))

	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`instead = null`)))
	run := b.test(t, protocol.DoClap)
	until(t, tab, 2*time.Second, "listening for a clap", is("test.clap"))
	if !eval[bool](t, tab, `tongke.sent.length === 0 && document.getElementById("signs").children.length === 0`) {
		t.Error("something is sent in a self-test")
	}
	b.call(true)
	if r := <-run; !errors.Is(r.err, session.ErrInLesson) {
		t.Errorf("a lesson begins: %v", r.err)
	}
	until(t, tab, 10*time.Second, "in the lesson", func(p page) bool { return !strings.HasPrefix(p.State, "test") && p.State != "idle" })
	if r := <-b.test(t, protocol.DoChirp); !errors.Is(r.err, session.ErrInLesson) {
		t.Errorf("in a lesson: %v", r.err)
	}
}

// air is what is between a loudspeaker and a microphone: PulseAudio.
type air struct {
	t   *testing.T
	env []string
}

func newAir(t *testing.T) air {
	t.Helper()
	if browser.LeftOut() {
		t.Skip("BROWSER=0")
	}
	if _, err := exec.LookPath("pulseaudio"); err != nil {
		t.Fatal("no pulseaudio: apt-get install pulseaudio pulseaudio-utils (or leave out the browser tests with BROWSER=0)")
	}
	dir, err := os.MkdirTemp("", "tongke-pulse-") // short: the path of a socket
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	server := "unix:" + filepath.Join(dir, "native")
	a := air{t, append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "PULSE_SERVER="+server)}
	a.run("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+filepath.Join(dir, "native"),
		"-L", "module-null-sink sink_name=air rate=48000 channels=2",
		"-L", "module-null-sink sink_name=loudspeaker rate=48000 channels=2",
		"-L", "module-loopback source=loudspeaker.monitor sink=air latency_msec=120",
		// Browsers list no monitors of sinks as microphones.
		"-L", "module-remap-source master=air.monitor source_name=microphone")
	a.set("set-default-source", "microphone")
	a.set("set-default-sink", "loudspeaker")
	return a
}

// run has a program run until the test ends.
func (a air) run(name string, args ...string) (stop func()) {
	a.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = a.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(a.t, cmd.Start())
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	a.t.Cleanup(stop)
	return stop
}

// set changes something of it.
func (a air) set(args ...string) {
	a.t.Helper()
	eventually(a.t, strings.Join(args, " "), func() bool {
		c := exec.Command("pactl", args...)
		c.Env = a.env
		return c.Run() == nil
	})
}

func (a air) chromium(more ...chromedp.ExecAllocatorOption) *browser.Tab {
	env := a.env[len(a.env)-1]
	return start(a.t, append(more, chromedp.Flag("mute-audio", false), chromedp.Flag("use-fake-device-for-media-stream", false), chromedp.Env(env))...)
}

// TestSelfTestHears: a tone that goes through the air is heard, in noise too; where nothing comes of it, and where the microphone gives nothing
// at all, that is what is said.
func TestSelfTestHears(t *testing.T) {
	a := newAir(t)
	tab := a.chromium()
	b := newBox(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 10*time.Second, "idle", is("idle"))
	// 30 s of a noisy class, as 16 bit at 48 kHz.
	noise := filepath.Join(t.TempDir(), "noise")
	must(t, os.WriteFile(noise, noisy(30*48000, 0.05), 0o600))
	chirp := func(what, microphone string, heard bool) {
		t.Helper()
		var got *protocol.Chirp
		for range 3 { // a machine that is busy with other things tears sound
			if got = b.tested(t, protocol.DoChirp).Chirp; got != nil && got.Heard == heard && got.Microphone == microphone {
				break
			}
			t.Logf("%s: %+v, once more", what, got)
		}
		t.Logf("%s: %+v", what, got)
		if got == nil || got.Heard != heard || got.Microphone != microphone {
			t.Errorf("%s: %+v, want heard %v by a microphone that is %s", what, got, heard, microphone)
		}
	}
	a.set("set-sink-volume", "loudspeaker", "-20dB")
	chirp("quiet, in a quiet room", "ok", true)
	stop := a.run("pacat", "--playback", "--device=air", "--format=s16le", "--rate=48000", "--channels=1", noise)
	chirp("quiet, in a noisy room", "ok", true)
	a.set("set-sink-mute", "loudspeaker", "1")
	chirp("muted, in a noisy room", "ok", false)
	stop()
	a.set("set-source-mute", "microphone", "1")
	chirp("the microphone is off", "silent", false)
	if got := b.tested(t, protocol.DoPicture).Picture; got != protocol.DeviceNone {
		t.Errorf("without a camera: %q", got)
	}
}
