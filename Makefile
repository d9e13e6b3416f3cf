# The names of what a developer runs; what needs more than two commands is a script in .ci.
# make test BROWSER=0 leaves out the tests that need Chromium or Firefox.

export BROWSER ?= 1

.PHONY: build test lint cross fuzz bench scenarios screens powercut package packagetest boottest vmtest clean

# The daemon for this machine, in dist/.
build:
	CGO_ENABLED=0 go build -trimpath -o dist/tongke ./cmd/tongke

# Everything that a change must pass: lint, cross, fuzz, lessons over bad lines, as root the package, then all tests with the race detector.
test:
	@.ci/test

# gofmt, go vet, staticcheck, tsc over the pages' scripts; govulncheck too when VULNDB names its database.
lint:
	@.ci/lint

# The other systems that a box may run on must compile.
cross:
	@.ci/cross

# Every fuzz target for FUZZCOUNT inputs (20000), at most FUZZLIMIT seconds (4) each.
fuzz:
	@.ci/fuzz

# What a packet costs, part by part; then a box under load beside stock pion (two minutes).
bench:
	go test -run '^$$' -bench . -benchmem ./media/...
	go test -run '^$$' -bench . -benchtime 1x ./testbench/peer/load

# A lesson over emulated lines, every scenario (six minutes); SCENARIO="clean loss-5" for some. Figures and page in out/bench.*.
scenarios: export SCENARIO ?= all
scenarios:
	@.ci/bench

# Every state of every page at every size in both languages, as pictures in out/screens, for a person to look at (ten minutes).
# STATES=live,hand.up and PAGES=class,teach,assist,home choose some.
screens:
	SCREENS=$(CURDIR)/out/screens go test ./testbench/browser -run TestScreens -count=1 -timeout 30m -v
	SCREENS=$(CURDIR)/out/screens/library go test ./testbench/library -run 'TestLooks|TestFirefox' -count=1 -timeout 30m -v

# The .deb packages for amd64 and arm64, the wall screen's, and a zip for Windows, in dist/package. The same commit gives the same bytes.
package:
	@.ci/package

# Builds the package twice, then installs, upgrades, removes and purges it in a small Debian (as root; two minutes the first time).
packagetest:
	@.ci/packagetest

# Pulls the plug N times while the product writes, and what the journal costs a disk (as root; 5000 cuts take half an hour).
powercut: export POWERCUT = $(N)
powercut:
	go test ./testbench/powercut -run . -count=1 -timeout 3h -v

# Boots the package under systemd in a container (as root, systemd-container): ready in its sandbox, restarted when it hangs.
boottest:
	@.ci/boottest

# The package in a whole virtual machine, its plug pulled CUTS times in a recorded lesson (as root, by hand).
vmtest:
	@.ci/vmtest

clean:
	rm -rf dist out
