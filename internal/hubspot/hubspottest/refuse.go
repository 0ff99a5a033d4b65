package hubspottest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
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

// quoted is how refusals write the value that they refuse.
func (p *Portal) quoted(value string) string {
	switch p.knobs.Quote {
	case "json":
		return escapeJSON(value)
	case "url":
		return url.QueryEscape(value)
	case "html":
		return strings.ReplaceAll(html.EscapeString(value), "@", "&#64;")
	}
	return value
}

// escapeJSON writes everything but letters and digits as \uXXXX, which JSON
// allows and some of its writers do.
func escapeJSON(value string) string {
	var out strings.Builder
	for _, r := range value {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r > 0xffff {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, `\u%04x`, r)
	}
	if !json.Valid([]byte(`"` + out.String() + `"`)) {
		return value
	}
	return out.String()
}
