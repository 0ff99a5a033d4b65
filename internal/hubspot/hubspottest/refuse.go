package hubspottest

import (
	"cmp"
	"net/http"
	"strings"
)

// refusal finds what a knob has HubSpot say about a write of this record; r is
// nil for a create.
func (p *Portal) refusal(s *store, r *record, values map[string]text, by author) *failure {
	if by.version == "" { // people and forms
		return nil
	}
	for _, one := range p.knobs.Refusals {
		held := string(values["email"])
		if r != nil && s.kind == &contactKind && held == "" {
			held = s.read(r.values, "email")
		}
		if (r != nil && one.Record == formatID(r.id)) || (held != "" && strings.EqualFold(one.Record, held)) {
			return fail(cmp.Or(one.Status, http.StatusBadRequest), one.Category, "%s", one.Message)
		}
	}
	return nil
}
