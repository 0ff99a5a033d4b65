package hubspottest

import (
	"net/http"
	"strconv"
	"strings"
)

// maxIdentities is how many ids and emails one record can gather (observed: 414 beyond 250).
const maxIdentities = 250

// merge is what happened when two records became one.
type merge struct {
	primary, other, survivor int64
	moved                    int // values taken over from the other record
}

func mergeObjects(c *call) reply {
	var in struct {
		Primary text `json:"primaryObjectId"`
		Other   text `json:"objectIdToMerge"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	r, f := c.portal.mergeByID(c.store, string(in.Primary), string(in.Other), c.author())
	if f != nil {
		return refused(f)
	}
	return ok(c.portal.showWritten(c.store, r, prepared{}))
}

func (p *Portal) mergeByID(s *store, primary, other string, by author) (*record, *failure) {
	a, errA := strconv.ParseInt(primary, 10, 64)
	b, errB := strconv.ParseInt(other, 10, 64)
	if errA != nil || errB != nil || a == b {
		return nil, invalid("Two different record ids are needed for a merge")
	}
	winner, loser := p.find(s, a, false, false), p.find(s, b, false, false)
	if winner == nil || loser == nil {
		return nil, notFound()
	}
	return p.merge(s, winner, loser, by)
}

// merge joins two records. Since January 2025 a third record with a new id
// survives; under the LegacyMerge knob the primary one does.
func (p *Portal) merge(s *store, winner, loser *record, by author) (*record, *failure) {
	m := merge{primary: winner.id, other: loser.id, survivor: p.nextID}
	if p.knobs.LegacyMerge {
		m.survivor = winner.id
	}
	changes, moved := s.joined(winner, loser, p.nowMilli())
	m.moved = moved
	values := winner.values.with(changes, s.schema.keep)
	if len(s.claims(values))+strings.Count(s.read(values, "hs_merged_object_ids"), ";")+2 > maxIdentities {
		return nil, fail(http.StatusRequestURITooLong, "", "Cannot have more than %d identities on a profile", maxIdentities)
	}
	p.noteSearch(s, m.survivor, nil)
	s.remove(winner)
	s.remove(loser)
	r := &record{id: m.survivor, values: values, created: min(winner.created, loser.created), updated: p.nowMilli()}
	s.add(r)
	s.claim(r)
	p.nextID = max(p.nextID, m.survivor+1)
	for _, old := range []int64{m.primary, m.other} {
		if old != m.survivor {
			s.merged[old] = m.survivor
			p.moveLinks(ref{s.kind, old}, ref{s.kind, m.survivor})
		}
	}
	p.announceMerge(s, m, by)
	return r, nil
}

// joined are the changes that turn the winner's values into those of both: the
// winner's stand, the loser's fill the gaps, its emails become additional ones.
func (s *store) joined(winner, loser *record, now int64) (changes []change, moved int) {
	set := func(name, value string) {
		if def, known := s.schema.byName[name]; known {
			changes = append(changes, change{def.key, value})
		}
	}
	gathered := map[string]bool{"email": true, "hs_additional_emails": true, "hs_merged_object_ids": true, "hs_calculated_merged_vids": true}
	loser.values.each(func(key int, value string) bool {
		def := s.schema.byKey[key]
		if def != nil && !gathered[def.Name] && winner.values.get(key) == "" {
			changes = append(changes, change{key, value})
			moved++
		}
		return true
	})
	email := s.read(winner.values, "email")
	emails := []string{s.read(winner.values, "hs_additional_emails")}
	if email == "" {
		set("email", s.read(loser.values, "email"))
		moved++
	} else {
		emails = append(emails, s.read(loser.values, "email"))
	}
	set("hs_additional_emails", joinList(append(emails, s.read(loser.values, "hs_additional_emails"))...))
	a, b := formatID(winner.id), formatID(loser.id)
	set("hs_merged_object_ids", joinList(s.read(winner.values, "hs_merged_object_ids"), s.read(loser.values, "hs_merged_object_ids"), a, b))
	at := ":" + strconv.FormatInt(now, 10)
	set("hs_calculated_merged_vids", joinList(s.read(winner.values, "hs_calculated_merged_vids"),
		s.read(loser.values, "hs_calculated_merged_vids"), a+at, b+at))
	return changes, moved
}

// read returns a stored value by name, "" where the object type has no such property.
func (s *store) read(f fields, name string) string {
	if def, known := s.schema.byName[name]; known {
		return f.get(def.key)
	}
	return ""
}

// joinList joins ";"-lists, leaving out empty ones.
func joinList(lists ...string) string {
	var out []string
	for _, l := range lists {
		if l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, ";")
}

// gdprDelete erases a contact for good. An unknown email goes on the block list.
func gdprDelete(c *call) reply {
	var in struct {
		ObjectID   text   `json:"objectId"`
		IDProperty string `json:"idProperty"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if c.store.kind != &contactKind {
		return refused(invalid("GDPR deletion is only for contacts"))
	}
	if in.IDProperty != "" {
		r, f := c.store.byUnique(in.IDProperty, string(in.ObjectID))
		switch {
		case f != nil:
			return refused(f)
		case r == nil:
			c.store.erased[strings.ToLower(string(in.ObjectID))] = true
		default:
			c.portal.erase(c.store, r, c.author())
		}
		return noContent()
	}
	id, err := strconv.ParseInt(string(in.ObjectID), 10, 64)
	if err != nil {
		return refused(invalid("objectId is not numeric"))
	}
	r := c.store.byID[c.store.resolve(id)]
	if r == nil {
		return refused(notFound())
	}
	c.portal.erase(c.store, r, c.author())
	return noContent()
}

// erase removes a contact, live or archived, and puts its emails on the block
// list, which keeps people from making the contact again but not the API.
func (p *Portal) erase(s *store, r *record, by author) {
	for _, u := range s.claims(r.values) {
		if s.schema.byKey[u.key].Name == "email" {
			s.erased[u.value] = true
		}
	}
	wasLive := r.archived == 0
	s.remove(r)
	p.unlinkAll(ref{s.kind, r.id}, by)
	p.announceErasure(s, r.id, wasLive, by)
}
