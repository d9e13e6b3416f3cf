package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	serviceName = "tongke"
	serviceStop = 10 * time.Second // longer than the daemon's own 5 s
)

// serviceData is where the service keeps its state.
func serviceData() string { return filepath.Join(os.Getenv("ProgramData"), "tongke") }

// Run installs the service and starts it. Installing twice changes the program's path and nothing else.
func (serviceInstallCmd) Run(con *console) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("reach the service manager (as administrator?): %w", err)
	}
	defer m.Disconnect()
	s, err := openOrMake(m, program)
	if err != nil {
		return err
	}
	defer s.Close()
	// Started anew after a crash: at once, at once, then each ten seconds; a day without one forgets the count.
	again := []mgr.RecoveryAction{{Type: mgr.ServiceRestart}, {Type: mgr.ServiceRestart}, {Type: mgr.ServiceRestart, Delay: 10 * time.Second}}
	if err := s.SetRecoveryActions(again, 86400); err != nil {
		return fmt.Errorf("have the service restarted: %w", err)
	}
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil { // an end with an error is one that Windows does not count as a crash
		return fmt.Errorf("have the service restarted: %w", err)
	}
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("start the service: %w", err)
	}
	fmt.Fprintln(con.out, "installed tongke, data in "+serviceData())
	return nil
}

// openOrMake returns the service; one that is there already is given this program.
func openOrMake(m *mgr.Mgr, program string) (*mgr.Service, error) {
	s, err := m.OpenService(serviceName)
	if err != nil {
		s, err = m.CreateService(serviceName, program, mgr.Config{
			DisplayName: "tongke 同课", Description: "One lesson for several schools. 一节课，几所学校一起上。", StartType: mgr.StartAutomatic,
		}, "service", "run")
		if err != nil {
			return nil, fmt.Errorf("make the service: %w", err)
		}
		return s, nil
	}
	c, err := s.Config()
	if err == nil {
		c.BinaryPathName = windows.ComposeCommandLine([]string{program, "service", "run"})
		err = s.UpdateConfig(c)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("change the service: %w", err)
	}
	return s, nil
}

// Run ends the service and removes it; its data stay.
func (serviceRemoveCmd) Run(con *console) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("reach the service manager (as administrator?): %w", err)
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	if err != nil {
		return fmt.Errorf("open the service: %w", err)
	}
	defer s.Close()
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return fmt.Errorf("end the service: %w", err)
	}
	for end := time.Now().Add(serviceStop); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if state, err := s.Query(); err != nil || state.State == svc.Stopped {
			break
		}
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("remove the service: %w", err)
	}
	fmt.Fprintln(con.out, "removed tongke")
	return nil
}

// Run is the service itself: the daemon, ended by the service manager.
func (serviceRunCmd) Run(con *console) error {
	if ok, err := svc.IsWindowsService(); err != nil || !ok {
		return usage(errors.New("the service manager starts this; use tongke service install"))
	}
	return svc.Run(serviceName, &windowsService{con: con})
}

// logLimit is where the service's log begins anew; the one before is kept.
const logLimit = 10 << 20

// serviceLog opens the file that takes the daemon's standard error: a service has none of its own.
func serviceLog(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "tongke.log")
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

type windowsService struct{ con *console }

// Execute is svc.Handler: it runs the daemon as a person would, with an input that closes when the service is to end.
func (w *windowsService) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.StartPending}
	read, write, err := os.Pipe()
	if err != nil {
		return true, 1
	}
	w.con.in = read
	if log, err := serviceLog(serviceData()); err == nil { // without one it runs all the same
		defer log.Close()
		w.con.err = log
	}
	box := runCmd{Data: serviceData(), UntilStdinCloses: true}
	if file := filepath.Join(serviceData(), "tongke.toml"); exists(file) {
		box.Config = file
	}
	done := make(chan error, 1)
	go func() { done <- box.Run(w.con) }() // ends with the daemon, which ends when its input does
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32(serviceStop.Milliseconds())}
				write.Close()
			}
		case err := <-done:
			if err != nil {
				return true, uint32(w.con.tell(err))
			}
			return false, 0
		}
	}
}
