package operator

import (
	"context"
	"errors"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// historyShown is how many of the latest events a contact's status has.
const historyShown = 20

// ErrNotContactID is returned for a text that is no contact id.
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

// ContactStatus is what we know of one contact, without personal data.
type ContactStatus struct {
	ConnectionID string
	ContactID    string

	Mapped bool // to a participant
	Erased bool // there is a tombstone: the person was deleted for privacy
	Ledger bridge.Ledger
	Parked []bridge.ParkedItem
	// Decisions are the stored ones, the latest first; the ledger has the last of all.
	Decisions []store.Decision
	Heard     []store.HeardEvent // the latest events, in the order of arrival, the latest first

	WorkflowID string // in Temporal
}

// known reports whether we know anything of the contact.
func (s ContactStatus) known() bool {
	return s.Mapped || s.Erased || !s.Ledger.DecidedAt.IsZero() || len(s.Parked) > 0 || len(s.Heard) > 0
}

// Contact returns what we know of a contact. A contact that we never heard of is a
// refusal of kind not_found.
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
	decisions, err := o.store.Decisions(ctx, connectionID, contactID, historyShown)
	if err != nil {
		return ContactStatus{}, err
	}
	status := ContactStatus{
		ConnectionID: connectionID, ContactID: contactID,
		Mapped: known.Mapping != nil,
		Erased: known.Erased || known.Ledger.State == bridge.StateErased,
		Ledger: known.Ledger, Parked: parked, Heard: heard, Decisions: decisions,
		WorkflowID: workflows.ContactLifecycleID(connectionID, contactID),
	}
	if !status.known() {
		return status, refuse(bridge.NotFound, "unknown_contact",
			"nothing is known of contact %s: HubSpot reported nothing about it, and no participant matched it;  "+
				"if HubSpot has it, \"starter contact resync %[1]s\" has it looked at", contactID)
	}
	return status, nil
}

// FindContacts returns a few contacts that had an email when we last saw them,
// either their own or their participant's; none for an email that we never saw. The
// email is compared by its keyed hash, and not stored.
func (o *Operator) FindContacts(ctx context.Context, connectionID, email string) ([]string, error) {
	normal := bridge.NormalEmail(email)
	if !strings.Contains(normal, "@") {
		return nil, refuse(bridge.Invalid, "not_an_email", "this is not an email address")
	}
	return o.store.ContactsByEmail(ctx, connectionID, normal)
}

// Heard returns at most limit events about a contact, the latest first: those with
// ids below before, or the latest of all for 0. Events are kept for some days only.
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

// Resync requests a sync of a contact. It returns when the request is stored; a
// relay passes it on within about a second.
func (o *Operator) Resync(ctx context.Context, connectionID, contactID string) (Resync, error) {
	known, err := o.store.Known(ctx, connectionID, contactID)
	if err != nil {
		return Resync{}, err
	}
	err = o.store.RequestResync(ctx, connectionID, contactID)
	return Resync{WorkflowID: workflows.ContactLifecycleID(connectionID, contactID), DecidedAt: known.Ledger.DecidedAt}, err
}
