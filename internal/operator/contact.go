package operator

import (
	"context"
	"errors"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// historyShown is how many of the latest events a contact's status tells.
const historyShown = 20

// ErrNotContactID says that what was given cannot be a contact's id.
var ErrNotContactID = errors.New("a contact id is a number, as in the address of the contact's HubSpot page")

// CheckContactID returns ErrNotContactID unless id has the form of a contact
// id: digits only, at most 19 of them.
func CheckContactID(id string) error {
	const longest = 19
	if id == "" || len(id) > longest {
		return ErrNotContactID
	}
	for _, c := range id {
		if c < '0' || c > '9' {
			return ErrNotContactID
		}
	}
	return nil
}

// ContactStatus is where one contact stands with us. Nothing in it is personal.
type ContactStatus struct {
	ConnectionID string
	ContactID    string

	Mapped bool // to a participant
	Erased bool // a tombstone stands: the person was deleted for privacy
	Ledger bridge.Ledger
	Parked []bridge.ParkedItem
	Heard  []store.HeardEvent // the latest events, the last to come in first

	WorkflowID string // where to look in Temporal
}

// known tells whether there is anything to tell.
func (s ContactStatus) known() bool {
	return s.Mapped || s.Erased || !s.Ledger.DecidedAt.IsZero() || len(s.Parked) > 0 || len(s.Heard) > 0
}

// Contact returns where a contact stands. Of one that we never heard of there
// is nothing to tell, which is a refusal of kind not_found.
func (o *Operator) Contact(ctx context.Context, connectionID, contactID string) (ContactStatus, error) {
	known, err := o.store.Known(ctx, connectionID, contactID)
	if err != nil {
		return ContactStatus{}, err
	}
	parked, err := o.store.OpenParked(ctx, connectionID, contactID)
	if err != nil {
		return ContactStatus{}, err
	}
	heard, err := o.store.ContactHistory(ctx, connectionID, contactID, 0, historyShown)
	if err != nil {
		return ContactStatus{}, err
	}
	status := ContactStatus{
		ConnectionID: connectionID, ContactID: contactID,
		Mapped: known.Mapping != nil,
		Erased: known.Erased || known.Ledger.State == bridge.StateErased,
		Ledger: known.Ledger, Parked: parked, Heard: heard,
		WorkflowID: workflows.ContactLifecycleID(connectionID, contactID),
	}
	if !status.known() {
		return status, refuse(bridge.NotFound, "unknown_contact",
			"nothing is known of contact %s: HubSpot told nothing of it, and no participant matched it; "+
				"if HubSpot has it, \"starter contact resync %[1]s\" has it looked at", contactID)
	}
	return status, nil
}

// Heard returns what was heard of a contact, what came in last first, at most
// limit events: those before an event's id, or the latest for 0. Events are kept
// for some days only.
func (o *Operator) Heard(ctx context.Context, connectionID, contactID string, before int64, limit int) ([]store.HeardEvent, error) {
	return o.store.ContactHistory(ctx, connectionID, contactID, before, limit)
}

// Resync is a request to sync a contact again.
type Resync struct {
	WorkflowID string
	// DecidedAt is when the contact was last decided about: a later decision, with
	// a reason, is the outcome.
	DecidedAt time.Time
}

// Resync has a contact looked at again, whatever is known of it. It returns
// when the request is durable; a relay passes it on within a second or so.
func (o *Operator) Resync(ctx context.Context, connectionID, contactID string) (Resync, error) {
	known, err := o.store.Known(ctx, connectionID, contactID)
	if err != nil {
		return Resync{}, err
	}
	err = o.store.RequestResync(ctx, connectionID, contactID)
	return Resync{WorkflowID: workflows.ContactLifecycleID(connectionID, contactID), DecidedAt: known.Ledger.DecidedAt}, err
}
