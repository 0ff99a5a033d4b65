package api

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Contact is the state of a contact. It holds no personal data.
type Contact struct {
	ConnectionID string `json:"connection_id"`
	ContactID    string `json:"contact_id"`
	WorkflowID   string `json:"workflow_id"` // to find its runs in Temporal

	State     string        `json:"state"`
	Meaning   string        `json:"meaning"`           // of the state, for people
	Reason    bridge.Reason `json:"reason,omitempty"`  // empty: not decided yet, or its sync goes on
	Because   string        `json:"because,omitempty"` // the reason, for people
	DecidedAt time.Time     `json:"decided_at,omitzero"`
	Mapped    bool          `json:"mapped"`
	Erased    bool          `json:"erased"` // a tombstone exists

	Parked []ParkedItem `json:"parked"`
	Heard  []Event      `json:"heard"` // the latest first

	Decisions []Decision `json:"decisions"` // of the last days, the latest first
}

// Decision is what was decided about a contact at one time.
type Decision struct {
	DecidedAt time.Time     `json:"decided_at"`
	State     bridge.State  `json:"state"`
	Meaning   string        `json:"meaning"` // of the state, for people
	Reason    bridge.Reason `json:"reason"`
	Because   string        `json:"because"` // the reason, for people
}

func decisionOf(d store.Decision) Decision {
	return Decision{DecidedAt: utc(d.At), State: d.State, Meaning: operator.DecisionWords(d), Reason: d.Reason, Because: operator.DecisionReason(d)}
}

// Event is one event about a contact.
type Event struct {
	Kind       store.EventKind `json:"kind"`
	Property   string          `json:"property,omitempty"`
	Meaning    string          `json:"meaning"` // for people
	OccurredAt time.Time       `json:"occurred_at"`
	RelayedAt  time.Time       `json:"relayed_at,omitzero"` // absent: waiting
	Echo       bool            `json:"echo"`                // our own write came back
}

// Person is one person as both vendors show them now. It is personal data.
type Person struct {
	HubSpotShowsContact bool          `json:"hubspot_shows_contact"`
	InRecycleBin        bool          `json:"in_recycle_bin"`
	HasParticipant      bool          `json:"has_participant"`
	Fields              []PersonField `json:"fields"`
}

// PersonField is one fact about a person, side by side.
type PersonField struct {
	Name     string `json:"name"`
	HubSpot  string `json:"hubspot"`
	Advocate string `json:"advocate"`
	Differs  bool   `json:"differs"` // both sides should agree but do not
}

// Resync is a request to sync a contact again.
type Resync struct {
	ConnectionID string `json:"connection_id"`
	ContactID    string `json:"contact_id"`
	WorkflowID   string `json:"workflow_id"`
	// DecidedAt is when the contact was last decided. A later decision, with a
	// reason, is the outcome of the request.
	DecidedAt time.Time `json:"decided_at,omitzero"`
}

// stateNew stands for the state of a contact that was never synced.
const stateNew = "new"

func contactOf(s operator.ContactStatus) Contact {
	c := Contact{
		ConnectionID: s.ConnectionID, ContactID: s.ContactID, WorkflowID: s.WorkflowID,
		State: string(s.Ledger.State), Meaning: s.StateWords(), Reason: s.Ledger.Reason, Because: s.ReasonWords(),
		DecidedAt: utc(s.Ledger.DecidedAt), Mapped: s.Mapped, Erased: s.Erased,
		Parked: collect(s.Parked, parkedOf), Heard: collect(s.Heard, eventOf), Decisions: collect(s.Decisions, decisionOf),
	}
	if s.Ledger.State == bridge.StateNew {
		c.State = stateNew
	}
	return c
}

func eventOf(e store.HeardEvent) Event {
	return Event{
		Kind: e.Kind, Property: e.Property, Meaning: operator.EventWords(e), Echo: e.Echo,
		OccurredAt: utc(e.OccurredAt), RelayedAt: utc(e.RelayedAt),
	}
}

func personOf(p operator.Revealed) Person {
	return Person{
		HubSpotShowsContact: p.Contact != nil, HasParticipant: p.Participant != nil,
		InRecycleBin: p.Contact != nil && p.Contact.Archived,
		Fields:       collect(p.Fields(), func(f operator.Field) PersonField { return PersonField(f) }),
	}
}

func (h *Handler) getContact(r *request) (any, error) {
	id := r.contact()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	status, err := h.operator.Contact(r.Context(), c.ID, id)
	return contactOf(status), err
}

func (h *Handler) listContactEvents(r *request) (any, error) {
	id, before, limit := r.contact(), r.cursor(), r.limit()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	events, err := h.operator.Heard(r.Context(), c.ID, id, before, limit+1)
	return pageOf(events, limit, eventOf, func(e store.HeardEvent) int64 { return e.ID }), err
}

func (h *Handler) revealContact(r *request) (any, error) {
	id := r.contact()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	person, err := h.operator.Reveal(r.Context(), c, id)
	return personOf(person), err
}

func (h *Handler) resyncContact(r *request) (any, error) {
	id := r.contact()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	resync, err := h.operator.Resync(r.Context(), c.ID, id)
	return Resync{ConnectionID: c.ID, ContactID: id, WorkflowID: resync.WorkflowID, DecidedAt: utc(resync.DecidedAt)}, err
}

// FindContacts is an email by which to find contacts. It is compared by its keyed
// hash, and neither stored nor logged.
type FindContacts struct {
	Email string `json:"email"`
}

// FoundContacts are the contacts that had an email when we last saw it.
type FoundContacts struct {
	ContactIDs []string `json:"contact_ids"`
}

// findContacts is no GET, because addresses are logged and must not hold an email,
// and because a search for a person has to be audited.
func (h *Handler) findContacts(r *request) (any, error) {
	var in FindContacts
	r.body(&in)
	r.required("email", in.Email)
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	ids, err := h.operator.FindContacts(r.Context(), c.ID, in.Email)
	return FoundContacts{ContactIDs: append([]string{}, ids...)}, err
}

// FindContacts returns the contacts that had an email when we last saw it.
func (c *Client) FindContacts(ctx context.Context, connection, email string) ([]string, error) {
	found, err := send[FoundContacts](ctx, c, call{operation: "findContacts", path: []string{connection}, in: FindContacts{Email: email}})
	return found.ContactIDs, err
}

// Contact returns the state of a contact.
func (c *Client) Contact(ctx context.Context, connection, contact string) (Contact, error) {
	return send[Contact](ctx, c, call{operation: "getContact", path: []string{connection, contact}})
}

// ContactEvents returns the stored events about a contact, the latest first. cursor
// comes from the previous page; "" means the first page.
func (c *Client) ContactEvents(ctx context.Context, connection, contact, page string) (Page[Event], error) {
	return send[Page[Event]](ctx, c, call{operation: "listContactEvents", path: []string{connection, contact}, query: pageQuery(page)})
}

// RevealContact reads a person live from both vendors.
func (c *Client) RevealContact(ctx context.Context, connection, contact string) (Person, error) {
	return send[Person](ctx, c, call{operation: "revealContact", path: []string{connection, contact}})
}

// ResyncContact requests a sync of a contact.
func (c *Client) ResyncContact(ctx context.Context, connection, contact string) (Resync, error) {
	return send[Resync](ctx, c, call{operation: "resyncContact", path: []string{connection, contact}})
}

// utc drops the server's time zone; the zero time stays zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
