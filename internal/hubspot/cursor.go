package hubspot

import (
	"errors"
	"fmt"

	"advocatesync/internal/bridge"
)

// Cursor follows a list of HubSpot's from page to page, to its end and no further:
// a cursor that comes again would lead through the same pages for ever. The zero
// Cursor is at the first page.
type Cursor struct {
	After string // asks for the page to read; empty for the first

	seen map[string]bool
}

// mostPages bounds a list. None that we read to its end comes near it.
const mostPages = 1000

// Next takes what a page says of the page after it, and reports whether there is one.
// The error is bridge.Invalid.
func (c *Cursor) Next(op, after string) (more bool, err error) {
	if after == "" {
		return false, nil
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	switch {
	case c.seen[after]:
		err = errors.New("the list's pages lead in a circle")
	case len(c.seen) == mostPages:
		err = fmt.Errorf("the list has more than %d pages", mostPages)
	default:
		c.seen[after], c.After = true, after
		return true, nil
	}
	return false, &bridge.Error{Kind: bridge.Invalid, Op: op, Code: "PAGING", Err: err}
}
