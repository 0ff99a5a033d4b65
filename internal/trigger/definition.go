package trigger

import (
	"slices"
	"time"

	"advocatesync/internal/bridge"
)

// EventType is what has to happen to the object.
type EventType string

const (
	Created         EventType = "created"
	PropertyChanged EventType = "property_changed"
	FormSubmitted   EventType = "form_submitted"
)

// Event is what fires a trigger.
type Event struct {
	Type       EventType
	Properties []string // PropertyChanged: any of these
	Forms      []string // FormSubmitted: ids of forms
}

// Once is how often one object may count.
type Once string

const (
	OncePerObject Once = "object" // once, whatever happens to it; the default
	OncePerChange Once = "change" // for every change that matches
)

// EmailForm is how a customer's email is sent.
type EmailForm string

// All forms use the trimmed, lower-case email; hashes are lower-case hex.
// CustomerId is a hash even if the email is sent raw, so that by itself it never
// identifies a person.
const (
	EmailRaw    EmailForm = "raw"
	EmailSHA1   EmailForm = "sha1" // the default
	EmailSHA256 EmailForm = "sha256"
)

// DefaultWait is how long an object waits for a mapped contact, unless the
// definition says otherwise.
const DefaultWait = 7 * 24 * time.Hour

// DefaultAtOnce is how many matches within ten minutes need no approval, unless the
// definition says otherwise.
const DefaultAtOnce = 100

// Definition is a trigger as an operator wrote it. Parse returns one.
type Definition struct {
	ID          string // lower-case letters, digits and dashes; at most 40
	Description string
	Enabled     *bool // nil: unchanged; a new one is enabled
	Object      bridge.ObjectType
	Event       Event
	When        Expression // empty: always
	Once        Once
	Wait        time.Duration // for a mapped contact, from the change on
	ReverseWhen Expression    // empty: never
	AtOnce      int           // how many matches within ten minutes need no approval; those of an import always do; 0: none ever does

	// Exactly one target.
	Conversion *Conversion
	Advocate   *AdvocateEvent

	places map[string]place
}

// Conversion is a target: one conversion at impact.com.
type Conversion struct {
	CampaignID int64

	// Exactly one of the three names the event type.
	ActionTrackerID int64
	EventTypeID     int64
	EventTypeCode   string

	CustomerEmail   EmailForm
	DispositionCode string // of reversals; the account's own list of reasons
	Fields          []Field
}

// AdvocateEvent is a target: one user event of the customer.
type AdvocateEvent struct {
	Key    string
	Fields []Field // nested ones by their path
}

// Field is the source of one field of the request.
type Field struct {
	Path []string   // names from the outside in; one for conversions
	Expr Expression // computes the value; empty: it is a literal:

	Text  string // as written: a conversion's 10.50 stays 10.50
	Value any    // as meant: string, bool or json.Number, which is exact
}

// Expression is the text of a CEL expression.
type Expression string

// Watch is one kind of HubSpot webhook that a trigger needs.
type Watch struct {
	Object   bridge.ObjectType
	Created  bool   // the creation; false: a change of
	Property string // this property
}

// Watches returns the webhooks that the trigger needs: those of its event, and of
// the changes that can make its reversal due.
func (t *Trigger) Watches() []Watch {
	var out []Watch
	switch e := t.def.Event; e.Type {
	case Created:
		out = append(out, Watch{Object: t.def.Object, Created: true})
	case PropertyChanged:
		for _, p := range e.Properties {
			out = append(out, Watch{Object: t.def.Object, Property: p})
		}
	}
	if t.reverse != nil {
		for _, p := range t.reverse.reads[t.def.Object] {
			if w := (Watch{Object: t.def.Object, Property: p}); !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}
