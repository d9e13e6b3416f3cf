// Package foreign runs WHIP and WHEP clients that this house did not write: python3-aiortc as Debian packs it, and Firefox ESR driven by a
// page that posts its result. The package itself has only tests; it shows which clients are known to work and how they are driven.
package foreign
