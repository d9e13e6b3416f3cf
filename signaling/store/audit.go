package store

import (
	"encoding/binary"
	"encoding/json"
	"time"

	bolt "go.etcd.io/bbolt"
)

// maxAudit bounds the audit: some years of a busy school. The oldest rows go.
const maxAudit = 100_000

// The actions that leave a row.
const (
	AuditPlay     = "recording.play"     // pictures or voices of pupils were played
	AuditDownload = "recording.download" // a file was taken out of the box
	AuditDelete   = "recording.delete"   // by a person, by age, or because the disk was full
	AuditProtect  = "recording.protect"
	AuditErase    = "recording.erase" // a stream or a stretch, for good

	AuditCode     = "technician.code"    // a code was made that opens a box
	AuditCodeUsed = "technician.sign-in" // somebody came by one
	AuditWithdraw = "box.withdraw"       // a box below lost its place
)

// AuditRow says who did what. Rows are added and never changed.
type AuditRow struct {
	At     time.Time         `json:"at"`
	Action string            `json:"action"`
	Who    string            `json:"who"` // name of the person; "box" when the box did it by itself
	Role   string            `json:"role"`
	Campus string            `json:"campus,omitzero"` // where the role belongs to one
	Object string            `json:"object"`          // what it was done to, as a lesson's id
	Detail map[string]string `json:"detail,omitempty"`
}

// Audit adds a row; it is on disk when nil is returned.
func (s *Store) Audit(row AuditRow) error {
	return s.Update(func(tx *Tx) error { return tx.Audit(row) })
}

// Audit adds a row that is on disk together with what it tells of, or not at all.
func (tx *Tx) Audit(row AuditRow) error {
	data, err := json.Marshal(row)
	if err != nil {
		return err
	}
	b := tx.tx.Bucket([]byte(BucketAudit))
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	if n > maxAudit {
		c := b.Cursor()
		if k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) <= n-maxAudit {
			if err := c.Delete(); err != nil {
				return err
			}
		}
	}
	return b.Put(binary.BigEndian.AppendUint64(nil, n), data)
}

// Audits reads the last rows, newest first, at most most.
func (s *Store) Audits(most int) (rows []AuditRow, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(BucketAudit)).Cursor()
		for k, v := c.Last(); k != nil && len(rows) < most; k, v = c.Prev() {
			var row AuditRow
			if err := json.Unmarshal(v, &row); err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}
