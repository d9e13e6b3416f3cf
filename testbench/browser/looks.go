package browser

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed audit.js
var auditJS string

// Size is a window in CSS pixels.
type Size struct{ Width, Height int64 }

// Sizes are the windows that pages for desks and phones are looked at in.
var Sizes = []Size{{1920, 1080}, {1366, 768}, {390, 844}}

func (s Size) String() string { return fmt.Sprintf("%dx%d", s.Width, s.Height) }

// Resize makes the window of a tab that large.
func Resize(t *Tab, s Size) error { return t.Do(chromedp.EmulateViewport(s.Width, s.Height)) }

// Audit says what is wrong with a page as it stands: targets below 48 px, contrast below 4.5 (3 for large text), controls without a name,
// clipped text, a page wider than its window.
func Audit(t *Tab) ([]string, error) {
	return Eval[[]string](t, auditJS+"\nwindow.audit();")
}

// Shoot keeps a picture of the whole page under $SCREENS/name.png; without SCREENS it does nothing.
func Shoot(t *Tab, name string) error {
	dir := os.Getenv("SCREENS")
	if dir == "" {
		return nil
	}
	png, err := Run(t, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o644)
}
