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
	s, err := m.OpenService(serviceName)
	if err != nil {
		s, err = m.CreateService(serviceName, program, mgr.Config{
			DisplayName: "tongke 同课", Description: "One lesson for several schools. 一节课，几所学校一起上。", StartType: mgr.StartAutomatic,
		}, "service", "run")
		if err != nil {
			return fmt.Errorf("make the service: %w", err)
		}
	}
	defer s.Close()
	// Started anew after a crash: at once, at once, then each ten seconds; a day without one forgets the count.
	again := []mgr.RecoveryAction{{Type: mgr.ServiceRestart}, {Type: mgr.ServiceRestart}, {Type: mgr.ServiceRestart, Delay: 10 * time.Second}}
	if err := s.SetRecoveryActions(again, 86400); err != nil {
		return fmt.Errorf("have the service restarted: %w", err)
	}
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("start the service: %w", err)
	}
	fmt.Fprintln(con.out, "installed tongke, data in "+serviceData())
	return nil
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

type windowsService struct{ con *console }

// Execute is svc.Handler: it runs the daemon as a person would, with an input that closes when the service is to end.
func (w *windowsService) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.StartPending}
	read, write, err := os.Pipe()
	if err != nil {
		return true, 1
	}
	w.con.in = read
	done := make(chan error, 1)
	go func() { // ends with the daemon, which ends when its input does
		done <- (&runCmd{Data: serviceData(), UntilStdinCloses: true}).Run(w.con)
	}()
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
