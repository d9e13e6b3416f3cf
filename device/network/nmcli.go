package network

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// NetworkManager is the one of that name, by its program nmcli (1.22 or later).
type NetworkManager struct{ Run Runner }

// The names of our connections: tried ones live in memory only.
const (
	triedPrefix = "tongke-try-"
	keptPrefix  = "tongke-"
	priority    = "100" // over what is there already, which has 0 or a little more
)

// Name is as people know it.
func (NetworkManager) Name() string { return "NetworkManager" }

// Running reports whether it answers.
func (n NetworkManager) Running(ctx context.Context) bool {
	out, err := n.Run(ctx, nil, "nmcli", "-t", "-f", "RUNNING", "general")
	return err == nil && strings.TrimSpace(string(out)) == "running"
}

// device asks for what it knows of an interface.
func (n NetworkManager) device(ctx context.Context, name string) (map[string][]string, error) {
	out, err := n.Run(ctx, nil, "nmcli", "-t", "-f", "GENERAL.STATE,GENERAL.CON-UUID,IP4.DNS", "device", "show", name)
	if err != nil {
		return nil, errManager("nmcli device show", err)
	}
	return parseFields(out), nil
}

// Told asks for the device and its connection.
func (n NetworkManager) Told(ctx context.Context, name string, wifi bool) (t Told, managed bool, err error) {
	dev, err := n.device(ctx, name)
	if err != nil {
		return t, false, err
	}
	state, _, _ := strings.Cut(first(dev, "GENERAL.STATE"), " ")
	if code, err := strconv.Atoi(state); err != nil || code <= 10 { // NM_DEVICE_STATE_UNMANAGED
		return t, false, nil
	}
	for key, values := range dev {
		if strings.HasPrefix(key, "IP4.DNS") {
			t.DNS = append(t.DNS, addresses(values)...)
		}
	}
	slices.SortFunc(t.DNS, netip.Addr.Compare) // the fields come in no order
	if uuid := first(dev, "GENERAL.CON-UUID"); validUUID(uuid) {
		out, err := n.Run(ctx, nil, "nmcli", "-t", "-f", "ipv4.method,ipv4.dns,802-11-wireless.ssid", "connection", "show", "uuid", uuid)
		if err != nil {
			return t, true, errManager("nmcli connection show", err)
		}
		con := parseFields(out)
		t.Mode = map[string]string{"auto": DHCP, "manual": Static}[first(con, "ipv4.method")]
		t.SSID = first(con, "802-11-wireless.ssid")
		if own := addresses(strings.Split(first(con, "ipv4.dns"), ",")); len(own) > 0 {
			t.DNS = own // in the order in which they were given
		}
	}
	if wifi {
		// A radio that is off has no list; that is no fault.
		if out, err := n.Run(ctx, nil, "nmcli", "-t", "-e", "yes", "-f", "SIGNAL,SSID", "device", "wifi", "list", "ifname", name); err == nil {
			t.Networks = parseWifi(out)
		}
	}
	return t, true, nil
}

// Before is the connection that is active.
func (n NetworkManager) Before(ctx context.Context, name string) (string, error) {
	dev, err := n.device(ctx, name)
	if err != nil {
		return "", err
	}
	if uuid := first(dev, "GENERAL.CON-UUID"); validUUID(uuid) {
		return uuid, nil
	}
	return "", nil
}

// Try adds a connection in memory and activates it. Settings with a password go through standard input, so that no other user of the
// machine reads it from the list of processes.
func (n NetworkManager) Try(ctx context.Context, s Settings) error {
	id := triedPrefix + s.Name
	_, _ = n.Run(ctx, nil, "nmcli", "connection", "delete", "id", id) // one of before is no fault, none is neither
	add := append([]string{"nmcli", "connection", "add", "save", "no"}, n.properties(s, id)...)
	if _, err := n.Run(ctx, nil, add...); err != nil {
		return errManager("nmcli connection add", err)
	}
	if s.Password != "" {
		script := "set 802-11-wireless-security.key-mgmt wpa-psk\nset 802-11-wireless-security.psk " + s.Password + "\nsave temporary\nquit\n"
		if _, err := n.Run(ctx, []byte(script), "nmcli", "connection", "edit", "id", id); err != nil {
			return errManager("nmcli connection edit", err)
		}
	}
	if _, err := n.Run(ctx, nil, "nmcli", "--wait", "25", "connection", "up", "id", id, "ifname", s.Name); err != nil {
		return errManager("nmcli connection up", err)
	}
	return nil
}

func (NetworkManager) properties(s Settings, id string) []string {
	kind := "ethernet"
	if s.SSID != "" {
		kind = "wifi"
	}
	p := []string{"type", kind, "con-name", id, "ifname", s.Name, "autoconnect", "yes", "connection.autoconnect-priority", priority}
	if s.SSID != "" {
		p = append(p, "ssid", s.SSID)
	}
	method := "auto"
	if s.Mode == Static {
		method = "manual"
	}
	p = append(p, "ipv4.method", method)
	if s.Mode == Static {
		p = append(p, "ipv4.addresses", s.Address.String())
		if s.Gateway.IsValid() {
			p = append(p, "ipv4.gateway", s.Gateway.String())
		}
	}
	four, six := split(s.DNS)
	if four != "" {
		p = append(p, "ipv4.dns", four, "ipv4.ignore-auto-dns", "yes")
	}
	if six != "" {
		p = append(p, "ipv6.dns", six)
	}
	return p
}

// split writes servers of each family as nmcli takes them.
func split(list []netip.Addr) (four, six string) {
	var a, b []string
	for _, s := range list {
		if s.Is4() {
			a = append(a, s.String())
		} else {
			b = append(b, s.String())
		}
	}
	return strings.Join(a, ","), strings.Join(b, ",")
}

// Keep writes the tried connection to disk under its lasting name; one of ours from before goes.
func (n NetworkManager) Keep(ctx context.Context, s Settings, before string) error {
	id := keptPrefix + s.Name
	old := n.uuidsOf(ctx, id)
	if _, err := n.Run(ctx, nil, "nmcli", "connection", "modify", "id", triedPrefix+s.Name, "connection.id", id); err != nil {
		return errManager("nmcli connection modify", err)
	}
	for _, uuid := range old {
		_, _ = n.Run(ctx, nil, "nmcli", "connection", "delete", "uuid", uuid) // left over it is only second choice: the younger wins
	}
	return nil
}

func (n NetworkManager) uuidsOf(ctx context.Context, id string) (uuids []string) {
	out, err := n.Run(ctx, nil, "nmcli", "-t", "-e", "yes", "-f", "UUID,NAME", "connection", "show")
	if err != nil {
		return nil
	}
	for _, row := range parseRows(out) {
		if len(row) == 2 && row[1] == id && validUUID(row[0]) {
			uuids = append(uuids, row[0])
		}
	}
	return uuids
}

// Undo goes back to what was active and removes what was tried.
func (n NetworkManager) Undo(ctx context.Context, name, before string) error {
	tried := n.uuidsOf(ctx, triedPrefix+name)
	if len(tried) == 0 {
		return nil // a power cut was quicker, or nothing was tried
	}
	if validUUID(before) && !slices.Contains(tried, before) {
		// Nobody waits for an address that may never have come; when it cannot be begun at all, the removal below has the best that is
		// left take its place.
		_, _ = n.Run(ctx, nil, "nmcli", "--wait", "0", "connection", "up", "uuid", before, "ifname", name)
	}
	for _, uuid := range tried {
		if _, err := n.Run(ctx, nil, "nmcli", "connection", "delete", "uuid", uuid); err != nil {
			return errManager("nmcli connection delete", err)
		}
	}
	return nil
}

// parseFields reads the lines "KEY:value" of one object; indexed keys, as IP4.DNS[1], keep their index.
func parseFields(out []byte) map[string][]string {
	fields := map[string][]string{}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && key != "" {
			fields[key] = append(fields[key], value)
		}
	}
	return fields
}

func first(fields map[string][]string, key string) string {
	if v := fields[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// parseRows reads terse tabular output: columns by a colon; a colon and a backslash inside are escaped by a backslash.
func parseRows(out []byte) (rows [][]string) {
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var row []string
		var col strings.Builder
		line := s.Text()
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case c == '\\' && i+1 < len(line):
				i++
				col.WriteByte(line[i])
			case c == ':':
				row = append(row, col.String())
				col.Reset()
			default:
				col.WriteByte(c)
			}
		}
		rows = append(rows, append(row, col.String()))
	}
	return rows
}

const mostNetworks = 30

// parseWifi reads SIGNAL:SSID rows: each name once, the strongest first, hidden ones left out.
func parseWifi(out []byte) []string {
	type seen struct {
		name   string
		signal int
	}
	var all []seen
	for _, row := range parseRows(out) {
		if len(row) != 2 || row[1] == "" || len(row[1]) > 32 || strings.ContainsFunc(row[1], control) {
			continue
		}
		signal, err := strconv.Atoi(row[0])
		if err != nil {
			continue
		}
		all = append(all, seen{row[1], signal})
	}
	slices.SortStableFunc(all, func(a, b seen) int { return cmp.Compare(b.signal, a.signal) })
	var names []string
	for _, s := range all {
		if !slices.Contains(names, s.name) && len(names) < mostNetworks {
			names = append(names, s.name)
		}
	}
	return names
}

func addresses(list []string) (out []netip.Addr) {
	for _, text := range list {
		if a, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// validUUID: what goes into an argument is of this form.
func validUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
			return false
		}
	}
	return true
}
