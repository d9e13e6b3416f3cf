package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// The buckets of tongke.db. A name is never used again for something else.
const (
	BucketBox         = "box"         // single records by the keys below
	BucketUsers       = "users"       // by user name
	BucketSessions    = "sessions"    // by the hash of the cookie
	BucketInvitations = "invitations" // by invitation id
	BucketChildren    = "children"    // by box id
	BucketLessons     = "lessons"     // by lesson id
	BucketTimetable   = "timetable"   // single records by the keys of signaling/timetable
	BucketLive        = "live"        // by lesson id: what happens in a lesson of this box
	BucketAudit       = "audit"       // who did what that others have a right to know of, in the order of time
	BucketCameras     = "cameras"     // by camera id
	BucketBoxes       = "boxes"       // by box id: the last word of each box below

	bucketSchema = "schema"
)

// Keys in BucketBox.
const (
	KeyMeta        = "meta"
	KeyParent      = "parent"
	KeyTokenSecret = "token-secret"
	KeyTechnicians = "technicians" // of signaling/auth: secret, key and used codes
	KeyOldCodes    = "old-codes"   // of signaling/auth: codes of rooms' phones that teachers have withdrawn
	KeyCall        = "call"        // of signaling/boxes: this box's own call for somebody to look
)

var keyVersion = []byte("version")

// migrations bring a file from version i to i+1, forward only; each runs in the transaction that raises the version.
var migrations = []func(*bolt.Tx) error{
	func(tx *bolt.Tx) error { // 1: the first buckets
		for _, b := range []string{BucketBox, BucketUsers, BucketSessions, BucketInvitations, BucketChildren, BucketLessons} {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	},
	func(tx *bolt.Tx) error { // 2: the timetable
		_, err := tx.CreateBucketIfNotExists([]byte(BucketTimetable))
		return err
	},
	func(tx *bolt.Tx) error { // 3: live lessons
		_, err := tx.CreateBucketIfNotExists([]byte(BucketLive))
		return err
	},
	func(tx *bolt.Tx) error { // 4: the audit
		_, err := tx.CreateBucketIfNotExists([]byte(BucketAudit))
		return err
	},
	func(tx *bolt.Tx) error { // 5: network cameras
		_, err := tx.CreateBucketIfNotExists([]byte(BucketCameras))
		return err
	},
	func(tx *bolt.Tx) error { // 6: what boxes below say of themselves
		_, err := tx.CreateBucketIfNotExists([]byte(BucketBoxes))
		return err
	},
}

func migrate(db *bolt.DB) error {
	version, err := schemaVersion(db)
	if err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("version %d, this program knows %d: %w", version, len(migrations), ErrNewer)
	}
	for ; version < len(migrations); version++ {
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(bucketSchema))
			if err != nil {
				return err
			}
			if err := migrations[version](tx); err != nil {
				return err
			}
			return b.Put(keyVersion, binary.BigEndian.AppendUint32(nil, uint32(version+1)))
		})
		if err != nil {
			return fmt.Errorf("migrate to version %d: %w", version+1, err)
		}
	}
	return nil
}

func schemaVersion(db *bolt.DB) (version int, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketSchema))
		if b == nil {
			return nil
		}
		data := b.Get(keyVersion)
		if len(data) != 4 {
			return fmt.Errorf("version of %d bytes", len(data))
		}
		version = int(binary.BigEndian.Uint32(data))
		return nil
	})
	return version, err
}
