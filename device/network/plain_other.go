//go:build !unix

package network

// plainOnly is nothing where there is no helper.
const plainOnly = 0
