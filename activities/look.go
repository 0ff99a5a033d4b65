package activities

import (
	"bytes"
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// contactLook is one look at one contact.
type contactLook struct {
	*Contacts
	link    Link
	in      SyncContactInput
	contact *bridge.Contact // as batches show it, or from the recycle bin
	heir    *bridge.Contact // the contact it was merged into
	known   store.Known
}

// probeAfter is the number of fruitless looks after which a contact that
// batches do not show is searched for, even if nothing was heard of its end.
const probeAfter = 3

// snapshot reads the contact before what we know of it, so that knowledge is
// never older than the record it is compared with.
func (l *contactLook) snapshot(ctx context.Context) (bridge.ContactSnapshot, error) {
	if err := l.read(ctx); err != nil {
		return bridge.ContactSnapshot{}, err
	}
	var err error
	if l.known, err = l.ledger.Known(ctx, l.link.ID, l.in.ContactID); err != nil {
		return bridge.ContactSnapshot{}, err
	}
	s := bridge.ContactSnapshot{
		Contact:      l.contact,
		Hints:        l.in.Hints,
		Held:         l.in.Held,
		Mapping:      l.known.Mapping,
		Former:       l.former(),
		Rules:        l.link.Rules,
		AwaitedAsNew: l.known.Ledger.State == bridge.StateAwaitingEmail && l.known.Ledger.AwaitedAsNew,
		DoNotTrack:   l.refusedBefore() && l.sent(),
		Sent:         l.sent(),
		Stale:        l.stale(),
		// Only an erasure of its own puts a tombstone on a contact's id, and ends in this state.
		HalfErased: l.known.Erased && l.known.Ledger.State != bridge.StateErased,
	}
	if l.heir != nil {
		s.MergedInto = l.heir.ID
	}
	if s.Tombstone, s.ErasedIDs, err = l.erased(ctx); err != nil {
		return s, err
	}
	if l.gone() && !s.HalfErased && l.known.Ledger.State != bridge.StateErased {
		if s.HalfErased, err = l.heirErased(ctx); err != nil {
			return s, err
		}
	}
	if l.gone() && s.Mapping != nil {
		s.Shared, err = l.shared(ctx)
	}
	return s, err
}

// heirErased reports that the contact was merged into one that was erased since:
// HubSpot does not show that any more, but both are one person.
func (l *contactLook) heirErased(ctx context.Context) (bool, error) {
	heirs, err := l.ledger.Heirs(ctx, l.link.ID, l.in.ContactID)
	if err != nil || len(heirs) == 0 {
		return false, err
	}
	keys := make([][]byte, len(heirs))
	for i, heir := range heirs {
		keys[i] = l.hash.ContactID(heir)
	}
	return l.ledger.Erased(ctx, l.link.ID, keys...)
}

// read reads the contact, in a batch with others. Only for one that does not
// show, and whose end was heard of or is likely, single reads are spent.
func (l *contactLook) read(ctx context.Context) error {
	contact, err := l.link.HubSpot.Contact(ctx, l.in.ContactID)
	h := l.in.Hints
	ending := !h.DeletedAt.IsZero() || !h.MergedAt.IsZero() || !h.ErasedAt.IsZero() || l.in.Looks >= probeAfter
	if bridge.KindOf(err) == bridge.NotFound && ending {
		contact, err = l.link.HubSpot.Trace(ctx, l.in.ContactID)
	}
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return nil
	case err != nil:
		return err
	case contact.ID != l.in.ContactID:
		l.heir = &contact
	default:
		l.contact = &contact
	}
	return nil
}

func (l *contactLook) gone() bool {
	return l.heir == nil && (l.contact == nil || l.contact.Archived)
}

// former is the participant that was deleted with this contact, if one was.
func (l *contactLook) former() *bridge.Mapping {
	for _, f := range l.known.Former {
		if f.Ending == bridge.EndedDeleted {
			return &f.Mapping
		}
	}
	return nil
}

// shared asks whether another contact that may live is mapped to the participant.
// One that was merged lives on under another id, which may not be mapped yet. One
// that does not show may be new: only the recycle bin tells that it is gone, and
// if it was erased, that erasure sees to the participant.
func (l *contactLook) shared(ctx context.Context) (bool, error) {
	others, err := l.ledger.SharedWith(ctx, l.link.ID, l.in.ContactID)
	if err != nil {
		return false, err
	}
	for _, id := range others {
		contact, err := l.link.HubSpot.Trace(ctx, id)
		if err == nil && !contact.Archived || bridge.KindOf(err) == bridge.NotFound {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// erased asks for tombstones: under what identifies the person, and under the
// participant ids that the contact carries, which may be somebody else's.
func (l *contactLook) erased(ctx context.Context) (person, ids bool, err error) {
	if l.known.Erased || l.contact == nil {
		return l.known.Erased, false, nil
	}
	if hash := l.emailHash(); hash != nil {
		if person, err = l.ledger.Erased(ctx, l.link.ID, hash); err != nil || person {
			return person, false, err
		}
	}
	if id := l.contact.Identity(); id.Complete() {
		ids, err = l.ledger.Erased(ctx, l.link.ID, l.hash.Identity(id))
	}
	return false, ids, err
}

// sent reports that Advocate already answered what this contact would send now.
func (l *contactLook) sent() bool {
	if l.contact == nil || l.known.Ledger.SentHash == nil {
		return false
	}
	return bytes.Equal(l.inputsHash(l.counterpart()), l.known.Ledger.SentHash)
}

// counterpart is the participant that the contact has, or would be made into.
func (l *contactLook) counterpart() bridge.Identity {
	if l.known.Mapping != nil {
		return l.known.Mapping.Identity()
	}
	return bridge.Identity{AccountID: l.contact.Email(), UserID: l.contact.Email()}
}

// refusedBefore reports that what was last asked of Advocate was refused for
// good, or taken back because it led to somebody who was erased.
func (l *contactLook) refusedBefore() bool {
	state := l.known.Ledger.State
	return state == bridge.StateDoNotTrack || state == bridge.StateErased && l.known.Mapping == nil
}

// stale reports that the contact does not carry what HubSpot last took from us.
func (l *contactLook) stale() bool {
	return l.contact != nil && l.known.Mapping != nil &&
		!bytes.Equal(l.hash.Properties(l.contact.Shared()), l.known.Ledger.WrittenHash)
}

// inputsHash stands for everything the contact, as it is now, has to tell the
// participant.
func (l *contactLook) inputsHash(id bridge.Identity) []byte {
	return l.hash.Change(bridge.ParticipantUpdate(*l.contact, id, l.link.SharePIIUpdates))
}

// emailHash is how the person is recognised after everything else is gone;
// nil while there is no email.
func (l *contactLook) emailHash() []byte {
	if l.contact == nil || l.contact.Email() == "" {
		return nil
	}
	return l.hash.Email(l.contact.Email())
}
