package main

import (
	"context"
	"fmt"
	"time"

	"tongke/signaling/join"
	"tongke/signaling/store"
)

// newHost is the parent's side of joining.
func (d *daemon) newHost() *join.Host {
	return join.NewHost(join.Host{
		Store: d.store, Identity: joinIdentity(d.box), Name: d.name, URLs: d.urls, Log: d.log.With("part", "join"),
		Left: d.node.Drop, Online: d.online, Began: time.Now(), Planned: d.plannedRooms, Moved: d.parentMoved,
	})
}

// newPairer is the child's side of joining by digits.
func (d *daemon) newPairer() *join.Pairer {
	return join.NewPairer(join.PairerConfig{
		Store: d.store, Identity: joinIdentity(d.box), TLS: d.box.ClientTLS(""), Proxy: d.cfg.Uplink.proxy(), Name: d.name,
		Adopted: d.adopted, Log: d.log.With("part", "pairing"),
	})
}

// adopted goes to the parent that was just written down.
func (d *daemon) adopted(name string) error {
	d.box.SetName(name)
	return d.useParent()
}

// plannedRooms are the classrooms of a campus that stand in the timetable.
func (d *daemon) plannedRooms(campus string) (rooms []string) {
	t, err := d.timetable.Current()
	if err != nil {
		d.log.Error("timetable not read", "err", err)
		return nil
	}
	for _, e := range t.Entries {
		for _, m := range e.Members {
			if m.Campus == campus && m.Classroom != "" {
				rooms = append(rooms, m.Classroom)
			}
		}
	}
	return rooms
}

// dialParent is how this box asks its parent beside the uplink; false without one.
func (d *daemon) dialParent() (join.Dial, bool) {
	p, ok, err := d.store.Parent()
	if err != nil || !ok {
		return join.Dial{}, false
	}
	urls := d.cfg.bench.urls(append(append([]string(nil), p.URLs...), d.cfg.Uplink.Alternatives...))
	return join.Dial{Parent: p, URLs: urls, TLS: d.box.ClientTLS(p.Pin), Proxy: d.cfg.Uplink.proxy()}, true
}

// pairCmd joins a parent by comparing digits.
type pairCmd struct {
	Replace bool   `help:"Leave the present parent. 换上级。"`
	URL     string `arg:"" name:"url" help:"Address of the parent. 上级学校的地址。"`
	Data    string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

// pairAnswer is the daemon's word on how the pairing stands.
type pairAnswer struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Digits  string `json:"digits"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Name    string `json:"name"`
}

const pairPath = "/api/v1/device/pairing"

// Run prints "joined NAME" when people at both ends have found the digits the same.
func (c *pairCmd) Run(con *console) error {
	dir, err := commandDir(c.Data)
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, err = withBox(dir,
		func(ctl *control) error { return con.pair(ctx, ctl, c.URL, c.Replace) },
		func(*store.Store) error {
			return &fault{exit: exitFailed, code: "not-running", en: "start the daemon first: tongke run", zh: "请先启动本机服务"}
		})
	return joinFault(err)
}

// pair follows one pairing to its end. Without a terminal nobody compares, and the first line of standard input says whether they are the
// same.
func (c *console) pair(ctx context.Context, ctl *control, url string, replace bool) error {
	var at pairAnswer
	if err := ctl.call(ctx, "POST", pairPath, map[string]any{"address": url, "replace": replace}, &at); err != nil {
		return err
	}
	asked := false
	for {
		if err := ctl.call(ctx, "GET", pairPath, nil, &at); err != nil {
			return err
		}
		switch at.State {
		case join.PairAccepted:
			fmt.Fprintf(c.out, "joined %s\n", at.Name)
			return nil
		case join.PairRefused, join.PairExpired, join.PairFailed, join.PairIdle:
			return &refusal{Code: at.Code, Message: at.Message}
		case join.PairCompare:
			if asked {
				break
			}
			asked = true
			same := c.ask(fmt.Sprintf("%s  Does the parent show the same digits? 上级学校显示的数字一样吗？ [y/N] ", at.Digits))
			if err := ctl.call(ctx, "POST", pairPath+"/"+at.ID, map[string]bool{"same": same}, nil); err != nil {
				return err
			}
			if same {
				fmt.Fprintln(c.err, "Now the parent has to say so too. 请上级学校也按"+`"一致"。`)
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
}
