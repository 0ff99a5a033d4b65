package hubspottest

import (
	"cmp"
	"slices"
	"strings"
)

// record is one contact, company or deal.
type record struct {
	id       int64
	values   fields
	created  int64 // ms
	updated  int64 // ms
	archived int64 // ms; 0 while live
	writes   uint32
	repeats  uint32
}

// uniqueValue is one value of a property that at most one live record may have. For
// contacts the additional emails count as email.
type uniqueValue struct {
	key   int
	value string
}

// store holds the records of one object type in one portal.
type store struct {
	kind      *kind
	schema    *schema
	byID      map[int64]*record
	order     []*record               // by id
	unique    map[uniqueValue]*record // live records only
	bin       []*record               // archived, the oldest first
	merged    map[int64]int64         // id merged away → surviving id
	erased    map[string]bool         // emails on the GDPR block list
	unseen    map[int64]int           // reads a new record stays hidden from
	unindexed []unindexed             // changes the search index has not seen
}

func newStore(k *kind) *store {
	return &store{
		kind:   k,
		schema: newSchema(k),
		byID:   make(map[int64]*record),
		unique: make(map[uniqueValue]*record),
		merged: make(map[int64]int64),
		erased: make(map[string]bool),
		unseen: make(map[int64]int),
	}
}

// add inserts a record; ids usually grow, so this is an append.
func (s *store) add(r *record) {
	s.byID[r.id] = r
	if n := len(s.order); n == 0 || s.order[n-1].id < r.id {
		s.order = append(s.order, r)
		return
	}
	i, _ := s.position(r.id)
	s.order = slices.Insert(s.order, i, r)
}

// remove takes a record away for good.
func (s *store) remove(r *record) {
	s.unclaim(r)
	s.takeFromBin(r)
	delete(s.byID, r.id)
	if i, ok := s.position(r.id); ok {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

func (s *store) takeFromBin(r *record) {
	s.bin = slices.DeleteFunc(s.bin, func(b *record) bool { return b == r })
}

func (s *store) position(id int64) (int, bool) {
	return slices.BinarySearchFunc(s.order, id, func(r *record, id int64) int { return cmp.Compare(r.id, id) })
}

// claims lists the unique values of a record.
func (s *store) claims(f fields) []uniqueValue {
	var out []uniqueValue
	for _, p := range s.schema.unique {
		if v := f.get(p.key); v != "" {
			out = append(out, uniqueValue{p.key, fold(p, v)})
		}
	}
	if s.kind == &contactKind {
		email := s.schema.byName["email"].key
		for v := range strings.SplitSeq(f.get(s.schema.byName["hs_additional_emails"].key), ";") {
			if v != "" {
				out = append(out, uniqueValue{email, v})
			}
		}
	}
	return out
}

// fold is the form in which values of a unique property are compared.
func fold(p *Property, v string) string {
	if p.Name == "email" {
		return strings.ToLower(v)
	}
	return v
}

func (s *store) claim(r *record) {
	for _, u := range s.claims(r.values) {
		s.unique[u] = r
	}
}

func (s *store) unclaim(r *record) {
	for _, u := range s.claims(r.values) {
		if s.unique[u] == r {
			delete(s.unique, u)
		}
	}
}

// holder returns another live record that already has one of the unique values.
func (s *store) holder(values []uniqueValue, self *record) (*record, uniqueValue) {
	for _, u := range values {
		if r := s.unique[u]; r != nil && r != self {
			return r, u
		}
	}
	return nil, uniqueValue{}
}

// resolve follows merges to the record an id stands for today.
func (s *store) resolve(id int64) int64 {
	for {
		next, ok := s.merged[id]
		if !ok {
			return id
		}
		id = next
	}
}

// purge removes what was archived before the given time.
func (s *store) purge(before int64) {
	for len(s.bin) > 0 {
		r := s.bin[0]
		if r.archived >= before {
			return
		}
		s.bin = s.bin[1:]
		s.remove(r)
	}
}

// value returns what a record shows for a property, "" for nothing.
func (s *store) value(r *record, p *Property) string {
	switch p.calculated {
	case fromID:
		return formatID(r.id)
	case fromCreated:
		return timestamp(r.created)
	case fromUpdated:
		return timestamp(r.updated)
	default:
		return r.values.get(p.key)
	}
}
