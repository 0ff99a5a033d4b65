package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// erase deletes a person for privacy: first it adds the tombstones, so that nothing
// brings the person back meanwhile, then it deletes the participants, then our own
// records. Our records go last, because an attempt after a crash needs them to find
// the participants.
func (c *contactSync) erase(ctx context.Context) (bridge.State, error) {
	verdict, err := c.store.DueErasure(ctx, c.conn.ID, c.in.ContactID)
	if err != nil {
		return "", err
	}
	if verdict == bridge.DeletionWaits {
		return c.awaitApproval(ctx)
	}
	if err := c.store.VerifyErasure(ctx, c.conn.ID, c.in.ContactID); err != nil {
		return "", err
	}
	person, err := c.person(ctx)
	if err != nil {
		return "", err
	}
	if err := c.store.AddTombstone(ctx, c.conn.ID, c.tombstones(person)...); err != nil {
		return "", err
	}
	deleted, err := c.deleteParticipants(ctx, person.ids)
	if err != nil {
		return "", err
	}
	if err := c.checkErased(ctx, person.ids); err != nil {
		return "", err
	}
	_, err = c.store.Erase(ctx, store.Erasure{
		ConnectionID: c.conn.ID, ContactIDs: person.contacts,
		Identities: person.ids, EmailHashes: person.emailHashes, Deleted: deleted,
		Advice: bridge.CauseParticipantErased.Advice(),
	})
	return bridge.StateErased, err
}

// took records that a step of the erasure is done.
func (c *contactSync) took(ctx context.Context, step store.ErasureStep) error {
	return c.store.StepErasure(ctx, c.conn.ID, c.in.ContactID, step)
}

// deleteParticipants deletes the person's participants with do-not-track, and
// returns how many there were.
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

// recordFailure stores the error of an attempt in the erasure's record, and returns
// the error.
func (c *contactSync) recordFailure(ctx context.Context, failure error) error {
	erasing := !c.in.Hints.ErasedAt.IsZero() || c.known.HalfErased()
	if failure == nil || !erasing || errors.Is(failure, bridge.ErrSuspended) {
		return failure
	}
	if err := c.store.FailErasure(ctx, c.conn.ID, c.in.ContactID, failure); err != nil {
		return errors.Join(failure, err)
	}
	return failure
}

// doubtErasure parks a privacy deletion that HubSpot does not confirm, and lifts
// the block on the contact, which is synced as before. If there are too many of
// them, the guard asks one question about all instead.
func (c *contactSync) doubtErasure(ctx context.Context) (bridge.State, error) {
	verdict, err := c.store.DoubtedErasure(ctx, c.conn.ID, c.in.ContactID)
	if err != nil {
		return "", err
	}
	if verdict == bridge.DeletionWaits {
		return c.known.Ledger.State, c.store.LiftErasure(ctx, c.conn.ID, c.in.ContactID)
	}
	item := *parkedItem(bridge.CauseErasureDoubted, nil)
	item.ConnectionID, item.ContactID, item.Hints = c.conn.ID, c.in.ContactID, c.in.Hints
	if _, err := c.store.Park(ctx, item); err != nil {
		return "", err
	}
	return c.known.Ledger.State, c.store.LiftErasure(ctx, c.conn.ID, c.in.ContactID)
}

// restErasure schedules another attempt at an erasure that kept failing. The first
// failure parks the item by which a person sees it.
func (a *Contacts) restErasure(ctx context.Context, in ParkContactInput, hints bridge.Hints) error {
	items, err := a.store.OpenParked(ctx, in.ConnectionID, in.ContactID)
	if err != nil {
		return err
	}
	since := a.now()
	for _, item := range items {
		if item.Cause == in.Cause {
			since = item.ParkedAt
		}
	}
	if hints.ErasedAt.IsZero() { // it broke off half-way: any hint completes it
		hints.ResyncAt = a.now()
	}
	return a.store.RequestSync(ctx, in.ConnectionID, store.SyncRequest{
		ContactID: in.ContactID, Hints: hints, After: bridge.ErasureRetry(a.now().Sub(since)),
	})
}

// identified is everything that identifies a person to us or to Advocate.
type identified struct {
	contacts    []string
	ids         []bridge.Identity
	emailHashes [][]byte
}

// add adds what we know of one of the person's contacts: the participants that it
// is mapped to, was last mapped to, or was matched to by its own email. A
// participant that somebody mapped it to for a while is somebody else and is left
// out.
func (p *identified) add(contactID string, known store.Known) {
	p.contacts = append(p.contacts, contactID)
	hashes := append([][]byte{known.EmailHash}, known.OtherEmails...)
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

// person collects what we know of the contact and of those merged into it, and what
// the emails of their participants lead to.
func (c *contactSync) person(ctx context.Context) (identified, error) {
	var p identified
	p.add(c.in.ContactID, c.known)
	merged, err := c.store.MergedInto(ctx, c.conn.ID, c.in.ContactID)
	if err != nil {
		return p, err
	}
	for _, id := range merged {
		known, err := c.store.Known(ctx, c.conn.ID, id)
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
		p.emailHashes = append(p.emailHashes, c.hash.Email(email))
		if err := c.addFound(ctx, &p, email); err != nil {
			return p, err
		}
	}
	// A contact that has got one of the person's emails since is the same person.
	with, err := c.store.WithEmails(ctx, c.conn.ID, p.emailHashes)
	p.addIDs(with...)
	return p, err
}

// addIDs adds participants, each once.
func (p *identified) addIDs(ids ...bridge.Identity) {
	for _, id := range ids {
		if !slices.Contains(p.ids, id) {
			p.ids = append(p.ids, id)
		}
	}
}

// addFound adds the participants that Advocate has for an email, by the ids that
// Advocate returns: other contacts are mapped to them by these ids.
func (c *contactSync) addFound(ctx context.Context, p *identified, email string) error {
	p.addIDs(bridge.Identity{AccountID: email, UserID: email})
	byID, byEmail, err := c.conn.Advocate.Find(ctx, email, c.conn.Sharing.ID)
	if err != nil {
		return fmt.Errorf("ask for the participants of an email of contact %s: %w", c.in.ContactID, err)
	}
	if byID != nil {
		byEmail = append(byEmail, *byID)
	}
	for _, found := range byEmail {
		p.addIDs(found.Identity())
	}
	return nil
}

// emails returns the emails of the contact in the recycle bin and those of its
// participants.
func (c *contactSync) emails(ctx context.Context, ids []bridge.Identity) ([]string, error) {
	var emails []string
	add := func(email string) {
		if email != "" && !slices.Contains(emails, email) {
			emails = append(emails, email)
		}
	}
	if c.contact != nil {
		add(c.contact.Email())
		for _, other := range c.contact.OtherEmails() {
			add(other)
		}
	}
	for _, id := range ids {
		p, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
		if bridge.KindOf(err) == bridge.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask for the participant of contact %s: %w", c.in.ContactID, err)
		}
		add(bridge.NormalEmail(p.Email))
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
