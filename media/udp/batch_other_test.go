//go:build !linux

package udp

const sendsBatches = false
