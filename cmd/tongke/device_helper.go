package main

import (
	"context"
	"time"

	"tongke/device/network"
)

// networkHelperCmd is started by tongke-network.path, as root: it writes what the daemon may not.
type networkHelperCmd struct{}

// helperLimit bounds one request; networkctl waits for nothing.
const helperLimit = 15 * time.Second

// Run does the one request that lies there.
func (*networkHelperCmd) Run(*console) error {
	ctx, cancel := context.WithTimeout(context.Background(), helperLimit)
	defer cancel()
	return network.Helper{
		Files: network.DefaultFiles(), Etc: "/etc/systemd/network", Runs: "/run/systemd/network", Run: runProgram,
	}.Serve(ctx)
}
