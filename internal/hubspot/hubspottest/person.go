package hubspottest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Person is somebody working in HubSpot's pages. What they do costs no calls
// and marks its events with CRM_UI and "userId:…".
type Person struct {
	portal *Portal
	userID int64
	source string // of what they do; empty: their own hand
}

// Person returns a user of the portal.
func (p *Portal) Person(userID int64) Person { return Person{portal: p, userID: userID} }

// Importing returns the user at work through an import: HubSpot says so of each
// record (observed: changeSource IMPORT).
func (u Person) Importing() Person {
	u.source = "IMPORT"
	return u
}

// Submitting returns the user as a visitor who fills in a form (observed:
// changeSource FORM).
func (u Person) Submitting() Person {
	u.source = "FORM"
	return u
}

func (u Person) author() author {
	by := personAuthor(u.userID)
	by.source = cmp.Or(u.source, by.source)
	return by
}

// in runs an action on one object type under the portal's lock.
func (u Person) in(objectType string, act func(*store, author) *failure) error {
	p := u.portal
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return err
	}
	p.housekeep(s)
	if f := act(s, u.author()); f != nil {
		return f
	}
	return nil
}

func (u Person) on(objectType, id string, archived bool, act func(*store, *record, author) *failure) error {
	return u.in(objectType, func(s *store, by author) *failure {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return invalid("record id %q is not a number", id)
		}
		r := u.portal.find(s, n, archived, true)
		if r == nil {
			return notFound()
		}
		return act(s, r, by)
	})
}

// Create makes a record ("contacts", "companies", "deals") and returns its id.
// An email erased for privacy is refused to people, though not to the API.
func (u Person) Create(objectType string, values map[string]string) (string, error) {
	var id string
	err := u.in(objectType, func(s *store, by author) *failure {
		if s.erased[strings.ToLower(values["email"])] {
			return invalid("This contact was deleted for privacy and cannot be created again")
		}
		pr, f := u.portal.checkCreate(s, texts(values), by)
		if f != nil {
			return f
		}
		id = formatID(u.portal.insert(s, pr, by).id)
		return nil
	})
	return id, err
}

// Edit changes properties of a live record; an empty value clears one.
func (u Person) Edit(objectType, id string, values map[string]string) error {
	return u.on(objectType, id, false, func(s *store, r *record, by author) *failure {
		pr, f := u.portal.checkUpdate(s, r, texts(values), by)
		if f != nil {
			return f
		}
		u.portal.update(s, r, pr, by)
		return nil
	})
}

// AddEmail gives a contact one more email, which nobody else may have then.
func (u Person) AddEmail(contactID, email string) error {
	return u.on("contacts", contactID, false, func(s *store, r *record, by author) *failure {
		email, code, message := u.portal.normalise(s.schema.byName["email"], email)
		if code != "" {
			return invalid("%s", message)
		}
		def := s.schema.byName["hs_additional_emails"]
		pr := prepared{changes: []change{{def.key, joinList(r.values.get(def.key), email)}}}
		if f := u.portal.checkUnique(s, r.values.with(pr.changes, s.schema.keep), r); f != nil {
			return f
		}
		u.portal.update(s, r, pr, by)
		return nil
	})
}

// Archive deletes a record into the recycle bin.
func (u Person) Archive(objectType, id string) error {
	return u.on(objectType, id, false, func(s *store, r *record, by author) *failure {
		u.portal.archive(s, r, by)
		return nil
	})
}

// Restore brings an archived record back. HubSpot offers this to people only,
// and refuses while another contact holds the email.
func (u Person) Restore(objectType, id string) error {
	return u.on(objectType, id, true, func(s *store, r *record, by author) *failure {
		return u.portal.restore(s, r, by)
	})
}

// Merge joins two records and returns the id of the surviving one.
func (u Person) Merge(objectType, primaryID, otherID string) (string, error) {
	var id string
	err := u.in(objectType, func(s *store, by author) *failure {
		r, f := u.portal.mergeByID(s, primaryID, otherID, by)
		if f == nil {
			id = formatID(r.id)
		}
		return f
	})
	return id, err
}

// Erase deletes a contact for privacy, for good. It also takes an archived one.
func (u Person) Erase(contactID string) error {
	erase := func(s *store, r *record, by author) *failure {
		u.portal.erase(s, r, by)
		return nil
	}
	if err := u.on("contacts", contactID, false, erase); err == nil {
		return nil
	}
	return u.on("contacts", contactID, true, erase)
}

// Forge claims in a webhook that something happened to a record that did not
// happen: "privacyDeletion", "deletion", "restore", "merge".
func (p *Portal) Forge(objectType, id, action string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return err
	}
	e := p.event(personAuthor(77))
	if e.ObjectID, err = strconv.ParseInt(id, 10, 64); err != nil {
		return fmt.Errorf("record id %q is not a number", id)
	}
	if action == "deletion" || action == "privacyDeletion" {
		e.ChangeFlag = "DELETED"
	}
	p.raise(s.kind, action, e)
	return nil
}

// Associate links two records in both directions, as primary where the pair has that.
func (u Person) Associate(fromType, fromID, toType, toID string, primary bool) error {
	return u.withEnds(fromType, fromID, toType, toID, func(from, to ref, by author) *failure {
		return u.portal.link(from, to, primary, by)
	})
}

// Dissociate removes the association of two records.
func (u Person) Dissociate(fromType, fromID, toType, toID string) error {
	return u.withEnds(fromType, fromID, toType, toID, func(from, to ref, by author) *failure {
		if !u.portal.unlink(from, to, by) {
			return notFound()
		}
		return nil
	})
}

func (u Person) withEnds(fromType, fromID, toType, toID string, act func(from, to ref, by author) *failure) error {
	return u.on(fromType, fromID, false, func(s *store, r *record, by author) *failure {
		other, err := u.portal.store(toType)
		if err != nil {
			return invalid("%v", err)
		}
		id, err := strconv.ParseInt(toID, 10, 64)
		if err != nil || u.portal.find(other, id, false, false) == nil {
			return notFound()
		}
		return act(ref{s.kind, r.id}, ref{other.kind, id}, by)
	})
}

func texts(values map[string]string) map[string]text {
	out := make(map[string]text, len(values))
	for k, v := range values {
		out[k] = text(v)
	}
	return out
}

// Record is a record as the portal holds it, empty properties left out.
type Record struct {
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
	Archived   bool              `json:"archived"`
	Writes     WriteCounts       `json:"writes"`
}

func (s *store) record(r *record) Record {
	out := Record{ID: formatID(r.id), Properties: make(map[string]string), Archived: r.archived != 0,
		Writes: WriteCounts{Writes: int(r.writes), Repeats: int(r.repeats)}}
	for _, def := range s.schema.byName {
		if v := s.value(r, def); v != "" && def.archived == 0 {
			out.Properties[def.Name] = v
		}
	}
	return out
}

// Record returns a record, live or archived, by its own id: merges are not followed.
func (p *Portal) Record(objectType, id string) (Record, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return Record{}, false
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || s.byID[n] == nil {
		return Record{}, false
	}
	return s.record(s.byID[n]), true
}

// ContactByEmail returns the live contact with that primary or additional email.
func (p *Portal) ContactByEmail(email string) (Record, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stores[contactKind.typeID]
	r, f := s.byUnique("email", email)
	if f != nil || r == nil {
		return Record{}, false
	}
	return s.record(r), true
}

// Records returns up to limit records after the given id, archived ones too, by id.
func (p *Portal) Records(objectType, after string, limit int) ([]Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return nil, err
	}
	start := 0
	if after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("record id %q is not a number", after)
		}
		start, _ = s.position(n + 1)
	}
	out := []Record{}
	for _, r := range s.order[start:min(start+max(limit, 0), len(s.order))] {
		out = append(out, s.record(r))
	}
	return out, nil
}

// Count returns how many live records of a type there are.
func (p *Portal) Count(objectType string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return 0
	}
	return len(s.order) - len(s.bin)
}

// Seed puts a record in place without any event, replacing one with the same
// id. An empty id takes the next free one. Values are checked, but read-only
// properties can be set. It returns the id.
func (p *Portal) Seed(objectType, id string, values map[string]string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return "", err
	}
	n := p.nextID
	if id != "" {
		if n, err = strconv.ParseInt(id, 10, 64); err != nil || n <= 0 {
			return "", fmt.Errorf("record id %q is not a positive number", id)
		}
	}
	pr, f := p.seeds(s, values)
	if f != nil {
		return "", f
	}
	old := s.byID[n]
	if f := p.checkUnique(s, fields("").with(pr.changes, s.schema.keep), old); f != nil {
		return "", f
	}
	if old != nil {
		s.remove(old)
	}
	p.place(s, n, pr, author{source: "IMPORT"})
	return formatID(n), nil
}

func (p *Portal) seeds(s *store, values map[string]string) (prepared, *failure) {
	pr := prepared{changes: make([]change, 0, len(values)+3)}
	for name, v := range values {
		def, known := s.schema.active(name)
		if !known || def.calculated != stored {
			return pr, invalid("Property %s does not exist or is calculated", name)
		}
		if !def.readOnly {
			var code, message string
			if v, code, message = p.normalise(def, v); code != "" {
				return pr, invalid("%s", message)
			}
		}
		pr.changes = append(pr.changes, change{def.key, v})
	}
	return pr, nil
}
