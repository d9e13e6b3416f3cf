package main

import (
	"errors"

	"tongke/device/doctor"
	"tongke/signaling/api"
	"tongke/signaling/auth"
	"tongke/signaling/boxes"
	"tongke/signaling/protocol"
)

// newRoster makes what this box knows of those below it, and its own call for somebody to look.
func (d *daemon) newRoster() (err error) {
	d.roster, err = boxes.New(boxes.Config{Store: d.store, Box: d.box.ID(), Log: d.log.With("part", "boxes"), Self: d.self})
	return dataFault(d.dir, err)
}

// self is this box as it tells its parent. The roster asks once the watch over the machine is there.
func (d *daemon) self() boxes.Self {
	meta, err := d.store.Meta()
	if err != nil {
		d.log.Error("place of this box not read", "err", err)
	}
	s := boxes.Self{Name: boxName(d.box, meta, d.cfg), Campus: meta.CampusID, Classroom: meta.Classroom, Version: programVersion()}
	report := d.device.Report().Report
	if report.Checks == nil {
		return s // nobody has looked yet
	}
	s.Verdict = string(report.Verdict)
	for _, f := range report.Findings {
		s.Findings = append(s.Findings, boxes.Finding{Code: f.Code, Severity: string(f.Severity), Since: f.Since})
	}
	return s
}

// findingWords are the doctor's sentences for a code, for the pages.
func findingWords(code string) (text, hint api.Words, ok bool) {
	t, h, ok := doctor.Said(code)
	return api.Words(t), api.Words(h), ok
}

// help is a lesson's phone that calls for the technician: it stands on this box's list, and the core is asked to look. One call that
// waits already is enough.
func (d *daemon) help(lesson, room, code string) {
	d.called(lesson, room, code)
	if !protocol.ValidWord(code) {
		code = "" // the page's own word, and the core reads codes alone
	}
	assistant := string(auth.Assistant)
	if _, err := d.roster.Raise(protocol.CallFromPhone, code, boxes.Who{Name: assistant, Role: assistant}); err != nil && !errors.Is(err, boxes.ErrTooOften) {
		d.log.Warn("call not kept", "err", err)
	}
}
