package main

import (
	"context"
	"fmt"
	"time"

	"tongke/media/cascade"
	"tongke/media/packet"
	"tongke/signaling/auth"
	"tongke/signaling/join"
	"tongke/signaling/store"
)

const (
	trustEvery = time.Second // how often it is looked whether the parent can be asked
	askWait    = 30 * time.Second
	keyEvery   = time.Hour // asked again: the parent may have been set up anew, or have other addresses
	timeEvery  = time.Minute
)

// keepTrust asks the parent for the key of this box's technician's codes and for the parent's addresses when the uplink has come up, and
// every hour while it lasts, and what time it is there each minute. It notes the time that the parent says. It ends with ctx.
func (d *daemon) keepTrust(ctx context.Context) error {
	tick := time.NewTicker(trustEvery)
	defer tick.Stop()
	up, had, asked, timed := false, "", time.Time{}, time.Time{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		dial, ok := d.dialParent()
		if !ok || !d.node.Up(dial.Parent.ID) {
			up = false
			continue
		}
		due := !up || had != dial.Parent.ID || time.Since(asked) >= keyEvery
		if !due && time.Since(timed) < timeEvery {
			continue
		}
		timed = time.Now()
		if err := d.swapAddresses(ctx, dial, due); err != nil {
			d.log.Debug("addresses not exchanged", "err", err) // a parent of an older version has no list
		}
		if now, right := d.rightTime(); right {
			if err := d.auth.NoteTime(now); err != nil {
				d.log.Warn("time not noted", "err", err)
			}
		}
		if !due {
			continue
		}
		up, had, asked = true, dial.Parent.ID, time.Now()
		if err := d.fetchKey(ctx, dial); err != nil {
			d.log.Debug("technician's key not fetched", "err", err) // a parent of an older version has none; codes of this box's own remain
			asked = asked.Add(time.Minute - keyEvery)               // an answer may have been lost
		}
	}
}

func (d *daemon) fetchKey(ctx context.Context, dial join.Dial) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	key, err := join.TechnicianKey(ctx, dial)
	if err != nil {
		return err
	}
	return d.auth.UseTechnicianKey(dial.Parent.ID, key)
}

// rightTime is the time as the parent says it. A box without a parent has nobody better than itself; a member whose parent is away knows of
// no right time.
func (d *daemon) rightTime() (time.Time, bool) {
	parent, joined, err := d.store.Parent()
	if err != nil || !joined {
		return time.Now(), err == nil
	}
	return d.timeAt(parent.ID, d.node.Stats().Peers)
}

// timeAt is what time it is at a parent that is linked.
func (d *daemon) timeAt(parent string, links []cascade.PeerStats) (time.Time, bool) {
	for _, p := range links {
		if !p.Parent || !p.Up {
			continue
		}
		var media time.Time
		if p.RTT > 0 {
			media = time.Unix(0, int64(packet.Now())).Add(time.Duration(p.ClockOffset * float64(time.Second)))
		}
		if right, ok := d.theirs.right(parent, media, time.Now()); ok {
			return right, true
		}
	}
	return time.Now(), false
}

// technicianCmd makes a code for a technician.
type technicianCmd struct {
	Box      string        `help:"Id or name of a box below; otherwise this box. 哪台设备；不写就是本机。" placeholder:"BOX"`
	Password bool          `help:"For a new administrator's password at that box. 用来重设那台设备的管理员密码。"`
	For      time.Duration `default:"24h" help:"How long it can be used. 有效多久。"`
	Data     string        `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run prints the code as the last line of standard output.
func (c *technicianCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	ctx := context.Background()
	why := "technician"
	if c.Password {
		why = "password"
	}
	var answer struct {
		Code    string    `json:"code"`
		Expires time.Time `json:"expires"`
		Codes   []struct {
			Name string `json:"name"`
		} `json:"codes"`
	}
	_, err = withBox(dir,
		func(ctl *control) error {
			id, err := ctl.boxBelow(ctx, c.Box)
			if err != nil {
				return err
			}
			return ctl.call(ctx, "POST", "/api/v1/technician-codes", map[string]any{"box": id, "minutes": int(c.For / time.Minute), "for": why}, &answer)
		},
		func(*store.Store) error {
			return &fault{exit: exitFailed, code: "not-running", en: "start the daemon first: tongke run", zh: "请先启动本机服务"}
		})
	if err != nil {
		return joinFault(err)
	}
	fmt.Fprintf(con.err, "For the page /device of %s, until %s, once. 在这台设备的"+`"设备"`+"页输入，只能用一次。\n", answer.Codes[0].Name, answer.Expires.Local().Format("2006-01-02 15:04"))
	fmt.Fprintln(con.out, answer.Code)
	return nil
}

// boxBelow finds the id of a box below by its id or its name; "" stays "".
func (c *control) boxBelow(ctx context.Context, which string) (string, error) {
	if which == "" {
		return "", nil
	}
	var s struct {
		Children []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"children"`
	}
	if err := c.call(ctx, "GET", "/api/v1/status", nil, &s); err != nil {
		return "", err
	}
	for _, b := range s.Children {
		if b.ID == which || b.Name == which {
			return b.ID, nil
		}
	}
	return "", join.ErrNoBox
}

// operator is who works on a stopped box: root, or its own user, as auth.Operator is at the control socket.
var operator = join.By{Name: "operator", Role: string(auth.Operator)}

// withdrawCmd takes a box's place away.
type withdrawCmd struct {
	Yes  bool   `help:"Do not ask. 不再询问。"`
	Box  string `arg:"" help:"Id or name of a box below this one. 设备编号或名字。"`
	Data string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// Run prints "withdrawn NAME".
func (c *withdrawCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	if !c.Yes && (!con.asks() || !con.ask(fmt.Sprintf("Box %s loses its place and has to be invited anew. Withdraw it? 这台设备将不能再进课堂，确定吗？ [y/N] ", c.Box))) {
		return &fault{exit: exitRefused, code: "not-confirmed", en: "nothing was done; say yes, or add --yes", zh: "没有执行，请确认，或加 --yes"}
	}
	ctx := context.Background()
	_, err = withBox(dir,
		func(ctl *control) error {
			id, err := ctl.boxBelow(ctx, c.Box)
			if err != nil {
				return err
			}
			return ctl.call(ctx, "DELETE", "/api/v1/boxes/"+id, nil, nil)
		},
		func(s *store.Store) error {
			children, err := s.Children()
			if err != nil {
				return err
			}
			for _, b := range children {
				if b.ID == c.Box || b.Name == c.Box {
					_, err := join.WithdrawBox(s, b.ID, operator)
					return err
				}
			}
			return join.ErrNoBox
		})
	if err != nil {
		return joinFault(err)
	}
	fmt.Fprintf(con.out, "withdrawn %s\n", c.Box)
	return nil
}
