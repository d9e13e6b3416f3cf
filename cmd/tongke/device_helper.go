package main

import (
	"context"
	"time"

	"tongke/device/network"
)

// helperCmd is started by tongke-network.path, as root: it writes what the daemon may not.
type helperCmd struct{}

// helperLimit bounds one request; networkctl waits for nothing.
const helperLimit = 15 * time.Second

// Run does the one request that lies there.
func (*helperCmd) Run(*console) error {
	ctx, cancel := context.WithTimeout(context.Background(), helperLimit)
	defer cancel()
	return network.Helper{
		Files: network.DefaultFiles(), Etc: "/etc/systemd/network", Runs: "/run/systemd/network", Run: runProgram,
	}.Serve(ctx)
}
