// Package firmware holds the data that goes into the program: the hardware profiles. It holds no code.
package firmware

import "embed"

// Profiles are the files profiles/*.toml.
//
//go:embed profiles/*.toml
var Profiles embed.FS
