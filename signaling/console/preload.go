package console

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
)

var (
	script   = regexp.MustCompile(`<script type="module" src="/console/([a-z0-9-]+\.js)"></script>`)
	imported = regexp.MustCompile(`(?m)^(?:import|export)\s(?:[^;"]*\sfrom\s)?"\./([a-z0-9-]+\.js)";`)
)

// preload lets a page ask for all its scripts at once. Each imports others; found one after the other, every level costs a round trip, and
// a teacher's page has six levels.
func preload(html []byte, files fs.FS) ([]byte, error) {
	first := script.FindSubmatchIndex(html)
	if first == nil {
		return html, nil
	}
	names := []string{string(html[first[2]:first[3]])}
	known := map[string]bool{names[0]: true}
	var links bytes.Buffer
	for i := 0; i < len(names); i++ {
		body, err := fs.ReadFile(files, names[i])
		if err != nil {
			return nil, err
		}
		for _, m := range imported.FindAllSubmatch(body, -1) {
			if name := string(m[1]); !known[name] {
				known[name] = true
				names = append(names, name)
				fmt.Fprintf(&links, "<link rel=\"modulepreload\" href=\"/console/%s\">\n", name)
			}
		}
	}
	return bytes.Join([][]byte{html[:first[0]], links.Bytes(), html[first[0]:]}, nil), nil
}
