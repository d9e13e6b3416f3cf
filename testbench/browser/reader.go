package browser

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// Control is something that can be used, as a screen reader tells it.
type Control struct{ Role, Name string }

// usable are the roles of controls.
var usable = []string{"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "slider", "spinbutton", "menuitem", "menuitemcheckbox", "menuitemradio", "switch", "tab"}

// Controls reads them from the tree that Chromium gives a screen reader, in its order.
func Controls(t *Tab) (all []Control, err error) {
	var tree accessibility.GetFullAXTreeResult
	err = t.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) (err error) {
		tree, err = chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		return err
	}))
	text := func(v *accessibility.Value) (s string) {
		if v != nil {
			_ = json.Unmarshal([]byte(v.Value), &s) // a number is no name
		}
		return s
	}
	for _, n := range tree.Nodes {
		if role := text(n.Role); !n.Ignored && slices.Contains(usable, role) {
			all = append(all, Control{role, text(n.Name)})
		}
	}
	return all, err
}
