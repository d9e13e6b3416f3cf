package store

import (
	"fmt"
	"testing"
	"time"
)

func TestAudit(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := s.Audit(AuditRow{At: time.Unix(int64(i), 0).UTC(), Action: AuditPlay, Who: fmt.Sprint(i), Role: "teacher", Object: "math"}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Audits(3)
	if err != nil || len(rows) != 3 || rows[0].Who != "4" || rows[2].Who != "2" {
		t.Errorf("%v %v, want the last three, newest first", rows, err)
	}
}
