package activities

import (
	"bytes"
	"context"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// liveContacts is how one contact is read and written while somebody waits.
type liveContacts interface {
	Contact(ctx context.Context, id string) (bridge.Contact, error)
	UpdateContact(ctx context.Context, id string, props bridge.Properties) error
}

// participants is the part of the Advocate client that a contact's life calls.
type participants interface {
	Find(ctx context.Context, email, programID string) (byID *bridge.Participant, byEmail []bridge.Participant, err error)
	Participant(ctx context.Context, accountID, userID, programID string) (bridge.Participant, error)
	Upsert(ctx context.Context, change bridge.ParticipantChange, programID string) (bridge.Participant, error)
}

// contactLedger is what the store remembers of one contact.
type contactLedger interface {
	Known(ctx context.Context, connectionID, contactID string) (store.Known, error)
	Erased(ctx context.Context, connectionID string, hashes ...[]byte) (bool, error)
	ContactsOf(ctx context.Context, connectionID string, id bridge.Identity) ([]string, error)
	Link(ctx context.Context, m bridge.Mapping, sentHash []byte) error
	Settle(ctx context.Context, connectionID, contactID string, s store.Settlement) error
}

// Contacts groups the activities of one contact's life.
type Contacts struct {
	links  Links
	ledger contactLedger
	hash   hasher
}

// NewContacts returns the contact activities over their dependencies.
func NewContacts(links Links, ledger contactLedger, hash hasher) *Contacts {
	return &Contacts{links: links, ledger: ledger, hash: hash}
}

// SyncContactInput names a contact and what HubSpot told us about it.
type SyncContactInput struct {
	ConnectionID string       `json:"connection_id"`
	ContactID    string       `json:"contact_id"`
	Hints        bridge.Hints `json:"hints"`
}

// SyncContactResult is what was decided and where the contact stands now.
type SyncContactResult struct {
	Action bridge.Action `json:"action"`
	Reason bridge.Reason `json:"reason"`
	State  bridge.State  `json:"state"`
}

// SyncContact looks at a contact as it is now, decides, and brings both sides
// in step: participant first, then the mapping, then the contact. A second run
// after a crash at any point finds what the first one did and goes on from
// there. Work that needs a person is parked here, because the vendor's words
// may not travel; an error means "try again".
func (a *Contacts) SyncContact(ctx context.Context, in SyncContactInput) (SyncContactResult, error) {
	link, err := a.links.Open(ctx, in.ConnectionID)
	if err != nil {
		return SyncContactResult{}, retryable(err)
	}
	look := contactLook{Contacts: a, link: link, id: in.ContactID}
	result, err := look.sync(ctx, in.Hints)
	a.links.Observe(ctx, link.Connection, err)
	return result, retryable(err)
}

// ParkContactInput names a contact whose work failed for good.
type ParkContactInput struct {
	ConnectionID string       `json:"connection_id"`
	ContactID    string       `json:"contact_id"`
	Cause        bridge.Cause `json:"cause"`
}

// ParkContact records that a contact's work was given up until a person asks
// for it again.
func (a *Contacts) ParkContact(ctx context.Context, in ParkContactInput) error {
	return a.ledger.Settle(ctx, in.ConnectionID, in.ContactID, store.Settlement{
		State:  bridge.StateParked,
		Reason: bridge.Reason(in.Cause),
		Parked: &bridge.ParkedItem{Cause: in.Cause, Advice: advice[in.Cause]},
	})
}

// contactLook is one look at one contact.
type contactLook struct {
	*Contacts
	link    Link
	id      string
	contact *bridge.Contact
	known   store.Known
}

func (l *contactLook) sync(ctx context.Context, hints bridge.Hints) (SyncContactResult, error) {
	snapshot, err := l.snapshot(ctx, hints)
	if err != nil {
		return SyncContactResult{}, err
	}
	decision := bridge.DecideContact(snapshot)
	state, err := l.act(ctx, snapshot, decision)
	if err != nil {
		return SyncContactResult{}, err
	}
	return SyncContactResult{Action: decision.Action, Reason: decision.Reason, State: state}, nil
}

// snapshot reads the contact before what we know of it, so that knowledge is
// never older than the record it is compared with.
func (l *contactLook) snapshot(ctx context.Context, hints bridge.Hints) (bridge.ContactSnapshot, error) {
	contact, err := l.link.HubSpot.Contact(ctx, l.id)
	switch {
	case err == nil:
		l.contact = &contact
	case bridge.KindOf(err) != bridge.NotFound:
		return bridge.ContactSnapshot{}, err
	}
	if l.known, err = l.ledger.Known(ctx, l.link.ID, l.id); err != nil {
		return bridge.ContactSnapshot{}, err
	}
	erased, err := l.erased(ctx)
	if err != nil {
		return bridge.ContactSnapshot{}, err
	}
	return bridge.ContactSnapshot{
		Contact:      l.contact,
		Hints:        hints,
		Mapping:      l.known.Mapping,
		Tombstone:    erased,
		Rules:        l.link.Rules,
		AwaitedAsNew: l.known.Ledger.State == bridge.StateAwaitingEmail && l.known.Ledger.AwaitedAsNew,
		DoNotTrack:   l.known.Ledger.State == bridge.StateDoNotTrack && l.sent(),
		Sent:         l.sent(),
	}, nil
}

// erased asks for tombstones under everything that identifies the person.
func (l *contactLook) erased(ctx context.Context) (bool, error) {
	if l.known.Erased || l.contact == nil {
		return l.known.Erased, nil
	}
	var keys [][]byte
	if email := l.contact.Email(); email != "" {
		keys = append(keys, l.hash.Email(email))
	}
	if id := l.contact.Identity(); id.Complete() {
		keys = append(keys, l.hash.Identity(id))
	}
	if len(keys) == 0 {
		return false, nil
	}
	return l.ledger.Erased(ctx, l.link.ID, keys...)
}

// sent reports that Advocate already answered what this contact would send now.
func (l *contactLook) sent() bool {
	if l.contact == nil || l.known.Ledger.SentHash == nil {
		return false
	}
	id := bridge.Identity{AccountID: l.contact.Email(), UserID: l.contact.Email()}
	if l.known.Mapping != nil {
		id = l.known.Mapping.Identity()
	}
	return bytes.Equal(l.inputsHash(id), l.known.Ledger.SentHash)
}

// inputsHash stands for everything the contact, as it is now, has to tell the
// participant.
func (l *contactLook) inputsHash(id bridge.Identity) []byte {
	return l.hash.Change(bridge.ParticipantUpdate(*l.contact, id, l.link.SharePIIUpdates))
}

func (l *contactLook) act(ctx context.Context, s bridge.ContactSnapshot, d bridge.ContactDecision) (bridge.State, error) {
	switch d.Action {
	case bridge.Nothing:
		return l.settle(ctx, store.Settlement{State: restingState(s, d), Reason: d.Reason})
	case bridge.AwaitContact:
		return bridge.StateMissing, nil // the workflow looks again; nothing to remember yet
	case bridge.AwaitEmail:
		return l.settle(ctx, store.Settlement{
			State: bridge.StateAwaitingEmail, Reason: d.Reason,
			AwaitedAsNew: s.AwaitedAsNew || !s.Hints.CreatedAt.IsZero(),
		})
	case bridge.ParkHalfPair:
		return l.park(ctx, d.Reason, bridge.CauseHalfPair, nil)
	case bridge.CreateParticipant:
		return l.createOrMatch(ctx, d.Reason)
	case bridge.MapByIDs:
		return l.mapByIDs(ctx, d.Reason)
	case bridge.UpdateParticipant:
		return l.exchange(ctx, d.Reason, bridge.ParticipantUpdate(*l.contact, s.Mapping.Identity(), l.link.SharePIIUpdates))
	default:
		return "", fmt.Errorf("activities: no such action: %s", d.Action)
	}
}

// restingState is where a contact stands when nothing has to be done.
func restingState(s bridge.ContactSnapshot, d bridge.ContactDecision) bridge.State {
	switch {
	case d.Reason == bridge.ReasonErased:
		return bridge.StateErased
	case d.Reason == bridge.ReasonDoNotTrack:
		return bridge.StateDoNotTrack
	case s.Mapping != nil:
		return bridge.StateMapped
	default:
		return bridge.StateNotShared
	}
}

func (l *contactLook) settle(ctx context.Context, s store.Settlement) (bridge.State, error) {
	if err := l.ledger.Settle(ctx, l.link.ID, l.id, s); err != nil {
		return "", err
	}
	return s.State, nil
}
