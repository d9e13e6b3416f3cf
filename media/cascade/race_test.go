//go:build race

package cascade

// slack stretches limits of time under the race detector, which is slow, and beside which CI runs other packages.
const slack = 4
