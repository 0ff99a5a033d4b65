package hubspottest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a search (HubSpot docs: CRM search).
const (
	maxSearchBody    = 3000
	maxSearchResults = 10000
	maxGroups        = 5
	maxPerGroup      = 6
	maxFilters       = 18
	maxSearchPage    = 200
)

type searchInput struct {
	Query  string `json:"query"`
	Groups []struct {
		Filters []filter `json:"filters"`
	} `json:"filterGroups"`
	Sorts []struct {
		PropertyName string `json:"propertyName"`
		Direction    string `json:"direction"`
	} `json:"sorts"`
	Properties []string `json:"properties"`
	Limit      int      `json:"limit"`
	After      text     `json:"after"`
}

type filter struct {
	PropertyName string   `json:"propertyName"`
	Operator     string   `json:"operator"`
	Value        text     `json:"value"`
	HighValue    text     `json:"highValue"`
	Values       []string `json:"values"`
}

// unindexed remembers what the search index still shows for a changed record.
type unindexed struct {
	at     int64 // ms
	id     int64
	before *record // a copy; nil where the index did not have it
}

// noteSearch is called before a record changes; r is nil where it is new to the index.
func (p *Portal) noteSearch(s *store, id int64, r *record) {
	if p.knobs.SearchLag <= 0 {
		s.unindexed = nil
		return
	}
	var before *record
	if r != nil {
		c := *r
		before = &c
	}
	p.indexDue(s)
	s.unindexed = append(s.unindexed, unindexed{p.nowMilli(), id, before})
}

// indexDue lets the index see what is old enough.
func (p *Portal) indexDue(s *store) {
	lag := time.Duration(p.knobs.SearchLag).Milliseconds()
	for len(s.unindexed) > 0 && s.unindexed[0].at+lag <= p.nowMilli() {
		s.unindexed = s.unindexed[1:]
	}
}

// stale returns the records whose changes the index has not seen, as it shows them.
func (p *Portal) stale(s *store) map[int64]*record {
	p.indexDue(s)
	out := make(map[int64]*record, len(s.unindexed))
	for _, u := range s.unindexed {
		if _, seen := out[u.id]; !seen {
			out[u.id] = u.before
		}
	}
	return out
}

func searchObjects(c *call) reply {
	in := searchInput{Limit: 10}
	if len(c.body) > maxSearchBody {
		return refused(invalid("The request body is longer than %d characters", maxSearchBody))
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	after, f := in.check(c.store)
	if f != nil {
		return refused(f)
	}
	found := c.portal.match(c.store, in)
	in.sort(c.store, found)
	total := len(found)
	out := listJSON{Total: &total, Results: []objectJSON{}}
	sel := c.store.selection(in.Properties, nil)
	for _, r := range found[min(after, total):min(after+in.Limit, total)] {
		out.Results = append(out.Results, c.portal.show(c.store, r, sel))
	}
	if after+in.Limit < total {
		out.Paging = nextPage(strconv.Itoa(after + in.Limit))
	}
	return ok(out)
}

func (in searchInput) check(s *store) (after int, f *failure) {
	if in.Limit < 1 || in.Limit > maxSearchPage {
		return 0, invalid("limit must be between 1 and %d", maxSearchPage)
	}
	if in.After != "" {
		n, err := strconv.Atoi(string(in.After))
		if err != nil || n < 0 {
			return 0, invalid("Invalid paging cursor: %s", in.After)
		}
		after = n
	}
	if after+in.Limit > maxSearchResults {
		return 0, invalid("Search results are limited to %d", maxSearchResults)
	}
	if len(in.Groups) > maxGroups || len(in.Sorts) > 1 {
		return 0, invalid("At most %d filter groups and one sort are allowed", maxGroups)
	}
	all := 0
	for _, g := range in.Groups {
		all += len(g.Filters)
		if len(g.Filters) > maxPerGroup || all > maxFilters {
			return 0, invalid("At most %d filters per group and %d in all are allowed", maxPerGroup, maxFilters)
		}
		for _, one := range g.Filters {
			if f := one.check(s); f != nil {
				return 0, f
			}
		}
	}
	for _, o := range in.Sorts {
		if _, known := s.schema.active(o.PropertyName); !known {
			return 0, invalid("Property %s does not exist", o.PropertyName)
		}
	}
	return after, nil
}

func (one filter) check(s *store) *failure {
	def, known := s.schema.active(one.PropertyName)
	if !known {
		return invalid("There was a problem with the request: property %s does not exist", one.PropertyName)
	}
	switch one.Operator {
	case "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN":
		if one.Value == "" {
			return invalid("value is required for operator %s", one.Operator)
		}
	case "BETWEEN":
		if one.Value == "" || one.HighValue == "" {
			return invalid("value and highValue are required for operator BETWEEN")
		}
	case "IN", "NOT_IN":
		if len(one.Values) == 0 {
			return invalid("values are required for operator %s", one.Operator)
		}
		for _, v := range one.Values {
			if def.Type == "string" && v != strings.ToLower(v) {
				return invalid("values of operator %s must be lower-case", one.Operator)
			}
		}
	case "HAS_PROPERTY", "NOT_HAS_PROPERTY":
	default:
		return invalid("Unknown operator %s", one.Operator)
	}
	return nil
}

// match scans all records: search is for people and repairs, never for bulk work.
func (p *Portal) match(s *store, in searchInput) []*record {
	stale := p.stale(s)
	var found []*record
	visit := func(r *record) {
		if r != nil && r.archived == 0 && in.matches(s, r) {
			found = append(found, r)
		}
	}
	for _, r := range s.order {
		before, old := stale[r.id]
		if old {
			r = before
		}
		visit(r)
	}
	return found
}

func (in searchInput) matches(s *store, r *record) bool {
	if in.Query != "" && !s.mentions(r, strings.ToLower(in.Query)) {
		return false
	}
	if len(in.Groups) == 0 {
		return true
	}
	for _, g := range in.Groups {
		if !slices.ContainsFunc(g.Filters, func(one filter) bool { return !one.matches(s, r) }) {
			return true
		}
	}
	return false
}

// mentions looks for a word in the names and in all emails.
func (s *store) mentions(r *record, word string) bool {
	for _, name := range []string{"email", "hs_additional_emails", "firstname", "lastname", "name", "domain", "dealname", "phone"} {
		if def, known := s.schema.active(name); known && strings.Contains(strings.ToLower(s.value(r, def)), word) {
			return true
		}
	}
	return false
}

func (one filter) matches(s *store, r *record) bool {
	def, known := s.schema.active(one.PropertyName)
	if !known {
		return false
	}
	v := s.value(r, def)
	switch one.Operator {
	case "NEQ":
		return compareValues(def, v, string(one.Value)) != 0
	case "NOT_HAS_PROPERTY":
		return v == ""
	case "NOT_CONTAINS_TOKEN":
		return !containsToken(v, string(one.Value))
	}
	return v != "" && one.accepts(def, v)
}

// accepts decides about a value that is there; check let no other operator through.
func (one filter) accepts(def *Property, v string) bool {
	order := compareValues(def, v, string(one.Value))
	is := func(want string) bool { return compareValues(def, v, want) == 0 }
	switch one.Operator {
	case "EQ":
		return order == 0
	case "LT":
		return order < 0
	case "LTE":
		return order <= 0
	case "GT":
		return order > 0
	case "GTE":
		return order >= 0
	case "BETWEEN":
		return order >= 0 && compareValues(def, v, string(one.HighValue)) <= 0
	case "IN":
		return slices.ContainsFunc(one.Values, is)
	case "NOT_IN":
		return !slices.ContainsFunc(one.Values, is)
	case "CONTAINS_TOKEN":
		return containsToken(v, string(one.Value))
	default: // HAS_PROPERTY
		return true
	}
}

// compareValues orders numbers and times by size, texts without regard to case.
func compareValues(def *Property, a, b string) int {
	switch def.Type {
	case "number":
		x, errA := strconv.ParseFloat(a, 64)
		y, errB := strconv.ParseFloat(b, 64)
		if errA == nil && errB == nil {
			return cmp.Compare(x, y)
		}
	case "date", "datetime":
		x, _, _ := normaliseTime(a, time.RFC3339Nano)
		y, _, _ := normaliseTime(b, time.RFC3339Nano)
		s, errA := time.Parse(time.RFC3339Nano, x)
		t, errB := time.Parse(time.RFC3339Nano, y)
		if errA == nil && errB == nil {
			return s.Compare(t)
		}
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// containsToken supports the * wildcard at either end of a token.
func containsToken(v, token string) bool {
	token = strings.ToLower(token)
	split := func(r rune) bool { return strings.ContainsRune(" @.,;:/-_", r) }
	for _, word := range append(strings.FieldsFunc(strings.ToLower(v), split), strings.ToLower(v)) {
		bare := strings.Trim(token, "*")
		head, tail := strings.HasPrefix(token, "*"), strings.HasSuffix(token, "*")
		switch {
		case head && tail && strings.Contains(word, bare),
			head && !tail && strings.HasSuffix(word, bare),
			!head && tail && strings.HasPrefix(word, bare),
			word == token:
			return true
		}
	}
	return false
}

func (in searchInput) sort(s *store, found []*record) {
	if len(in.Sorts) == 0 {
		return
	}
	def, _ := s.schema.active(in.Sorts[0].PropertyName)
	slices.SortStableFunc(found, func(a, b *record) int {
		order := compareValues(def, s.value(a, def), s.value(b, def))
		if in.Sorts[0].Direction == "DESCENDING" {
			return -order
		}
		return order
	})
}
