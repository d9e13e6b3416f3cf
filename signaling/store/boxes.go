package store

// The actions around a call for somebody to look that leave a row in the audit.
const (
	AuditCall     = "box.call"      // somebody in the room of this box asked
	AuditCallBack = "box.call.back" // and took it back
	AuditCallSeen = "box.call.seen" // somebody here knows of a box's call
	AuditCallDone = "box.call.done" // and dealt with it
)
