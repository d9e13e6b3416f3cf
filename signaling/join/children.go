package join

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tongke/signaling/store"
)

// place3 is where a child stands and what it is called.
type place3 struct{ campus, classroom, name string }

func (p place3) valid() bool {
	return place(p.campus) && (p.classroom == "" || place(p.classroom)) && place(p.name)
}

// By is who takes a box's place away, for the audit.
type By struct {
	Name string // of a person, or of the box that takes the place; "operator" at the command line
	Role string
}

// withdraw is the one place where a box below loses its own, and where that is written down.
func withdraw(tx *store.Tx, c store.Child, by By, successor string) error {
	row := store.AuditRow{
		At: time.Now().UTC(), Action: store.AuditWithdraw, Who: by.Name, Role: by.Role, Campus: c.CampusID, Object: c.ID,
		Detail: map[string]string{"name": c.Name, "classroom": c.Classroom},
	}
	if successor != "" {
		row.Detail["replaced by"] = successor
	}
	if err := tx.Audit(row); err != nil {
		return err
	}
	return store.Children.Delete(tx, c.ID)
}

// takeOver withdraws the box that a new one stands in for and gives the new one what was not said otherwise: its campus and classroom.
func takeOver(tx *store.Tx, old, id string, at place3, by By) (place3, error) {
	if old == "" || old == id {
		return at, nil
	}
	c, err := store.Children.Get(tx, old)
	if errors.Is(err, store.ErrNotFound) {
		return at, ErrNoBox
	}
	if err != nil {
		return at, err
	}
	if at.campus == "" {
		at.campus, at.classroom = c.CampusID, c.Classroom
	}
	return at, withdraw(tx, c, by, id)
}

// WithdrawBox takes a child's place away: its certificate is refused from now on. Whoever runs the uplinks is told by Host.Left, or has to
// end them when this is called without a host.
func WithdrawBox(s *store.Store, id string, by By) (c store.Child, err error) {
	err = s.Update(func(tx *store.Tx) error {
		if c, err = store.Children.Get(tx, id); errors.Is(err, store.ErrNotFound) {
			return ErrNoBox
		} else if err != nil {
			return err
		}
		return withdraw(tx, c, by, "")
	})
	return c, err
}

// Withdraw takes a child's place away and closes its uplink at once.
func (h *Host) Withdraw(id string, by By) (store.Child, error) {
	c, err := WithdrawBox(h.Store, id, by)
	if err != nil {
		return c, err
	}
	h.Log.Warn("box withdrawn", "peer", c.Name, "box", c.ID, "campus", c.CampusID, "classroom", c.Classroom)
	h.left(id)
	return c, nil
}

func (h *Host) left(id string) {
	if h.Left != nil && id != "" {
		h.Left(id)
	}
}

// joined tells whom it concerns that a child came, and in whose place.
func (h *Host) joined(c store.Child, replaces string) {
	h.Log.Info("box joined", "peer", c.Name, "box", c.ID, "campus", c.CampusID, "classroom", c.Classroom, "replaces", replaces)
	if replaces != c.ID {
		h.left(replaces)
	}
	if h.Joined != nil {
		h.Joined(c)
	}
}

// awayLeast is how long a box has to be away before another may take its room without the core's administrator.
const awayLeast = 10 * time.Minute

// Room is a classroom that a box could stand in: one without a box, or one whose box is away.
type Room struct {
	Campus      string `json:"campus"`
	Classroom   string `json:"classroom"`
	Box         string `json:"box,omitempty"` // id of the one that is away
	Name        string `json:"name,omitempty"`
	AwaySeconds int    `json:"awaySeconds,omitempty"`
}

// RoomWish is which room a box below wants to stand in.
type RoomWish struct {
	Classroom  string `json:"classroom,omitempty"`
	ReplaceBox string `json:"replaceBox,omitempty"` // box id: its room, and the box is withdrawn
}

// Placed is where a box stands from now on.
type Placed struct {
	CampusID  string `json:"campusId"`
	Classroom string `json:"classroom,omitempty"`
	BoxName   string `json:"boxName"`
}

// ChildOf recognises a box below by the certificate that its end of TLS showed: its key has to be the one that joined.
func (h *Host) ChildOf(peer *x509.Certificate) (store.Child, error) {
	if peer == nil {
		return store.Child{}, ErrNoBox
	}
	id, ok := h.Identity.IDOf(peer)
	if !ok {
		return store.Child{}, ErrNoBox
	}
	c, err := h.Store.Child(id)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Pin != h.Identity.Pin(peer) {
		return store.Child{}, ErrNoBox
	}
	return c, err
}

// Rooms are those of a child's campus that it could stand in. Planned ones are known by the timetable.
func (h *Host) Rooms(c store.Child) ([]Room, error) {
	children, err := h.Store.Children()
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	rooms := []Room{}
	for _, o := range children {
		if o.CampusID != c.CampusID || o.ID == c.ID {
			continue
		}
		taken[o.Classroom] = true
		if away, gone := h.away(o); gone {
			rooms = append(rooms, Room{o.CampusID, o.Classroom, o.ID, o.Name, int(away / time.Second)})
		}
	}
	if h.Planned != nil {
		for _, name := range h.Planned(c.CampusID) {
			if place(name) && !taken[name] {
				taken[name] = true
				rooms = append(rooms, Room{Campus: c.CampusID, Classroom: name})
			}
		}
	}
	return rooms, nil
}

// away is how long a box has been away, if it is.
func (h *Host) away(c store.Child) (time.Duration, bool) {
	if h.Online != nil && h.Online(c.ID) {
		return 0, false
	}
	last := c.LastSeen
	if last.IsZero() {
		last = c.Joined
	}
	if h.Began.After(last) { // before that nobody looked
		last = h.Began
	}
	return max(0, time.Since(last)), true
}

// TakeRoom gives a child a room of its campus. A box that stands there is withdrawn if it has been away for ten minutes; one that is there
// is for the core's administrator to withdraw.
func (h *Host) TakeRoom(c store.Child, wish RoomWish) (Placed, error) {
	old := wish.ReplaceBox
	err := h.Store.Update(func(tx *store.Tx) error {
		now, err := store.Children.Get(tx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNoBox
		}
		if err != nil {
			return err
		}
		c = now
		if old != "" {
			o, err := store.Children.Get(tx, old)
			if errors.Is(err, store.ErrNotFound) || err == nil && (o.CampusID != c.CampusID || o.ID == c.ID) {
				return ErrNoBox
			}
			if err != nil {
				return err
			}
			if away, gone := h.away(o); !gone || away < awayLeast {
				return ErrOccupied
			}
			wish.Classroom = o.Classroom
			if err := withdraw(tx, o, By{c.Name, "box"}, c.ID); err != nil {
				return err
			}
		}
		if wish.Classroom != "" && !place(wish.Classroom) {
			return ErrPlace
		}
		rows, err := store.Children.All(tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Key != c.ID && r.Value.CampusID == c.CampusID && r.Value.Classroom == wish.Classroom {
				return ErrOccupied
			}
		}
		c.Classroom = wish.Classroom
		return store.Children.Put(tx, c.ID, c)
	})
	if err != nil {
		return Placed{}, err
	}
	h.Log.Info("box took a room", "peer", c.Name, "box", c.ID, "campus", c.CampusID, "classroom", c.Classroom, "replaces", old)
	h.left(old)
	return Placed{c.CampusID, c.Classroom, c.Name}, nil
}

// Dial is how a box reaches its parent: by the addresses it remembers, one after the other.
type Dial struct {
	Parent store.Parent
	URLs   []string                              // in the place of the parent's own; nil: those
	TLS    *tls.Config                           // shows this box's identity certificate and takes the parent's key only
	Proxy  func(*http.Request) (*url.URL, error) // nil: none
}

// The paths that a box below asks its parent at, beside the uplink.
const (
	RoomsPath = "/api/v1/below/rooms"
	RoomPath  = "/api/v1/below/room"
	KeyPath   = "/api/v1/below/technician-key"
)

// BoxKey is the key of the codes that open one box.
type BoxKey struct {
	Key []byte `json:"key"`
}

// Rooms asks the parent which rooms there are for this box.
func Rooms(ctx context.Context, d Dial) (rooms []Room, err error) {
	err = d.ask(ctx, http.MethodGet, RoomsPath, nil, &rooms)
	return rooms, err
}

// TakeRoom asks the parent for a room; Move then writes it down here.
func TakeRoom(ctx context.Context, d Dial, wish RoomWish) (p Placed, err error) {
	if err := d.ask(ctx, http.MethodPut, RoomPath, wish, &p); err != nil {
		return p, err
	}
	if !place(p.CampusID) || p.Classroom != "" && !place(p.Classroom) || !place(p.BoxName) {
		return p, ErrRequest
	}
	return p, nil
}

// TechnicianKey asks the parent for the key of this box's codes.
func TechnicianKey(ctx context.Context, d Dial) (key []byte, err error) {
	var k BoxKey
	err = d.ask(ctx, http.MethodGet, KeyPath, nil, &k)
	return k.Key, err
}

// Move writes down where the parent put this box.
func Move(s *store.Store, p Placed) error {
	return s.Update(func(tx *store.Tx) error {
		parent, err := store.Parents.Get(tx, store.KeyParent)
		if err != nil {
			return err
		}
		m, err := store.Metas.Get(tx, store.KeyMeta)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		parent.CampusID, parent.Classroom = p.CampusID, p.Classroom
		if m.CampusID != p.CampusID {
			m.CampusName = ""
		}
		m.CampusID, m.Classroom, m.BoxName = p.CampusID, p.Classroom, p.BoxName
		if err := store.Metas.Put(tx, store.KeyMeta, m); err != nil {
			return err
		}
		return store.Parents.Put(tx, store.KeyParent, parent)
	})
}

// ask sends one request to the first address that answers.
func (d Dial) ask(ctx context.Context, method, path string, in, out any) error {
	_, _, err := d.askAt(ctx, method, path, in, out)
	return err
}

// askAt also says which address answered, and what time it was there: that also where it refuses.
func (d Dial) askAt(ctx context.Context, method, path string, in, out any) (at string, heard Heard, err error) {
	client, end := newClient(d.Proxy, d.TLS)
	defer end()
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return "", heard, err
		}
	}
	urls := d.URLs
	if len(urls) == 0 {
		urls = d.Parent.URLs
	}
	last := errors.New("it has no address")
	for _, base := range urls {
		j := &joiner{base: base, client: client}
		data, _, status, err := j.do(ctx, method, path, body)
		if err != nil {
			last = err
			continue
		}
		if status/100 != 2 {
			return "", j.heard, refused(data, status)
		}
		if err := strict(data, out); err != nil {
			return "", j.heard, fmt.Errorf("%w: its answer makes no sense", ErrUnreachable)
		}
		return base, j.heard, nil
	}
	return "", heard, fmt.Errorf("%w: %w", ErrUnreachable, last)
}
