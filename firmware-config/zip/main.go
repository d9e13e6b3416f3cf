// Command zip packs files into an archive that is the same bytes each time: sorted, without folders, all with the time of
// SOURCE_DATE_EPOCH. Texts get the line ends of Windows.
package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: zip ARCHIVE FILE...")
		os.Exit(2)
	}
	at, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err == nil {
		err = pack(os.Args[1], os.Args[2:], time.Unix(at, 0).UTC())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "zip:", err)
		os.Exit(2)
	}
}

func pack(archive string, files []string, at time.Time) error {
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	w := zip.NewWriter(out)
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	for _, f := range files {
		if err := add(w, f, at); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return errors.Join(w.Close(), out.Close())
}

func add(w *zip.Writer, file string, at time.Time) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	to, err := w.CreateHeader(&zip.FileHeader{Name: "tongke/" + filepath.Base(file), Method: zip.Deflate, Modified: at})
	if err != nil {
		return err
	}
	switch filepath.Ext(file) {
	case ".cmd", ".txt": // as the system there writes and shows them
		doc, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		doc = bytes.ReplaceAll(bytes.ReplaceAll(doc, []byte("\r"), nil), []byte("\n"), []byte("\r\n"))
		if filepath.Ext(file) == ".txt" {
			doc = append([]byte("\xef\xbb\xbf"), doc...) // UTF-8, says the mark
		}
		_, err = to.Write(doc)
		return err
	}
	_, err = io.Copy(to, in)
	return err
}
