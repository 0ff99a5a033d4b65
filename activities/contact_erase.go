package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// erase deletes a person for privacy: first the tombstones, so that nothing
// brings the person back meanwhile, then the participants, then all we know.
// What we know is needed until the participants are gone, so that a crash
// between the steps loses nothing.
func (c *contactSync) erase(ctx context.Context) (bridge.State, error) {
	if err := c.took(ctx, store.ErasureVerified); err != nil {
		return "", err
	}
	// From here on the contact itself tells that its erasure is to be completed.
	if err := c.ledger.AddTombstone(ctx, c.conn.ID, c.hash.ContactID(c.in.ContactID)); err != nil {
		return "", err
	}
	person, err := c.person(ctx)
	if err != nil {
		return "", err
	}
	if err := c.ledger.AddTombstone(ctx, c.conn.ID, c.tombstones(person)...); err != nil {
		return "", err
	}
	if err := c.took(ctx, store.ErasureBlocked); err != nil {
		return "", err
	}
	deleted, err := c.deleteParticipants(ctx, person.ids)
	if err != nil {
		return "", err
	}
	if err := c.checkErased(ctx, person.ids); err != nil {
		return "", err
	}
	_, err = c.ledger.Erase(ctx, store.Erasure{
		ConnectionID: c.conn.ID, ContactIDs: person.contacts,
		Identities: person.ids, EmailHashes: person.emailHashes, Deleted: deleted,
		Advice: advice[bridge.CauseParticipantErased],
	})
	return bridge.StateErased, err
}

// took records a step of the erasure.
func (c *contactSync) took(ctx context.Context, step store.ErasureStep) error {
	return c.ledger.StepErasure(ctx, c.conn.ID, c.in.ContactID, step)
}

// deleteParticipants deletes the person's participants for good, and returns how
// many there were.
func (c *contactSync) deleteParticipants(ctx context.Context, ids []bridge.Identity) (deleted int, err error) {
	for _, id := range ids {
		err := c.conn.Advocate.Delete(ctx, id.AccountID, id.UserID, true)
		switch {
		case err == nil:
			deleted++
		case bridge.KindOf(err) != bridge.NotFound:
			return deleted, err
		}
	}
	return deleted, c.took(ctx, store.ErasureDeleted)
}

// checkErased asks Advocate again: only what it does not show any more is deleted.
// HubSpot was asked when this look began, or the contact would not be erased.
func (c *contactSync) checkErased(ctx context.Context, ids []bridge.Identity) error {
	for _, id := range ids {
		_, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
		if err == nil {
			return &bridge.Error{Kind: bridge.Unavailable, Op: "erasure.check", Err: errors.New("Advocate goes on showing a participant that it deleted")}
		}
		if kind := bridge.KindOf(err); kind != bridge.NotFound && kind != bridge.DoNotTrack {
			return err
		}
	}
	return c.took(ctx, store.ErasureChecked)
}

// recordFailure keeps what an attempt at an erasure failed with, for whoever
// looks at its record. The attempt's own error is what counts.
func (c *contactSync) recordFailure(ctx context.Context, failure error) error {
	erasing := !c.in.Hints.ErasedAt.IsZero() || c.known.HalfErased()
	if failure == nil || !erasing || errors.Is(failure, bridge.ErrSuspended) {
		return failure
	}
	if err := c.ledger.FailErasure(ctx, c.conn.ID, c.in.ContactID, failure); err != nil {
		return errors.Join(failure, err)
	}
	return failure
}

// doubtErasure tells a person of a privacy deletion that HubSpot does not bear out,
// and lifts the block that it may have put on the contact: its life goes on.
func (c *contactSync) doubtErasure(ctx context.Context) (bridge.State, error) {
	item := *parkedItem(bridge.CauseErasureDoubted, nil)
	item.ConnectionID, item.ContactID, item.Hints = c.conn.ID, c.in.ContactID, c.in.Hints
	if _, err := c.ledger.Park(ctx, item); err != nil {
		return "", err
	}
	return c.known.Ledger.State, c.ledger.LiftTombstone(ctx, c.conn.ID, c.in.ContactID)
}

// restErasure has an erasure tried again later that kept failing. The item by which
// a person sees it is parked when it fails for the first time.
func (a *Contacts) restErasure(ctx context.Context, in ParkContactInput, hints bridge.Hints) error {
	items, err := a.ledger.OpenParked(ctx, in.ConnectionID, in.ContactID)
	if err != nil {
		return err
	}
	since := a.now()
	for _, item := range items {
		if item.Cause == in.Cause {
			since = item.ParkedAt
		}
	}
	if hints.ErasedAt.IsZero() { // it broke off half way: whatever is heard completes it
		hints.ResyncAt = a.now()
	}
	return a.ledger.RequestSync(ctx, in.ConnectionID, store.SyncRequest{
		ContactID: in.ContactID, Hints: hints, After: bridge.ErasureRetry(a.now().Sub(since)),
	})
}

// identified is everything by which a person is known, to us or to Advocate.
type identified struct {
	contacts    []string
	ids         []bridge.Identity
	emailHashes [][]byte
}

// add adds what we know of one of the person's contacts: the participants it is
// mapped to, was mapped to in the end, and was led to by its own email. One that
// somebody only mapped it to for a while is not this person, and not kept.
func (p *identified) add(contactID string, known store.Known) {
	p.contacts = append(p.contacts, contactID)
	hashes := [][]byte{known.EmailHash}
	if known.Mapping != nil {
		p.ids, hashes = append(p.ids, known.Mapping.Identity()), append(hashes, known.ParticipantEmailHash)
	}
	for _, f := range known.Former {
		p.ids, hashes = append(p.ids, f.Identity()), append(hashes, f.EmailHash)
	}
	for _, hash := range hashes {
		if hash != nil {
			p.emailHashes = append(p.emailHashes, hash)
		}
	}
}

// person collects what we know of the contact and of those that were merged into
// it, and what the emails of their participants lead to in turn.
func (c *contactSync) person(ctx context.Context) (identified, error) {
	var p identified
	p.add(c.in.ContactID, c.known)
	merged, err := c.ledger.MergedInto(ctx, c.conn.ID, c.in.ContactID)
	if err != nil {
		return p, err
	}
	for _, id := range merged {
		known, err := c.ledger.Known(ctx, c.conn.ID, id)
		if err != nil {
			return p, err
		}
		p.add(id, known)
	}
	emails, err := c.emails(ctx, p.ids)
	if err != nil {
		return p, err
	}
	for _, email := range emails {
		id := bridge.Identity{AccountID: email, UserID: email}
		p.emailHashes = append(p.emailHashes, c.hash.Email(email))
		p.ids = append(p.ids, id)
		// Whoever else is mapped to it is mapped by the ids as Advocate keeps them.
		kept, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
		switch {
		case err == nil && !slices.Contains(p.ids, kept.Identity()):
			p.ids = append(p.ids, kept.Identity())
		case err != nil && bridge.KindOf(err) != bridge.NotFound:
			return p, fmt.Errorf("ask for the participant of the email of contact %s: %w", c.in.ContactID, err)
		}
	}
	return p, nil
}

func (c *contactSync) emails(ctx context.Context, ids []bridge.Identity) ([]string, error) {
	var emails []string
	if c.contact != nil && c.contact.Email() != "" {
		emails = append(emails, c.contact.Email())
	}
	for _, id := range ids {
		p, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
		if bridge.KindOf(err) == bridge.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask for the participant of contact %s: %w", c.in.ContactID, err)
		}
		if email := bridge.NormalEmail(p.Email); email != "" && !slices.Contains(emails, email) {
			emails = append(emails, email)
		}
	}
	return emails, nil
}

func (c *contactSync) tombstones(p identified) [][]byte {
	keys := slices.Clone(p.emailHashes)
	for _, id := range p.contacts {
		keys = append(keys, c.hash.ContactID(id))
	}
	for _, id := range p.ids {
		keys = append(keys, c.hash.Identity(id))
	}
	return keys
}
