package timetable

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	maxFile = 1 << 20 // bytes
	maxRows = 3000
	maxCell = 400 // characters
)

// sheet is a file as rows of cells.
type sheet struct {
	file string
	rows []row // the header first
}

type row struct {
	line  int // of its first cell, from 1
	cells []string
}

// readSheet takes UTF-8 with or without a byte order mark, or GB18030; comma, semicolon or tab, whichever the header has most of.
func readSheet(file string, data []byte, faults *Faults) (s sheet, ok bool) {
	s.file = file
	if len(data) > maxFile {
		faults.add(Fault{File: file, Code: "too-large"})
		return s, false
	}
	text, line := decode(data)
	if line > 0 {
		faults.add(Fault{File: file, Line: line, Code: "encoding"})
		return s, false
	}
	rows, open := split(text, separator(text))
	if open > 0 {
		faults.add(Fault{File: file, Line: open, Code: "quote"})
		return s, false
	}
	for _, r := range rows {
		if strings.Join(r.cells, "") != "" { // spreadsheets leave empty rows behind
			s.rows = append(s.rows, r)
		}
	}
	switch {
	case len(s.rows) < 2:
		faults.add(Fault{File: file, Line: 1, Code: "empty-file"})
	case len(s.rows) > maxRows:
		faults.add(Fault{File: file, Line: s.rows[maxRows].line, Code: "too-large"})
	default:
		return s, true
	}
	return s, false
}

// decode gives the text, or the line of the first sign that is neither.
func decode(data []byte) (text string, badLine int) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) || bytes.IndexByte(data, 0) >= 0 {
		return "", 1 // UTF-16, or no text at all
	}
	if utf8.Valid(data) {
		return string(data), 0
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
	if err == nil && !bytes.Contains(out, []byte("\uFFFD")) {
		return string(out), 0
	}
	// Neither: whichever of the two it is for longer is the one that was meant.
	line := 1 + bytes.Count(out[:max(0, bytes.Index(out, []byte("\uFFFD")))], []byte("\n"))
	for at := 0; at < len(data); {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			return "", max(line, 1+bytes.Count(data[:at], []byte("\n")))
		}
		at += n
	}
	return "", line
}

func separator(text string) rune {
	best, most := ',', 0
	for _, sep := range []rune{',', ';', '\t'} {
		n, quoted := 0, false
		for _, r := range text {
			if r == '"' {
				quoted = !quoted
			}
			if !quoted && (r == '\n' || r == '\r') {
				if n > 0 {
					break
				}
			}
			if !quoted && r == sep {
				n++
			}
		}
		if n > most {
			best, most = sep, n
		}
	}
	return best
}

// split reads cells (RFC 4180 §2; a line may end with CR, LF or both). openLine is the line of a quotation mark without its end.
func split(text string, sep rune) (rows []row, openLine int) {
	line, quoteLine := 1, 0
	cur := row{line: 1}
	var cell strings.Builder
	endCell := func() {
		cur.cells = append(cur.cells, strings.TrimSpace(cell.String()))
		cell.Reset()
	}
	rest := text
	for rest != "" {
		r, n := utf8.DecodeRuneInString(rest)
		rest = rest[n:]
		if r == '\n' || r == '\r' {
			if r == '\r' && strings.HasPrefix(rest, "\n") {
				rest = rest[1:]
			}
			line++
			if quoteLine > 0 {
				cell.WriteByte(' ') // a line break within a cell says no more than a blank
				continue
			}
			endCell()
			rows = append(rows, cur)
			cur = row{line: line}
			continue
		}
		switch {
		case quoteLine > 0 && r == '"' && strings.HasPrefix(rest, `"`):
			rest = rest[1:]
			cell.WriteByte('"')
		case quoteLine > 0 && r == '"':
			quoteLine = 0
		case quoteLine > 0:
			cell.WriteRune(r)
		case r == '"' && strings.TrimSpace(cell.String()) == "":
			quoteLine = line
			cell.Reset()
		case r == sep:
			endCell()
		default:
			cell.WriteRune(r)
		}
	}
	if quoteLine > 0 {
		return nil, quoteLine
	}
	if cell.Len() > 0 || len(cur.cells) > 0 {
		endCell()
		rows = append(rows, cur)
	}
	return rows, 0
}

// plain is a cell as its words are compared: full-width signs of an input method become plain ones, blanks go, lower case.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			r -= '！' - '!'
		case r == ' ' || r == '　' || r == '\u00a0':
			return -1
		}
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
