package main

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// keyFault is one thing wrong with a configuration file.
type keyFault struct {
	line int    // 1-based; 0 when the key is not in the file
	key  string // full, such as log.level; "" for a fault of the file's form
	text string // what is wrong and what to write instead
}

func (k keyFault) Error() string {
	if k.key == "" {
		return k.text
	}
	return k.key + ": " + k.text
}

// decodeStrict fills the struct that into points to from a TOML document and reports every fault in it, not just the first: the form,
// keys that no field has, and values of the wrong type. lines tells on which line each key stands. A field keeps its value when the
// document does not name it or is wrong about it.
func decodeStrict(doc []byte, into any) (lines map[string]int, faults []keyFault) {
	tree := map[string]any{}
	if err := toml.Unmarshal(doc, &tree); err != nil {
		f := keyFault{text: strings.TrimPrefix(err.Error(), "toml: ") + "; correct the line, or see tongke.toml in the package for the form"}
		var de *toml.DecodeError
		if errors.As(err, &de) {
			f.line, _ = de.Position()
		}
		return nil, []keyFault{f}
	}
	lines = keyLines(doc)
	d := decoder{lines: lines}
	d.table("", tree, reflect.ValueOf(into).Elem())
	sort.SliceStable(d.faults, func(i, j int) bool { return d.faults[i].line < d.faults[j].line })
	return lines, d.faults
}

type decoder struct {
	lines  map[string]int
	faults []keyFault
}

func (d *decoder) fault(key, format string, args ...any) {
	d.faults = append(d.faults, keyFault{line: d.lines[key], key: key, text: fmt.Sprintf(format, args...)})
}

// table walks one table of the document beside the struct that describes it.
func (d *decoder) table(prefix string, tree map[string]any, to reflect.Value) {
	fields := map[string]reflect.Value{}
	for i := range to.NumField() {
		if name := to.Type().Field(i).Tag.Get("toml"); name != "" {
			fields[name] = to.Field(i)
		}
	}
	for name, value := range tree {
		key := prefix + name
		field, ok := fields[name]
		if !ok {
			d.fault(key, "%s", unknownKey(name, fields))
			continue
		}
		if sub, ok := value.(map[string]any); ok && field.Kind() == reflect.Struct {
			d.table(key+".", sub, field)
			continue
		}
		if field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct {
			d.tables(key, value, field)
			continue
		}
		if cure := assign(field, value); cure != "" {
			d.fault(key, "%s, not %s", cure, describe(value))
		}
	}
}

// tables walks a table that may stand several times: [[name]]. The second one's keys are called name[2].key.
func (d *decoder) tables(key string, value any, field reflect.Value) {
	list, ok := value.([]any)
	if !ok {
		d.fault(key, "write [[%s]] above its keys, with two brackets, once for each, not %s", key, describe(value))
		return
	}
	out := reflect.MakeSlice(field.Type(), len(list), len(list))
	for i, v := range list {
		one := fmt.Sprintf("%s[%d]", key, i+1)
		tree, ok := v.(map[string]any)
		if !ok {
			d.fault(one, "write a table, each key on a line of its own under [[%s]], not %s", key, describe(v))
			continue
		}
		d.table(one+".", tree, out.Index(i))
	}
	field.Set(out)
}

// assign puts a TOML value into a field, or says what should stand there.
func assign(field reflect.Value, value any) (cure string) {
	if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := value.(string)
		if !ok {
			return "write a text in quotes"
		}
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return err.Error()
		}
		return ""
	}
	switch field.Kind() {
	case reflect.Struct:
		return "write a table, each key on a line of its own under [name]"
	case reflect.String:
		if s, ok := value.(string); ok {
			field.SetString(s)
			return ""
		}
		return "write a text in quotes"
	case reflect.Bool:
		if b, ok := value.(bool); ok {
			field.SetBool(b)
			return ""
		}
		return "write true or false"
	case reflect.Int, reflect.Int64:
		if n, ok := value.(int64); ok {
			field.SetInt(n)
			return ""
		}
		return "write a whole number"
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return `write a list of texts, such as ["one", "two"]`
		}
		out := make([]string, 0, len(list))
		for _, v := range list {
			s, ok := v.(string)
			if !ok {
				return `write a list of texts only, such as ["one", "two"]`
			}
			out = append(out, s)
		}
		field.Set(reflect.ValueOf(out))
		return ""
	}
	return fmt.Sprintf("no value can be given here (%s)", field.Kind())
}

// describe names the type of a value as a person who wrote the file would.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the text %q", v)
	case bool:
		return fmt.Sprintf("%v", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// unknownKey says which key was probably meant.
func unknownKey(name string, fields map[string]reflect.Value) string {
	var known []string
	for k := range fields {
		known = append(known, k)
	}
	sort.Strings(known)
	best, least := "", 3
	for _, k := range known {
		if n := distance(name, k); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf("unknown key, write %s or remove the line", best)
	}
	return fmt.Sprintf("unknown key, remove the line (known here: %s)", strings.Join(known, ", "))
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// keyLines finds the line of each key of a document that parses.
func keyLines(doc []byte) map[string]int {
	lines, times := map[string]int{}, map[string]int{}
	var p unstable.Parser
	p.Reset(doc)
	prefix := ""
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			prefix = noteKey(&p, e, "", lines) + "."
		case unstable.ArrayTable:
			name := noteKey(&p, e, "", lines)
			times[name]++
			name = fmt.Sprintf("%s[%d]", name, times[name])
			lines[name] = p.Shape(e.Child().Raw).Start.Line
			prefix = name + "."
		case unstable.KeyValue:
			key := noteKey(&p, e, prefix, lines)
			noteInline(&p, e.Value(), key+".", lines)
		}
	}
	return lines
}

// lineOf is where a key stands; of one that is missing in a table that may stand several times, where that table begins.
func lineOf(lines map[string]int, key string) int {
	if n := lines[key]; n > 0 {
		return n
	}
	table, _, _ := strings.Cut(key, "].")
	return lines[table+"]"]
}

// noteInline notes the keys of an inline table.
func noteInline(p *unstable.Parser, v *unstable.Node, prefix string, lines map[string]int) {
	if v.Kind != unstable.InlineTable {
		return
	}
	for it := v.Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			key := noteKey(p, it.Node(), prefix, lines)
			noteInline(p, it.Node().Value(), key+".", lines)
		}
	}
}

// noteKey notes a possibly dotted key with all the tables it opens, and returns its full name.
func noteKey(p *unstable.Parser, e *unstable.Node, prefix string, lines map[string]int) string {
	full := strings.TrimSuffix(prefix, ".")
	for it := e.Key(); it.Next(); {
		if full != "" {
			full += "."
		}
		full += string(it.Node().Data)
		if _, seen := lines[full]; !seen {
			lines[full] = p.Shape(it.Node().Raw).Start.Line
		}
	}
	return full
}
