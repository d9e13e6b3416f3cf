// Package consoletest tries the pages of a box in a real browser, against a box that is played: it speaks tongke.v1 as the README of package
// protocol says and shows whatever state a test wants to see.
package consoletest
