package activities

import (
	"context"
	"maps"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// createOrMatch makes the participant of an unmapped contact, or finds that
// Advocate already has the person. Advocate's upsert cannot tell the two apart
// in its answer, and a match must not touch name and email, so it looks first.
func (c *contactSync) createOrMatch(ctx context.Context, why bridge.Reason) (bridge.State, error) {
	byID, byEmail, err := c.conn.Advocate.Find(ctx, c.contact.Properties[bridge.PropEmail], c.conn.Sharing.ID)
	if err != nil {
		return "", err
	}
	taken, err := c.taken(ctx, byID, byEmail)
	if err != nil {
		return "", err
	}
	switch match, p := bridge.MatchParticipant(byID, byEmail, taken); match {
	case bridge.MatchNone:
		return c.upsertAndWriteBack(ctx, why, bridge.NewParticipant(*c.contact))
	case bridge.MatchFound:
		return c.upsertAndWriteBack(ctx, why, bridge.ParticipantUpdate(*c.contact, p.Identity(), false))
	case bridge.MatchTaken:
		// The item names the participant: once it is free, the contact is synced again.
		item := c.item(bridge.CauseTakenParticipant, nil)
		item.AccountID, item.UserID = p.AccountID, p.UserID
		return c.settle(ctx, store.Settlement{State: bridge.StateParked, Reason: why, Parked: []bridge.ParkedItem{item}})
	default:
		return c.park(ctx, why, bridge.CauseAmbiguousEmail, nil)
	}
}

// taken are those of the participants that contacts are mapped to: others, for
// this one is not mapped.
func (c *contactSync) taken(ctx context.Context, byID *bridge.Participant, byEmail []bridge.Participant) ([]bridge.Identity, error) {
	found := byEmail
	if byID != nil {
		found = append(slices.Clone(byEmail), *byID)
	}
	var taken []bridge.Identity
	for _, p := range found {
		owners, err := c.ledger.ContactsOf(ctx, c.conn.ID, p.Identity())
		if err != nil {
			return nil, err
		}
		if len(owners) > 0 {
			taken = append(taken, p.Identity())
		}
	}
	return taken, nil
}

// mapByIDs follows the ids that somebody wrote on the contact. The participant
// that it had before does not keep the contact's id.
func (c *contactSync) mapByIDs(ctx context.Context, why bridge.Reason) (bridge.State, error) {
	if m := c.known.Mapping; m != nil && m.Identity() != c.participant.Identity() {
		if err := c.releaseParticipant(ctx, m.Identity()); err != nil {
			return "", err
		}
	}
	return c.upsertAndWriteBack(ctx, why, bridge.ParticipantUpdate(*c.contact, c.participant.Identity(), c.conn.SharePIIUpdates))
}

// upsertAndWriteBack sends the contact's inputs to Advocate and puts what comes back
// onto the contact. The mapping is stored between the two, so that a crash
// after the first half leaves the second to be found missing, not lost.
func (c *contactSync) upsertAndWriteBack(ctx context.Context, why bridge.Reason, change bridge.ParticipantChange) (bridge.State, error) {
	p, dropped, err := c.send(ctx, change)
	switch bridge.KindOf(err) {
	case bridge.DoNotTrack:
		// Remember what was refused, so that only another email is tried again.
		refused := c.inputsHash(bridge.Identity{AccountID: change.AccountID, UserID: change.UserID})
		return c.settle(ctx, store.Settlement{State: bridge.StateDoNotTrack, Reason: bridge.ReasonDoNotTrack, SentHash: refused})
	case bridge.Invalid, bridge.Conflict, bridge.BadCookie, bridge.BadCode:
		return c.park(ctx, why, bridge.CauseRefusedByAdvocate, err)
	}
	if err != nil {
		return "", err
	}
	err = c.remember(ctx, p)
	if bridge.KindOf(err) == bridge.DoNotTrack {
		// Erased while we were talking to Advocate: what we just wrote goes too.
		return c.takeBack(ctx, p)
	}
	if err != nil {
		return "", err
	}
	return c.writeBack(ctx, why, p, dropped)
}

// takeBack deletes the participant of a person who was erased meanwhile. One
// that the contact merely pointed at is somebody else's and stays.
func (c *contactSync) takeBack(ctx context.Context, p bridge.Participant) (bridge.State, error) {
	keys := [][]byte{c.hash.Identity(p.Identity())}
	if email := bridge.NormalEmail(p.Email); email != "" {
		keys = append(keys, c.hash.Email(email))
	}
	erased, err := c.ledger.Erased(ctx, c.conn.ID, keys...)
	if err != nil {
		return "", err
	}
	if erased {
		err := c.conn.Advocate.Delete(ctx, p.AccountID, p.UserID, true)
		if err != nil && bridge.KindOf(err) != bridge.NotFound {
			return "", err
		}
	}
	// The same is not tried again.
	return c.settle(ctx, store.Settlement{State: bridge.StateErased, Reason: bridge.ReasonErased, SentHash: c.inputsHash(c.counterpart())})
}

// remember stores the mapping, and whether the contact's own email led to it.
// It is refused as do_not_track if the person was erased.
func (c *contactSync) remember(ctx context.Context, p bridge.Participant) error {
	var before bridge.Identity
	if c.known.Mapping != nil {
		before = c.known.Mapping.Identity()
	}
	var theirs []byte
	if email := bridge.NormalEmail(p.Email); email != "" {
		theirs = c.hash.Email(email)
	}
	return c.ledger.Link(ctx, store.Linking{
		Mapping:   bridge.Mapping{ConnectionID: c.conn.ID, ContactID: c.in.ContactID, AccountID: p.AccountID, UserID: p.UserID},
		Replaces:  before,
		ByEmail:   bridge.NormalEmail(p.Email) == c.contact.Email(),
		SentHash:  c.inputsHash(p.Identity()),
		EmailHash: c.emailHash(),

		ParticipantEmailHash: theirs,
	})
}

// send upserts the participant. A cookie or a code that Advocate refuses is
// left out, once each, rather than keeping the person from being synced.
func (c *contactSync) send(ctx context.Context, change bridge.ParticipantChange) (p bridge.Participant, dropped []bridge.ParkedItem, err error) {
	for range 3 {
		p, err = c.conn.Advocate.Upsert(ctx, change, c.conn.Sharing.ID)
		switch {
		case bridge.KindOf(err) == bridge.BadCookie && change.Cookie != "":
			change.Cookie, dropped = "", append(dropped, c.item(bridge.CauseCookieDropped, err))
		case bridge.KindOf(err) == bridge.BadCode && change.ReferredByCode != "":
			change.ReferredByCode, dropped = "", append(dropped, c.item(bridge.CauseCodeDropped, err))
		default:
			return p, dropped, err
		}
	}
	return p, dropped, err
}

// writeBack puts the participant's shared properties onto the contact, if any
// of them differs. Ids that a person has changed by half, or to nobody's, stay:
// the person is told.
func (c *contactSync) writeBack(ctx context.Context, why bridge.Reason, p bridge.Participant, dropped []bridge.ParkedItem) (bridge.State, error) {
	want := bridge.SharedProperties(p, c.conn.Sharing)
	changes := c.contact.Properties.Changes(want)
	if c.decision.Park != "" {
		delete(changes, bridge.PropUserID)
		delete(changes, bridge.PropAccountID)
	}
	if len(changes) > 0 {
		err := c.conn.HubSpot.UpdateContact(ctx, c.in.ContactID, changes)
		switch bridge.KindOf(err) {
		case bridge.NotFound:
			return bridge.StateMissing, nil // gone since we read it: look again
		case bridge.Invalid, bridge.Conflict:
			return c.refused(ctx, why, err)
		}
		if err != nil {
			return "", err
		}
	}
	return c.settle(ctx, store.Settlement{
		State: bridge.StateMapped, Reason: why,
		WrittenHash:  c.hash.Properties(want),
		Program:      c.conn.Sharing.ID,
		KeepWarnings: c.decision.Action == bridge.WriteBack, // nothing was exchanged
		Parked:       dropped,
	})
}

// refused parks a write that HubSpot does not take. A property that is missing
// because the program is being changed will be there again.
func (c *contactSync) refused(ctx context.Context, why bridge.Reason, refusal error) (bridge.State, error) {
	if portal.NoSuchProperty(refusal) {
		now, err := c.connections.Open(ctx, c.conn.ID)
		if err != nil {
			return "", err
		}
		if now.Switching || now.Program != c.conn.Program {
			return "", errSwitching()
		}
	}
	return c.park(ctx, why, bridge.CauseRefusedByHubSpot, refusal)
}

func (c *contactSync) park(ctx context.Context, why bridge.Reason, cause bridge.Cause, refusal error) (bridge.State, error) {
	return c.settle(ctx, store.Settlement{State: bridge.StateParked, Reason: why, Parked: []bridge.ParkedItem{c.item(cause, refusal)}})
}

// item describes what a person must look at, without the contact's own data.
func (c *contactSync) item(cause bridge.Cause, refusal error) bridge.ParkedItem {
	item := *parkedItem(cause, refusal, slices.Collect(maps.Values(c.contact.Properties))...)
	item.Hints = c.in.Hints // a retry asks for the same
	return item
}
