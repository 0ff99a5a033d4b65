package hubspottest

import (
	"slices"
	"strings"
	"time"
)

// purgeAfter is how long archived records and properties can be restored
// (HubSpot docs: 90 days).
const purgeAfter = 90 * 24 * time.Hour

// Property is a property definition as the API shows it.
type Property struct {
	Name           string           `json:"name"`
	Label          string           `json:"label"`
	GroupName      string           `json:"groupName"`
	Type           string           `json:"type"`
	FieldType      string           `json:"fieldType"`
	Description    string           `json:"description"`
	Options        []PropertyOption `json:"options"`
	DisplayOrder   int              `json:"displayOrder"`
	FormField      bool             `json:"formField"`
	HasUniqueValue bool             `json:"hasUniqueValue"`
	Hidden         bool             `json:"hidden"`

	builtin, readOnly bool
	key               int   // in fields
	created, updated  int64 // ms
	archived          int64 // ms; 0 while active
	calculated        calculation
}

// PropertyOption is one choice of an enumeration.
type PropertyOption struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
}

// calculation says where the value of a property comes from.
type calculation int

const (
	stored calculation = iota
	fromID
	fromCreated
	fromUpdated
)

// Group is a property group.
type Group struct {
	Name         string `json:"name"`
	Label        string `json:"label"`
	DisplayOrder int    `json:"displayOrder"`
	Archived     bool   `json:"archived"`
}

// schema are the property definitions of one object type.
type schema struct {
	byName map[string]*Property
	byKey  []*Property // the definition now using a key; nil where values were dropped
	unique []*Property
	groups map[string]*Group
}

func newSchema(k *kind) *schema {
	s := &schema{byName: make(map[string]*Property), groups: make(map[string]*Group)}
	for _, p := range k.builtin() {
		switch p.Name {
		case "hs_object_id":
			p.calculated = fromID
		case "createdate":
			p.calculated = fromCreated
		case k.modified:
			p.calculated = fromUpdated
		}
		if s.groups[p.GroupName] == nil {
			s.groups[p.GroupName] = &Group{Name: p.GroupName, Label: p.GroupName}
		}
		s.add(p)
	}
	return s
}

// add makes p an active definition with a key of its own.
func (s *schema) add(p Property) *Property {
	p.key = len(s.byKey)
	if p.Options == nil {
		p.Options = []PropertyOption{}
	}
	def := &p
	s.byName[p.Name] = def
	s.byKey = append(s.byKey, def)
	if p.HasUniqueValue {
		s.unique = append(s.unique, def)
	}
	return def
}

// active returns a definition that is not archived.
func (s *schema) active(name string) (*Property, bool) {
	p, ok := s.byName[name]
	if !ok || p.archived != 0 {
		return nil, false
	}
	return p, true
}

// rekey gives a definition a new key, so that no record has a value for it any more.
func (s *schema) rekey(p *Property) {
	s.byKey[p.key] = nil
	p.key = len(s.byKey)
	s.byKey = append(s.byKey, p)
}

// purge forgets definitions archived too long ago to be restored.
func (s *schema) purge(before int64) {
	for name, p := range s.byName {
		if p.archived != 0 && p.archived < before {
			s.byKey[p.key] = nil
			delete(s.byName, name)
			s.unique = slices.DeleteFunc(s.unique, func(q *Property) bool { return q == p })
		}
	}
}

func (s *schema) keep(key int) bool { return s.byKey[key] != nil }

func (s *schema) sorted(archived bool) []*Property {
	var out []*Property
	for _, p := range s.byName {
		if (p.archived != 0) == archived {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *Property) int { return strings.Compare(a.Name, b.Name) })
	return out
}
