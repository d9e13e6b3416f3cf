package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = ""

// versionCmd prints version and build.
type versionCmd struct{}

func (versionCmd) Run(con *console) error {
	fmt.Fprintf(con.out, "tongke %s\n", programVersion())
	build, revision, when, changed := "", "", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.time":
				when = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					changed = ", with changes"
				}
			}
		}
	}
	build = fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if revision != "" {
		build += fmt.Sprintf(", commit %.12s of %s%s", revision, when, changed)
	}
	fmt.Fprintf(con.out, "build: %s\n", build)
	return nil
}

// programVersion is the version in one word, also told to other boxes.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
