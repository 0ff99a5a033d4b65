package hubspottest

import (
	"net/http"
	"slices"
	"strings"
)

// checkCreate decides whether a record may be created. It changes nothing.
func (p *Portal) checkCreate(s *store, values map[string]text, by author) (prepared, *failure) {
	if f := p.refusal(s, nil, values, by); f != nil {
		return prepared{}, f
	}
	pr, f := p.prepare(s, values, by)
	if f != nil {
		return pr, f
	}
	after := fields("").with(pr.changes, s.schema.keep)
	pr.after = after
	if len(s.kind.atLeast) > 0 && len(s.missing(after, s.kind.atLeast)) == len(s.kind.atLeast) {
		return pr, invalid("Error creating %s: at least one of these properties must be set: %s",
			strings.ToUpper(s.kind.singular), strings.Join(s.kind.atLeast, ", "))
	}
	if f := p.checkRequired(s, after, true, by); f != nil {
		return pr, f
	}
	return pr, p.checkUnique(s, after, nil)
}

// checkUpdate decides whether r may take the values. It changes nothing.
func (p *Portal) checkUpdate(s *store, r *record, values map[string]text, by author) (prepared, *failure) {
	if f := p.refusal(s, r, values, by); f != nil {
		return prepared{}, f
	}
	pr, f := p.prepare(s, values, by)
	if f != nil {
		return pr, f
	}
	after := r.values.with(pr.changes, s.schema.keep)
	pr.after = after
	if f := p.checkRequired(s, after, false, by); f != nil {
		return pr, f
	}
	return pr, p.checkUnique(s, after, r)
}

// claimed finds values that two inputs of one batch want for themselves.
func (s *store) claimed(by map[uniqueValue]bool, after fields) *failure {
	for _, u := range s.claims(after) {
		if by[u] {
			return conflicting(s, s.schema.byKey[u.key])
		}
		by[u] = true
	}
	return nil
}

func conflicting(s *store, def *Property) *failure {
	f := invalid("A %s already has the value of the unique property %s", s.kind.singular, def.Name)
	f.Errors = []detail{{Message: f.Message, Code: "CONFLICTING_UNIQUE_VALUE",
		Context: map[string][]string{"propertyName": {def.Name}}}}
	return f
}

// checkUnique refuses values that another live record holds.
func (p *Portal) checkUnique(s *store, after fields, self *record) *failure {
	other, u := s.holder(s.claims(after), self)
	if other == nil {
		return nil
	}
	def := s.schema.byKey[u.key]
	if def.Name != "email" {
		return conflicting(s, def)
	}
	status, category := http.StatusConflict, "CONFLICT"
	if self != nil && p.knobs.EmailConflictStatus == http.StatusBadRequest {
		status, category = http.StatusBadRequest, "VALIDATION_ERROR"
	}
	return fail(status, category, "Contact already exists. Existing ID: %d", other.id)
}

// insert creates a record from checked values and announces it.
func (p *Portal) insert(s *store, pr prepared, by author) *record {
	r := p.place(s, p.nextID, pr, by)
	p.announceCreation(s, r, by)
	return r
}

// place puts a record in its store without telling anybody.
func (p *Portal) place(s *store, id int64, pr prepared, by author) *record {
	now := p.nowMilli()
	p.noteSearch(s, id, nil)
	source := []change{
		{s.schema.byName["hs_object_source"].key, by.source},
		{s.schema.byName["hs_object_source_label"].key, by.source},
		{s.schema.byName["hs_object_source_id"].key, by.sourceID},
	}
	r := &record{id: id, created: now, updated: now,
		values: fields("").with(slices.Concat(pr.changes, source), s.schema.keep)}
	s.add(r)
	s.claim(r)
	p.nextID = max(p.nextID, id+1)
	if p.knobs.ReadLagReads > 0 {
		s.unseen[id] = p.knobs.ReadLagReads
	}
	p.countWrite(r, by, true)
	return r
}

// update applies checked values to a live record and announces what really changed.
func (p *Portal) update(s *store, r *record, pr prepared, by author) {
	var changed []change
	for _, c := range pr.changes {
		if r.values.get(c.key) != c.value {
			changed = append(changed, c)
		}
	}
	p.countWrite(r, by, len(changed) > 0)
	if len(changed) == 0 {
		return
	}
	p.noteSearch(s, r.id, r)
	s.unclaim(r)
	r.values = r.values.with(changed, s.schema.keep)
	s.claim(r)
	r.updated = p.nowMilli()
	p.announceChanges(s, r, changed, by)
}

func (p *Portal) countWrite(r *record, by author, changed bool) {
	if by.version == "" {
		return
	}
	r.writes++
	p.totals.Writes++
	if !changed {
		r.repeats++
		p.totals.Repeats++
	}
}

// archive moves a live record to the recycle bin.
func (p *Portal) archive(s *store, r *record, by author) {
	p.noteSearch(s, r.id, r)
	s.unclaim(r)
	r.archived = p.nowMilli()
	s.bin = append(s.bin, r)
	p.announceDeletion(s, r.id, by)
}

// restore brings a record back from the recycle bin. HubSpot refuses while
// another contact holds one of its emails.
func (p *Portal) restore(s *store, r *record, by author) *failure {
	if f := p.checkUnique(s, r.values, r); f != nil {
		return f
	}
	p.noteSearch(s, r.id, nil)
	s.takeFromBin(r)
	r.archived = 0
	s.claim(r)
	p.announceRestore(s, r, by)
	return nil
}

// find returns a record that is there and visible by id. Merged ids resolve only
// where follow is set: HubSpot does so for single reads and updates, not in batches.
func (p *Portal) find(s *store, id int64, archived, follow bool) *record {
	if follow {
		id = s.resolve(id)
	}
	r := s.byID[id]
	if r == nil || (r.archived != 0) != archived {
		return nil
	}
	return r
}

// visible reports whether a read may see the record yet (observed: a read right
// after a creation event can answer 404).
func (p *Portal) visible(s *store, r *record) bool {
	if left := s.unseen[r.id]; left > 0 {
		s.unseen[r.id] = left - 1
		return false
	}
	delete(s.unseen, r.id)
	lag := int64(p.knobs.ReadLag) / 1e6
	return lag == 0 || p.nowMilli()-r.created >= lag
}

// byUnique finds a live record by a unique property.
func (s *store) byUnique(idProperty, value string) (*record, *failure) {
	def, known := s.schema.active(idProperty)
	if !known || !def.HasUniqueValue {
		return nil, invalid("idProperty %s is not a unique property of %s", idProperty, s.kind.plural)
	}
	return s.unique[uniqueValue{def.key, fold(def, value)}], nil
}

func (p *Portal) housekeep(s *store) {
	before := p.nowMilli() - purgeAfter.Milliseconds()
	s.purge(before)
	s.schema.purge(before)
}
