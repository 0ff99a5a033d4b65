package activities

import (
	"bytes"
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// contactSync is one look at one contact.
type contactSync struct {
	*Contacts
	conn     ConnectionClients
	in       SyncContactInput
	contact  *bridge.Contact // as batches show it, or from the recycle bin
	survivor *bridge.Contact // the contact it was merged into
	known    store.Known

	decision    bridge.ContactDecision
	participant bridge.Participant // that the decision rests on, as Advocate has it
	emailHolder *bridge.Contact    // another live contact that has the participant's email

	admitted bool // the guard lets its deletion pass
}

// probeAfter is the number of fruitless looks after which a contact that
// batches do not show is searched for, even if nothing was heard of its end.
const probeAfter = 3

// snapshot reads the contact before what we know of it, so that knowledge is
// never older than the record it is compared with.
func (c *contactSync) snapshot(ctx context.Context) (bridge.ContactSnapshot, error) {
	if err := c.readAndRecall(ctx); err != nil {
		return bridge.ContactSnapshot{}, err
	}
	s := bridge.ContactSnapshot{
		Contact:      c.contact,
		Hints:        c.in.Hints,
		GraceElapsed: c.in.GraceElapsed,
		ErasureHeld:  c.in.ErasureHeld,
		Grace:        c.hold,
		Seen:         c.known.Seen(),
		Mapping:      c.known.Mapping,
		Former:       c.former(),
		RemovedAt:    c.removedAt(),
		Rules:        c.conn.Rules,
		AwaitedAsNew: c.known.Ledger.State == bridge.StateAwaitingEmail && c.known.Ledger.AwaitedAsNew,
		DoNotTrack:   c.refusedBefore() && c.sent(),
		Sent:         c.sent(),
		Stale:        c.stale(),
		HalfErased:   c.known.HalfErased(),
	}
	if c.survivor != nil {
		s.MergedInto = c.survivor.ID
	}
	var err error
	if s.Tombstone, s.ErasedIDs, err = c.erased(ctx); err != nil {
		return s, err
	}
	if c.gone() && !s.HalfErased && c.known.Ledger.State != bridge.StateErased {
		if s.HalfErased, err = c.survivorErased(ctx); err != nil {
			return s, err
		}
	}
	if !c.gone() || s.Mapping == nil {
		return s, nil
	}
	if s.Shared, err = c.shared(ctx); err != nil || s.Shared || !s.GraceElapsed {
		return s, err
	}
	s.EmailShared, err = c.emailShared(ctx)
	return s, err
}

// readAndRecall reads the contact, and then what we know of it. What was heard of it
// before and given up counts as heard now. If that was its end, or an erasure broke
// off half way, a contact that does not show is traced, too.
func (c *contactSync) readAndRecall(ctx context.Context) (err error) {
	for traced := c.mayHaveEnded(); ; traced = true {
		if err := c.read(ctx, traced); err != nil {
			return err
		}
		if c.known, err = c.ledger.Known(ctx, c.conn.ID, c.in.ContactID); err != nil {
			return err
		}
		c.in.Hints = c.in.Hints.Merge(c.known.Unfinished)
		if traced || c.contact != nil || !c.mayHaveEnded() && !c.known.HalfErased() {
			return nil
		}
	}
}

// mayHaveEnded reports that the contact's end was heard of, or is likely.
func (c *contactSync) mayHaveEnded() bool {
	h := c.in.Hints
	return !h.DeletedAt.IsZero() || !h.MergedAt.IsZero() || !h.ErasedAt.IsZero() || c.in.Misses >= probeAfter
}

// survivorErased reports that the contact was merged into one that was erased since:
// HubSpot does not show that any more, but both are one person.
func (c *contactSync) survivorErased(ctx context.Context) (bool, error) {
	survivors, err := c.ledger.Survivors(ctx, c.conn.ID, c.in.ContactID)
	if err != nil || len(survivors) == 0 {
		return false, err
	}
	keys := make([][]byte, len(survivors))
	for i, survivor := range survivors {
		keys[i] = c.hash.ContactID(survivor)
	}
	return c.ledger.Erased(ctx, c.conn.ID, keys...)
}

// read reads the contact, in a batch with others. One that does not show is traced
// only where asked for: that takes single reads.
func (c *contactSync) read(ctx context.Context, trace bool) error {
	contact, err := c.conn.HubSpot.Contact(ctx, c.in.ContactID)
	if bridge.KindOf(err) == bridge.NotFound && trace {
		contact, err = c.conn.HubSpot.Trace(ctx, c.in.ContactID)
	}
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return nil
	case err != nil:
		return err
	case contact.ID != c.in.ContactID:
		c.survivor = &contact
	default:
		c.contact = &contact
	}
	return nil
}

func (c *contactSync) gone() bool {
	return c.survivor == nil && (c.contact == nil || c.contact.Archived)
}

// former is the participant that was deleted with this contact, if one was.
func (c *contactSync) former() *bridge.Mapping {
	for _, f := range c.known.Former {
		if f.Ending == bridge.EndedDeleted {
			return &f.Mapping
		}
	}
	return nil
}

// removedAt is when we learned that Advocate's staff had deleted the contact's
// participant; zero if they did not.
func (c *contactSync) removedAt() time.Time {
	for _, f := range c.known.Former {
		if f.Ending == bridge.EndedRemoved {
			return f.EndedAt
		}
	}
	return time.Time{}
}

// shared asks whether another contact that may live is mapped to the participant.
// One that was merged lives on under another id, which may not be mapped yet. One
// that does not show may be new: only the recycle bin tells that it is gone, and
// if it was erased, that erasure sees to the participant.
func (c *contactSync) shared(ctx context.Context) (bool, error) {
	others, err := c.ledger.SharedWith(ctx, c.conn.ID, c.in.ContactID)
	if err != nil {
		return false, err
	}
	for _, id := range others {
		contact, err := c.conn.HubSpot.Trace(ctx, id)
		if err == nil && !contact.Archived || bridge.KindOf(err) == bridge.NotFound {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// emailShared asks whether another live contact has the participant's email, or
// the one by which this contact got the participant: then it is that person's, too.
func (c *contactSync) emailShared(ctx context.Context) (bool, error) {
	m := c.known.Mapping
	p, err := c.conn.Advocate.Participant(ctx, m.AccountID, m.UserID, c.conn.Sharing.ID)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	emails := []string{p.Email}
	if c.contact != nil {
		emails = append(emails, c.contact.Email())
	}
	found, err := c.conn.HubSpot.FindContacts(ctx, bridge.LaneLive, emails)
	for _, other := range found {
		if other.ID != c.in.ContactID {
			c.emailHolder = &other
		}
	}
	return c.emailHolder != nil, err
}

// erased asks for tombstones: under what identifies the person, and under the
// participant ids that the contact carries, which may be somebody else's.
func (c *contactSync) erased(ctx context.Context) (person, ids bool, err error) {
	if c.known.Erased || c.contact == nil {
		return c.known.Erased, false, nil
	}
	if hash := c.emailHash(); hash != nil {
		if person, err = c.ledger.Erased(ctx, c.conn.ID, hash); err != nil || person {
			return person, false, err
		}
	}
	if id := c.contact.Identity(); id.Complete() {
		ids, err = c.ledger.Erased(ctx, c.conn.ID, c.hash.Identity(id))
	}
	return false, ids, err
}

// sent reports that Advocate already answered what this contact would send now.
func (c *contactSync) sent() bool {
	if c.contact == nil || c.known.Ledger.SentHash == nil {
		return false
	}
	return bytes.Equal(c.inputsHash(c.counterpart()), c.known.Ledger.SentHash)
}

// counterpart is the participant that the contact has, or would be made into.
func (c *contactSync) counterpart() bridge.Identity {
	if c.known.Mapping != nil {
		return c.known.Mapping.Identity()
	}
	return bridge.Identity{AccountID: c.contact.Email(), UserID: c.contact.Email()}
}

// refusedBefore reports that what was last asked of Advocate was refused for
// good, or taken back because it led to somebody who was erased.
func (c *contactSync) refusedBefore() bool {
	state := c.known.Ledger.State
	return state == bridge.StateDoNotTrack || state == bridge.StateErased && c.known.Mapping == nil
}

// stale reports that the contact does not carry what HubSpot last took from us, but
// for the ids: whom these name is decided apart.
func (c *contactSync) stale() bool {
	if c.contact == nil || c.known.Mapping == nil {
		return false
	}
	carried, m := c.contact.Shared(), c.known.Mapping
	carried[bridge.PropUserID], carried[bridge.PropAccountID] = m.UserID, m.AccountID
	return !bytes.Equal(c.hash.Properties(carried), c.known.Ledger.WrittenHash)
}

// inputsHash stands for everything the contact, as it is now, has to tell the
// participant.
func (c *contactSync) inputsHash(id bridge.Identity) []byte {
	return c.hash.Change(bridge.ParticipantUpdate(*c.contact, id, c.conn.SharePIIUpdates))
}

// emailHash is how the person is recognised after everything else is gone;
// nil while there is no email.
func (c *contactSync) emailHash() []byte {
	if c.contact == nil || c.contact.Email() == "" {
		return nil
	}
	return c.hash.Email(c.contact.Email())
}
