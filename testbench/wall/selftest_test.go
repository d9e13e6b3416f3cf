package wall_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tongke/media/codec"
	"tongke/media/relay"
	"tongke/media/track"
	"tongke/signaling/protocol"
	"tongke/signaling/session"
	"tongke/testbench/browser"
)

// devices stands between the page and its devices: it counts what was opened and is still open, and gives other pictures and sounds.
const devices = `(() => {
	const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	window.opened = [];
	window.instead = null;
	window.asked = []; // of the encoders of three layers
	const set = RTCRtpSender.prototype.setParameters;
	RTCRtpSender.prototype.setParameters = function (p) {
		if (p.encodings.length === 3) window.asked = p.encodings.map((e) => ({ ...e }));
		return set.call(this, p);
	};
	navigator.mediaDevices.getUserMedia = async (c) => {
		const s = (window.instead && await window.instead(c)) || await real(c);
		opened.push(...s.getTracks());
		return s;
	};
	// A camera that shows pictures of these colours, one after the other.
	window.film = (...colours) => {
		const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
		const paint = canvas.getContext("2d");
		let n = 0;
		setInterval(() => { paint.fillStyle = colours[n++ % colours.length]; paint.fillRect(0, 0, 640, 360); }, 50);
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

// hears counts the packets of a room's pictures, as whoever shows them gets them.
type hears struct{ packets atomic.Int64 }

func (h *hears) WriteRTP(*rtp.Header, []byte) error { h.packets.Add(1); return nil }
func (h *hears) WriteRTCP([]rtcp.Packet) error      { return nil }

// TestSelfTest: the room tries itself when its box asks, nothing of it leaves the page, and a lesson ends it at once. What the page then makes of
// its camera is within what the machine can.
func TestSelfTest(t *testing.T) {
	a := newAir(t)
	tab := a.chromium()
	b := newBox(t)
	b.limits = session.Capture{Width: 320, Height: 180, FPS: 10, Layers: 2}
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 10*time.Second, "idle", is("idle"))
	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](devices)))
	free := func(what string) {
		t.Helper()
		if !eval[bool](t, tab, `opened.every((x) => x.readyState === "ended")`) {
			t.Errorf("%s: camera or microphone is still open", what)
		}
	}
	for _, c := range []struct{ name, script, want string }{
		{"that is not there", `instead = null`, protocol.DeviceNone},
		{"behind a cap", `instead = film("#030303", "#040404")`, protocol.DeviceBlack},
		{"that hangs", `instead = film("#808080")`, protocol.DeviceFrozen},
		{"of a quiet room", `instead = film("#808080", "#818080")`, protocol.DeviceOK},
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
	free("clap")

	must(t, tab.Do(chromedp.Evaluate[chromedp.Void](`instead = film("#205080", "#508020")`)))
	a.set("set-sink-volume", "loudspeaker", "-20dB")
	noise := filepath.Join(t.TempDir(), "noise")
	must(t, os.WriteFile(noise, noisy(20*48000, 0.05), 0o600))
	stop := a.run("pacat", "--playback", "--device=air", "--format=s16le", "--rate=48000", "--channels=1", noise)
	b.chirp(t, "quiet, in a noisy room", protocol.DeviceOK, true)
	stop()
	free("chirp")

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

	run := b.test(t, protocol.DoClap)
	until(t, tab, 2*time.Second, "listening for a clap", is("test.clap"))
	if !eval[bool](t, tab, `tongke.sent.length === 0 && document.getElementById("signs").children.length === 0`) {
		t.Error("something is sent in a self-test")
	}
	before := eval[int](t, tab, `opened.length`)
	b.call(true)
	if r := <-run; !errors.Is(r.err, session.ErrInLesson) {
		t.Errorf("a lesson begins: %v", r.err)
	}
	until(t, tab, 10*time.Second, "in the lesson", func(p page) bool { return !strings.HasPrefix(p.State, "test") && p.State != "idle" })
	if !eval[bool](t, tab, fmt.Sprintf(`opened.slice(0, %d).every((x) => x.readyState === "ended")`, before)) {
		t.Error("the test's microphone is open in the lesson")
	}
	if r := <-b.test(t, protocol.DoChirp); !errors.Is(r.err, session.ErrInLesson) {
		t.Errorf("in a lesson: %v", r.err)
	}
	b.withinLimits(t, tab)
}

// withinLimits looks at what the page makes of its camera when somebody wants it as large as it is.
func (b *box) withinLimits(t *testing.T, tab *browser.Tab) {
	t.Helper()
	key := track.Key{Lesson: lessonID, Origin: boxID, Source: track.Pupils}
	until(t, tab, 10*time.Second, "the room's pictures are there", func(page) bool {
		return slices.ContainsFunc(b.relay.Sources(), func(s relay.SourceInfo) bool {
			return s.Key == key && slices.Equal(s.Layers, []track.Layer{"h", "f"})
		})
	})
	var sink hears
	all := map[codec.Codec]uint8{codec.H264: 96, codec.VP8: 97}
	sub, err := b.relay.Subscribe(relay.SubscriberConfig{Name: "test", Slots: []relay.SlotConfig{{Kind: track.Video, SSRC: 1, PayloadTypes: all, Sink: &sink}}})
	must(t, err)
	defer sub.Close()
	sub.Bind(0, key, relay.BindOptions{Size: relay.Largest})
	made := func() string {
		return eval[string](t, tab, `tongke.sent.find((s) => s.source === "pupils")?.layers.join(" ") ?? ""`)
	}
	until(t, tab, 10*time.Second, "the largest layer is made, and never the smallest", func(page) bool {
		return strings.HasPrefix(made(), "q:false") && strings.HasSuffix(made(), "f:true")
	})
	until(t, tab, 10*time.Second, "pictures come", func(page) bool { return sink.packets.Load() > 0 })
	if got := eval[string](t, tab, `JSON.stringify(asked.map((e) => [e.rid, e.scaleResolutionDownBy, e.maxFramerate]))`); got != `[["q",8,1],["h",4,10],["f",2,10]]` {
		t.Errorf("a camera of 640×360 on a machine for 320×180 at 10: asked for %s", got)
	}
}

// chirp tries loudspeaker and microphone. A machine that is busy with other things tears sound, so it may do so again.
func (b *box) chirp(t *testing.T, what, microphone string, heard bool) {
	t.Helper()
	var got *protocol.Chirp
	for range 4 {
		if got = b.tested(t, protocol.DoChirp).Chirp; got != nil && got.Heard == heard && got.Microphone == microphone {
			t.Logf("%s: %+v", what, *got)
			return
		}
		t.Logf("%s: %+v, once more", what, got)
	}
	t.Errorf("%s: %+v, want heard %v by a microphone that is %s", what, got, heard, microphone)
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
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // it may be about to start
		c := exec.Command("pactl", args...)
		c.Env = a.env
		err := c.Run()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("pactl %s: %v", strings.Join(args, " "), err)
		}
	}
}

func (a air) chromium(more ...chromedp.ExecAllocatorOption) *browser.Tab {
	env := a.env[len(a.env)-1]
	return start(a.t, append(more, chromedp.Flag("mute-audio", false), chromedp.Flag("use-fake-device-for-media-stream", false), chromedp.Env(env))...)
}

// TestSelfTestHears: quiet and noisy rooms, a loudspeaker that is off, a microphone that gives nothing. By hand: SELFTEST=1.
func TestSelfTestHears(t *testing.T) {
	if os.Getenv("SELFTEST") == "" {
		t.Skip("takes half a minute: SELFTEST=1")
	}
	a := newAir(t)
	tab := a.chromium()
	b := newBox(t)
	must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
	until(t, tab, 10*time.Second, "idle", is("idle"))
	noise := filepath.Join(t.TempDir(), "noise")
	must(t, os.WriteFile(noise, noisy(60*48000, 0.05), 0o600))
	a.set("set-sink-volume", "loudspeaker", "-30dB")
	b.chirp(t, "very quiet, in a quiet room", protocol.DeviceOK, true)
	stop := a.run("pacat", "--playback", "--device=air", "--format=s16le", "--rate=48000", "--channels=1", noise)
	b.chirp(t, "very quiet, in a noisy room", protocol.DeviceOK, true)
	a.set("set-sink-mute", "loudspeaker", "1")
	for range 5 {
		b.chirp(t, "muted, in a noisy room", protocol.DeviceOK, false)
	}
	stop()
	a.set("set-source-mute", "microphone", "1")
	b.chirp(t, "the microphone is off", protocol.DeviceSilent, false)
}

// TestSelfTestFiles: Chromium's own fake devices, fed from files. A recording of the tone is not the tone: it does not come when it is played.
// By hand: SELFTEST=1.
func TestSelfTestFiles(t *testing.T) {
	if os.Getenv("SELFTEST") == "" {
		t.Skip("takes a minute: SELFTEST=1")
	}
	dir := t.TempDir()
	file := func(name string, doc []byte) string {
		must(t, os.WriteFile(filepath.Join(dir, name), doc, 0o600))
		return filepath.Join(dir, name)
	}
	grey := func(n int) byte { return byte(100 + n%3) }
	for _, tt := range []struct {
		name, audio, video  string
		microphone, picture string
	}{
		{"noise, and a camera that moves", file("noise.wav", wav(noisy(4*48000, 0.05))), file("moves.y4m", y4m(20, grey)), "ok", "ok"},
		{"silence, and a cap", file("silence.wav", wav(make([]byte, 2*48000*4))), file("black.y4m", y4m(20, func(int) byte { return 16 })), "silent", "black"},
		{"the tone recorded, and a picture that hangs", file("tone.wav", wav(chirps(8))), file("hangs.y4m", y4m(20, func(int) byte { return 120 })), "ok", "frozen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab := start(t, chromedp.Flag("use-file-for-fake-audio-capture", tt.audio), chromedp.Flag("use-file-for-fake-video-capture", tt.video))
			b := newBox(t)
			must(t, tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(b.url+"/class")))
			until(t, tab, 10*time.Second, "idle", is("idle"))
			got := b.tested(t, protocol.DoChirp, protocol.DoPicture)
			t.Logf("%+v %s", got.Chirp, got.Picture)
			if got.Chirp == nil || got.Chirp.Heard || got.Chirp.Microphone != tt.microphone || got.Picture != tt.picture {
				t.Errorf("%+v %s, want unheard, a microphone that is %s, a camera that is %s", got.Chirp, got.Picture, tt.microphone, tt.picture)
			}
		})
	}
}
