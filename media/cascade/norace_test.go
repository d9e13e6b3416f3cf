//go:build !race

package cascade

const slack = 1
