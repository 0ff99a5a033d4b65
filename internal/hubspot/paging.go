package hubspot

import (
	"encoding/json"
	"net/http"

	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// paging is how lists say that there is more. One that says so in no form that can
// be read is odd: taken for its end, a list would lose whatever comes after.
type paging struct {
	after string // asks for the next page; empty on the last
	odd   bool
}

// UnmarshalJSON never fails.
func (p *paging) UnmarshalJSON(raw []byte) error {
	*p = paging{}
	var parts, next lenient.Map[json.RawMessage]
	_ = json.Unmarshal(raw, &parts) // never fails
	if more, says := parts.Values["next"]; says {
		_ = json.Unmarshal(more, &next) // never fails
	}
	if p.odd = parts.Odd || next.Odd; p.odd || len(next.Values) == 0 {
		return nil
	}
	var after lenient.Text
	_ = json.Unmarshal(next.Values["after"], &after) // fails where there is none
	cursor, ok := after.ID()
	p.after, p.odd = cursor, !ok || cursor == ""
	return nil
}

// next is the cursor of the page after this one; empty on the last. listed tells
// whether the answer had a list: one that lacks it is not an empty page.
func (p paging) next(op string, listed bool) (string, error) {
	if p.odd || !listed {
		return "", outbound.Unreadable(op, http.StatusOK)
	}
	return p.after, nil
}
