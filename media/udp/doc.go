// Package udp is where media meets the network: one socket for all peers of a box, the mux that shares it among ICE candidates, the
// tunnels that stand in for it where UDP does not pass, and the one TCP port that carries HTTPS and ICE-TCP side by side. It knows
// addresses and datagrams, nothing of what is in them beyond the first bytes.
//
// # Ownership
//
// A Conn owns its socket, its send queue and the list of its tunnels; it starts no goroutine. Who reads it is its reader: normally a Mux,
// which takes the Conn over, starts one goroutine and waits for it in Close. Close ends reads and writes with net.ErrClosed and lets
// every Tunnel.Run return; closing twice is harmless. Nothing else makes a read fail: one ICMP message must not end a lesson, and
// muxes close for good on a read error. A Tunnel belongs to the goroutine in its Run, a Splitter to the one in its Run.
//
// # Cork
//
// Between Cork and Uncork all datagrams, from whatever goroutine, are copied into a queue that exists from the start; Uncork hands them to
// the kernel with one system call for up to 256 datagrams (sendmmsg on Linux, one call each elsewhere). Calls nest: the last Uncork
// sends. A full queue is sent early. Cork for the length of one fan-out, never across a wait: STUN and DTLS of all peers wait with you.
// Order is kept for each writer. No write ever waits for the network: a datagram the kernel refuses for its destination is skipped, and
// when the socket's buffer is full the rest of the batch is dropped. Both are counted in Stats and not reported, as UDP would lose them.
//
// # Sending from the right address
//
// A host with several addresses must answer from the one that was asked, or the peer's ICE check fails (RFC 8445 §7.2.5.2.1: the
// addresses of a response must mirror the request). On the wildcard address the kernel tells with each datagram where it came in and takes
// with each where it shall leave (packet information, RFC 3542 §6; Linux). A Mux sends from the address of the candidate that writes. A
// Conn without a Mux, and a candidate that a peer reached at another address than its own, use a bounded table of where each remote
// was last seen. Where the address to send from is gone, or the platform has no such thing, the kernel chooses by its routes.
//
// # Synthetic addresses
//
// A tunnel carries datagrams over something that is not UDP (a WebSocket to the parent's HTTPS port). To ICE it is just another address:
// each tunnel has one in 100::/64, the discard-only prefix of RFC 6666, with the discard port 9 (RFC 863). No host may have such an
// address and every router throws away what is sent to it, so it can be mistaken for no peer; it needs no IPv6 on the host because
// it never reaches the kernel. Datagrams from the tunnel are read from the Conn as coming from that address, and writes to it go into
// the tunnel's bounded queue. What arrives from the real network claiming such a source is dropped.
//
// Both ends need a candidate in that range. The parent's is always ParentAddr (Mux.Tunnel(ParentAddr)), and the child adds its tunnel under
// ParentAddr. The child draws its own with RandomAddr, presents it (Mux.Tunnel) and tells the parent before it offers; the parent adds
// its end under that. So a parent has many tunnels on the Conn that serves UDP too, and a child may have no socket at all (NewVirtual).
package udp
