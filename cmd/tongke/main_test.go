package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be tongke itself, in scripts and for tests that start processes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tongke": main})
}

// TestScripts runs the commands as a person or a program would: output, exit codes and error texts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("STATE_DIRECTORY", filepath.Join(e.WorkDir, "state", "tongke")) // root would use /var/lib otherwise
			e.Values[boxesKey{}] = started{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitCode,
			"box":      scriptBox,
			"cut":      scriptCut,
			"linked":   scriptLinked,
			"lastline": scriptLastLine,
		},
	})
}

// exitCode runs the program and wants a certain exit code: exitcode 2 tongke check.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if e, ok := err.(interface{ ExitCode() int }); ok {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if want := args[0]; want != string(rune('0'+code)) {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// started are the daemons that a script has started, by data directory.
type started map[string]*os.Process

type boxesKey struct{}

// scriptBox starts a daemon on a data directory, waits until it is ready, and names its address in the environment: box core sets CORE.
func scriptBox(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: box DIR")
	}
	dir := ts.MkAbs(args[0])
	log, err := os.Create(dir + ".log")
	ts.Check(err)
	defer log.Close()
	exe, err := os.Executable()
	ts.Check(err)
	cmd := exec.Command(exe, "run", "--config", os.DevNull, "--data", dir, "--listen", "127.0.0.1:0", "--local", "127.0.0.1:0")
	cmd.Args[0], cmd.Stderr = "tongke", log
	ts.Check(cmd.Start())
	running := ts.Value(boxesKey{}).(started)
	running[args[0]] = cmd.Process
	ts.Defer(func() { scriptCut(ts, false, args) })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		a, err := readAddresses(dir)
		if err == nil && a.PID == cmd.Process.Pid && statusOf("http://"+a.Local+"/readyz") == 200 {
			ts.Setenv(strings.ToUpper(args[0]), "https://"+a.Listen[0])
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not ready in 10 s", args[0])
		}
	}
}

// scriptCut kills a daemon, as a power cut would.
func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	running := ts.Value(boxesKey{}).(started)
	if p := running[args[0]]; p != nil {
		delete(running, args[0])
		p.Kill()
		p.Wait()
	}
}

// scriptLinked waits until the uplink of a box is up.
func scriptLinked(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(10 * time.Second); !uplinkUp(ts.MkAbs(args[0])); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("the uplink of %s is not up in 10 s", args[0])
		}
	}
}

// uplinkUp asks the daemon of a data directory whether it has its parent.
func uplinkUp(dir string) bool {
	c, err := dialControl(dir)
	if err != nil {
		return false
	}
	var s status
	if err := c.call(context.Background(), "GET", "/api/v1/status", nil, &s); err != nil {
		return false
	}
	for _, p := range s.Parts.Cascade.Peers {
		if p.Parent && p.Up {
			return true
		}
	}
	return false
}

// scriptLastLine keeps the last line of the last command's standard output in the environment.
func scriptLastLine(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	ts.Setenv(args[0], lines[len(lines)-1])
}

// self is the program under test.
func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
