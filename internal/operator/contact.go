package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/sethvargo/go-retry"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// contactRecords is what is known and heard of contacts.
type contactRecords interface {
	Known(ctx context.Context, connectionID, contactID string) (store.Known, error)
	OpenParked(ctx context.Context, connectionID, contactID string) ([]bridge.ParkedItem, error)
	ContactHistory(ctx context.Context, connectionID, contactID string, limit int) ([]store.HeardEvent, error)
	AppendEvents(ctx context.Context, events []store.Event) (int, error)
}

// historyShown is how many of the latest events a contact's status tells.
const historyShown = 20

// ErrNotContactID says that what was given cannot be a contact's id.
var ErrNotContactID = errors.New("a contact's id is a number, as the address of its HubSpot page shows it")

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
	status, err := o.contactStatus(ctx, connectionID, contactID)
	if err == nil && !status.known() {
		err = refuse(bridge.NotFound, "unknown_contact",
			"nothing is known of contact %s: HubSpot told nothing of it, and no participant matched it; "+
				"if HubSpot has it, \"starter contact resync %[1]s\" has it looked at", contactID)
	}
	return status, err
}

func (o *Operator) contactStatus(ctx context.Context, connectionID, contactID string) (ContactStatus, error) {
	known, err := o.store.Known(ctx, connectionID, contactID)
	if err != nil {
		return ContactStatus{}, err
	}
	parked, err := o.store.OpenParked(ctx, connectionID, contactID)
	if err != nil {
		return ContactStatus{}, err
	}
	heard, err := o.store.ContactHistory(ctx, connectionID, contactID, historyShown)
	if err != nil {
		return ContactStatus{}, err
	}
	return ContactStatus{
		ConnectionID: connectionID, ContactID: contactID,
		Mapped: known.Mapping != nil,
		Erased: known.Erased || known.Ledger.State == bridge.StateErased,
		Ledger: known.Ledger, Parked: parked, Heard: heard,
		WorkflowID: workflows.ContactLifecycleID(connectionID, contactID),
	}, nil
}

// Resync has a contact looked at again, whatever is known of it. It returns
// when the wish is durable; a relay passes it on within a second or so. before
// is when the contact was last decided about, for AwaitDecision.
func (o *Operator) Resync(ctx context.Context, connectionID, contactID string) (before time.Time, err error) {
	known, err := o.store.Known(ctx, connectionID, contactID)
	if err != nil {
		return time.Time{}, err
	}
	_, err = o.store.AppendEvents(ctx, []store.Event{{
		ConnectionID: connectionID, ContactID: contactID, Kind: store.EventResync,
		OccurredAt: o.now(), DedupeKey: "resync/" + rand.Text(), // every wish counts
	}})
	return known.Ledger.DecidedAt, err
}

// pollDecision is how often a decision is looked for.
const pollDecision = 200 * time.Millisecond

var errUndecided = errors.New("no decision yet")

// AwaitDecision waits until a contact was decided about again, and returns
// where it stands then. ctx bounds the wait.
func (o *Operator) AwaitDecision(ctx context.Context, connectionID, contactID string, before time.Time) (ContactStatus, error) {
	err := retry.Do(ctx, retry.NewConstant(pollDecision), func(ctx context.Context) error {
		known, err := o.store.Known(ctx, connectionID, contactID)
		// Without a reason the contact was mapped, but its look goes on.
		if err == nil && (!known.Ledger.DecidedAt.After(before) || known.Ledger.Reason == "") {
			return retry.RetryableError(errUndecided)
		}
		return err
	})
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ContactStatus{}, fmt.Errorf("contact %s was not decided about in time; its work goes on: see %s in Temporal, or \"starter contact show %[1]s\" later",
			contactID, workflows.ContactLifecycleID(connectionID, contactID))
	}
	if err != nil {
		return ContactStatus{}, err
	}
	return o.contactStatus(ctx, connectionID, contactID)
}
