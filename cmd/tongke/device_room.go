package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"tongke/signaling/api"
	"tongke/signaling/join"
	"tongke/signaling/store"
)

// errAlone: rooms are the parent's to give.
var errAlone = &api.DeviceError{
	Status: http.StatusConflict, Code: "parent-unknown",
	Text: api.Words{ZH: "还没加入核心校，先用邀请码加入。", EN: "This box has no parent yet; join one by an invitation."},
}

// Rooms asks the parent.
func (k *deviceDesk) Rooms(ctx context.Context) ([]api.DeviceRoomChoice, error) {
	dial, ok := k.d.dialParent()
	if !ok {
		return nil, errAlone
	}
	rooms, err := join.Rooms(ctx, dial)
	if err != nil {
		return nil, err
	}
	out := make([]api.DeviceRoomChoice, 0, len(rooms))
	for _, r := range rooms {
		out = append(out, api.DeviceRoomChoice{
			Campus: r.Campus, Classroom: r.Classroom, Name: strings.TrimSpace(r.Campus + " " + r.Classroom),
			Box: r.Box, BoxName: r.Name, Away: r.AwaySeconds,
		})
	}
	return out, nil
}

// SetRoom asks the parent for a room, or names the room of a box that has none.
func (k *deviceDesk) SetRoom(ctx context.Context, r api.RoomChange) (api.DeviceRoom, error) {
	d := k.d
	if err := d.inLesson(); err != nil {
		return api.DeviceRoom{}, err
	}
	if (r.Classroom == "") == (r.ReplaceBox == "") || r.Classroom != "" && !join.ValidName(r.Classroom) || r.Campus != "" && !join.ValidName(r.Campus) {
		return api.DeviceRoom{}, join.ErrPlace
	}
	dial, ok := d.dialParent()
	if !ok && r.ReplaceBox == "" {
		if err := d.store.UpdateMeta(func(m *store.Meta) { m.Classroom = r.Classroom }); err != nil {
			return api.DeviceRoom{}, err
		}
		return k.room()
	}
	if !ok {
		return api.DeviceRoom{}, errAlone
	}
	if m, err := d.store.Meta(); err != nil {
		return api.DeviceRoom{}, err
	} else if r.Campus != "" && r.Campus != m.CampusID {
		return api.DeviceRoom{}, errOtherCampus
	}
	placed, err := join.TakeRoom(ctx, dial, join.RoomWish{Classroom: r.Classroom, ReplaceBox: r.ReplaceBox})
	if err != nil {
		return api.DeviceRoom{}, err
	}
	if err := join.Move(d.store, placed); err != nil {
		return api.DeviceRoom{}, err
	}
	if err := d.adopted(placed.BoxName); err != nil {
		return api.DeviceRoom{}, err
	}
	return k.room()
}

// errOtherCampus: which campus a box stands on is said when it is invited.
var errOtherCampus = &api.DeviceError{
	Status: http.StatusConflict, Code: "campus-other", Field: "campus",
	Text: api.Words{ZH: "这台设备是邀请到别的学校的，请核心校重新发邀请码。", EN: "This box was invited to another school; ask the core for a new invitation."},
}

// FactoryReset erases everything, once the answer is on its way.
func (k *deviceDesk) FactoryReset(_ context.Context, typedName, who string) error {
	if err := k.mayEnd(typedName); err != nil {
		return err
	}
	if k.reset == nil {
		return errNoReset
	}
	k.d.log.Warn("factory reset", "by", who)
	return k.reset()
}

// offWait is for the answer to reach the person before the box goes.
const offWait = time.Second

// PowerOff switches the machine off by systemd-logind, which a rule of the package lets the daemon do.
func (k *deviceDesk) PowerOff(ctx context.Context, typedName, who string) error {
	if err := k.mayEnd(typedName); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, offWait)
	defer cancel()
	out, err := k.run(ctx, nil, "busctl", "--system", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "CanPowerOff")
	if err != nil || !strings.Contains(string(out), `"yes"`) {
		k.d.log.Warn("power off not possible", "answer", strings.TrimSpace(string(out)), "err", err)
		return errNoPowerOff
	}
	k.d.log.Warn("power off", "by", who)
	k.off()
	return nil
}

// errNoPowerOff: nobody on this machine lets the daemon switch it off.
var errNoPowerOff = &api.DeviceError{
	Status: http.StatusServiceUnavailable, Code: "poweroff-not-possible",
	Text: api.Words{ZH: "同课关不了这台设备，请直接关墙上的开关。", EN: "tongke cannot switch this box off; use the switch on the wall."},
}

// errNoReset: this daemon does not know how to begin anew.
var errNoReset = &api.DeviceError{
	Status: http.StatusServiceUnavailable, Code: "reset-not-possible",
	Text: api.Words{ZH: "这台设备不能在网页里恢复出厂。", EN: "This box cannot be reset by this page."},
}

// mayEnd refuses what ends the box's work in a lesson, or without the room's name.
func (k *deviceDesk) mayEnd(typedName string) error {
	if err := k.d.inLesson(); err != nil {
		return err
	}
	room, err := k.room()
	if err != nil {
		return err
	}
	if !typed(typedName, room, k.d.name()) {
		return errTyped(room)
	}
	return nil
}

// powerOff switches the machine off, a moment later.
func (d *daemon) powerOff() {
	time.AfterFunc(offWait, func() { // ends with the machine
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := runProgram(ctx, nil, "systemctl", "poweroff"); err != nil {
			d.log.Error("not switched off", "err", err)
		}
	})
}
