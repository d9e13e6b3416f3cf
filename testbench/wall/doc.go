// Package wall tries the wall screen of a classroom in a real Chromium: every state as it is drawn, and the page against a box whose pages,
// sessions and media are real and whose lesson is whatever the test says.
package wall
