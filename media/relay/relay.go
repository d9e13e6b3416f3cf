// Package relay is the hot path: up tracks, their caches, down tracks, and who subscribes to whom. One goroutine (Run) owns all of it;
// everything else reaches it through a mailbox that never blocks. It knows sources and slots, no person and no peer connection.
package relay
