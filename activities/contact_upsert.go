package activities

import (
	"context"
	"maps"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// createOrMatch creates the participant of an unmapped contact, or matches the one
// that Advocate already has. It reads first, because a match must not change name
// and email, and Advocate's answer to an upsert does not say which of the two
// happened.
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

// taken returns those participants that other contacts are mapped to. (This contact
// is not mapped.)
func (c *contactSync) taken(ctx context.Context, byID *bridge.Participant, byEmail []bridge.Participant) ([]bridge.Identity, error) {
	found := byEmail
	if byID != nil {
		found = append(slices.Clone(byEmail), *byID)
	}
	var taken []bridge.Identity
	for _, p := range found {
		owners, err := c.store.ContactsOf(ctx, c.conn.ID, p.Identity())
		if err != nil {
			return nil, err
		}
		if len(owners) > 0 {
			taken = append(taken, p.Identity())
		}
	}
	return taken, nil
}

// mapByIDs maps the contact to the participant whose ids somebody wrote on it. The
// contact's id is removed from the participant that it had before.
func (c *contactSync) mapByIDs(ctx context.Context, why bridge.Reason) (bridge.State, error) {
	if m := c.known.Mapping; m != nil && m.Identity() != c.participant.Identity() {
		if err := c.releaseParticipant(ctx, m.Identity()); err != nil {
			return "", err
		}
	}
	return c.upsertAndWriteBack(ctx, why, bridge.ParticipantUpdate(*c.contact, c.participant.Identity(), c.conn.SharePIIUpdates))
}

// upsertAndWriteBack sends the contact's inputs to Advocate and writes what Advocate
// returns to the contact. It stores the mapping in between, so that after a crash
// the next sync finds that the second half is missing.
func (c *contactSync) upsertAndWriteBack(ctx context.Context, why bridge.Reason, change bridge.ParticipantChange) (bridge.State, error) {
	p, dropped, err := c.send(ctx, change)
	switch bridge.KindOf(err) {
	case bridge.DoNotTrack:
		// Store the hash of what was refused, so that it is not sent again until the
		// email changes.
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
		// The person was erased during our call: undo what it wrote.
		return c.takeBack(ctx, p)
	}
	if err != nil {
		return "", err
	}
	return c.writeBack(ctx, why, p, dropped)
}

// takeBack deletes the participant of a person who was erased meanwhile. A
// participant that the contact's ids merely named is somebody else's and stays.
func (c *contactSync) takeBack(ctx context.Context, p bridge.Participant) (bridge.State, error) {
	keys := [][]byte{c.hash.Identity(p.Identity())}
	if email := bridge.NormalEmail(p.Email); email != "" {
		keys = append(keys, c.hash.Email(email))
	}
	erased, err := c.store.Erased(ctx, c.conn.ID, keys...)
	if err != nil {
		return "", err
	}
	if erased {
		err := c.conn.Advocate.Delete(ctx, p.AccountID, p.UserID, true)
		if err != nil && bridge.KindOf(err) != bridge.NotFound {
			return "", err
		}
	}
	// Its inputs count as sent, so that they are not sent again.
	return c.settle(ctx, store.Settlement{State: bridge.StateErased, Reason: bridge.ReasonErased, SentHash: c.inputsHash(c.counterpart())})
}

// remember stores the mapping, and whether the contact was matched by its own
// email. It returns a do_not_track error if the person was erased.
func (c *contactSync) remember(ctx context.Context, p bridge.Participant) error {
	var before bridge.Identity
	if c.known.Mapping != nil {
		before = c.known.Mapping.Identity()
	}
	var theirs []byte
	if email := bridge.NormalEmail(p.Email); email != "" {
		theirs = c.hash.Email(email)
	}
	return c.records.Link(ctx, store.Linking{
		Mapping:   bridge.Mapping{ConnectionID: c.conn.ID, ContactID: c.in.ContactID, AccountID: p.AccountID, UserID: p.UserID},
		Replaces:  before,
		ByEmail:   bridge.NormalEmail(p.Email) == c.contact.Email(),
		SentHash:  c.inputsHash(p.Identity()),
		EmailHash: c.emailHash(),

		ParticipantEmailHash: theirs,
	})
}

// send upserts the participant. If Advocate refuses the cookie or the code, it
// sends the rest without it and returns a warning.
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

// writeBack writes the shared properties that differ to the contact. Ids that a
// person changed to half a pair, or to a pair that nobody has, stay as they are and
// are parked.
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
			return bridge.StateMissing, nil // gone since we read it: the workflow syncs again
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
		KeepWarnings: c.decision.Action == bridge.WriteBack, // nothing was sent to Advocate
		Parked:       dropped,
	})
}

// refused parks a write that HubSpot refuses. During a program switch a missing
// property is an error to retry, because it will be created again.
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

// item returns a parked item without the contact's own data.
func (c *contactSync) item(cause bridge.Cause, refusal error) bridge.ParkedItem {
	item := *parkedItem(cause, refusal, slices.Collect(maps.Values(c.contact.Properties))...)
	item.Hints = c.in.Hints // a retry acts on them
	return item
}
