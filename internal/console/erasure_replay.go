package console

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"advocatesync/internal/api"
)

// replayPath takes a file, which may be larger than a form.
const (
	replayPath = "/erasures/replay"
	maxReplay  = 64 << 20 // room for some hundred thousand erased people; the command takes more
)

// exportErasures saves what it takes to replay all erasures over an older dump, in
// the form of the command: a page a line.
func (c *Console) exportErasures(v *visit) (answer, error) {
	var pages strings.Builder
	for at := ""; ; {
		export, err := v.client.ExportErasures(v.ctx(), at)
		if err != nil {
			return nil, err
		}
		pages.WriteString(export.Page + "\n")
		if at = export.NextPage; at == "" {
			break
		}
	}
	return download{name: "erasures.txt", kind: "text/plain; charset=utf-8", content: pages.String()}, nil
}

// replayErasures carries an export over the restoring of an older dump. It may be
// asked for again: what is on record already stays as it is.
func (c *Console) replayErasures(v *visit) (answer, error) {
	file, err := v.uploaded("export")
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxBody)
	var all api.ReplayedErasures
	read := 0
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		read++
		done, err := v.client.ReplayErasures(v.ctx(), line)
		if p, refused := problemOf(err); refused {
			return nil, refusal(p.Status, p.Code, fmt.Sprintf("Line %d of the file: %s. The lines before it were replayed.", read, p.Detail))
		}
		if err != nil {
			return nil, err
		}
		all.Begun, all.Known, all.Tombstones, all.Ended = all.Begun+done.Begun, all.Known+done.Known, all.Tombstones+done.Tombstones, all.Ended+done.Ended
		all.UnknownPortals = append(all.UnknownPortals, done.UnknownPortals...)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, notAnExport()
	case err != nil:
		return nil, err
	case read == 0:
		return nil, notAnExport()
	}
	return see{path: "/erasures?open=1", notice: replayedWords(all)}, nil
}

func notAnExport() error {
	return refusal(http.StatusUnprocessableEntity, "no_export", "This is not the file of an export of erasures.")
}

func replayedWords(r api.ReplayedErasures) string {
	words := fmt.Sprintf("Replayed: %s begun, %s on record already.", plural(r.Begun, "erasure was", "erasures were"), plural(r.Known, "was", "were"))
	if r.Ended > 0 {
		words += " " + plural(r.Ended, "belongs to a connection", "belong to connections") + " that ended."
	}
	slices.Sort(r.UnknownPortals)
	for _, portal := range slices.Compact(r.UnknownPortals) {
		words += fmt.Sprintf(" Portal %d was never connected here: connect it, and replay again.", portal)
	}
	return words
}

// uploaded reads a file of a form as it comes, so that none is kept.
func (v *visit) uploaded(field string) (*multipart.Part, error) {
	parts, err := v.MultipartReader()
	if err != nil {
		return nil, refusal(http.StatusUnprocessableEntity, "no_file", "Choose a file.")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, refusal(http.StatusUnprocessableEntity, "no_file", "Choose a file.")
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() == field && part.FileName() != "" {
			return part, nil
		}
	}
}
