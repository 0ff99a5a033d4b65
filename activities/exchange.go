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
func (l *contactLook) createOrMatch(ctx context.Context, why bridge.Reason) (bridge.State, error) {
	byID, byEmail, err := l.link.Advocate.Find(ctx, l.contact.Email(), l.link.Sharing.ID)
	if err != nil {
		return "", err
	}
	var match *bridge.Participant
	switch {
	case byID != nil:
		match = byID
	case len(byEmail) == 1:
		match = &byEmail[0]
	case len(byEmail) > 1:
		return l.park(ctx, why, bridge.CauseAmbiguousEmail, nil)
	default:
		return l.exchange(ctx, why, bridge.NewParticipant(*l.contact))
	}
	owners, err := l.ledger.ContactsOf(ctx, l.link.ID, match.Identity())
	if err != nil {
		return "", err
	}
	if len(owners) > 0 {
		// Sharing a participant is allowed, but only a person may decide it.
		return l.park(ctx, why, bridge.CauseTakenParticipant, nil)
	}
	return l.exchange(ctx, why, bridge.ParticipantUpdate(*l.contact, match.Identity(), false))
}

// mapByIDs follows the ids that somebody wrote on the contact, if Advocate
// knows them; if not, whatever mapping there is stays.
func (l *contactLook) mapByIDs(ctx context.Context, why bridge.Reason) (bridge.State, error) {
	named := l.contact.Identity()
	p, err := l.link.Advocate.Participant(ctx, named.AccountID, named.UserID, l.link.Sharing.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return l.park(ctx, why, bridge.CauseUnknownPair, nil)
	}
	if err != nil {
		return "", err
	}
	return l.exchange(ctx, why, bridge.ParticipantUpdate(*l.contact, p.Identity(), l.link.SharePIIUpdates))
}

// refresh gives the contact what its participant shares, without a word to
// Advocate: nothing about the contact is new. What is left of a participant
// that Advocate has no more is cleared.
func (l *contactLook) refresh(ctx context.Context, why bridge.Reason) (bridge.State, error) {
	id := l.known.Mapping.Identity()
	p, err := l.link.Advocate.Participant(ctx, id.AccountID, id.UserID, l.link.Sharing.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		p, err = bridge.Participant{AccountID: id.AccountID, UserID: id.UserID}, nil
	}
	if err != nil {
		return "", err
	}
	return l.writeBack(ctx, why, p, nil)
}

// exchange sends the contact's inputs to Advocate and puts what comes back
// onto the contact. The mapping is stored between the two, so that a crash
// after the first half leaves the second to be found missing, not lost.
func (l *contactLook) exchange(ctx context.Context, why bridge.Reason, change bridge.ParticipantChange) (bridge.State, error) {
	p, dropped, err := l.send(ctx, change)
	switch bridge.KindOf(err) {
	case bridge.DoNotTrack:
		// Remember what was refused, so that only another email is tried again.
		refused := l.inputsHash(bridge.Identity{AccountID: change.AccountID, UserID: change.UserID})
		return l.settle(ctx, store.Settlement{State: bridge.StateDoNotTrack, Reason: bridge.ReasonDoNotTrack, SentHash: refused})
	case bridge.Invalid, bridge.Conflict, bridge.BadCookie, bridge.BadCode:
		return l.park(ctx, why, bridge.CauseRefusedByAdvocate, err)
	}
	if err != nil {
		return "", err
	}
	err = l.remember(ctx, p)
	if bridge.KindOf(err) == bridge.DoNotTrack {
		// Erased while we were talking to Advocate: what we just wrote goes too.
		return l.takeBack(ctx, p)
	}
	if err != nil {
		return "", err
	}
	return l.writeBack(ctx, why, p, dropped)
}

// takeBack deletes the participant of a person who was erased meanwhile. One
// that the contact merely pointed at is somebody else's and stays.
func (l *contactLook) takeBack(ctx context.Context, p bridge.Participant) (bridge.State, error) {
	keys := [][]byte{l.hash.Identity(p.Identity())}
	if email := bridge.NormalEmail(p.Email); email != "" {
		keys = append(keys, l.hash.Email(email))
	}
	erased, err := l.ledger.Erased(ctx, l.link.ID, keys...)
	if err != nil {
		return "", err
	}
	if erased {
		err := l.link.Advocate.Delete(ctx, p.AccountID, p.UserID, true)
		if err != nil && bridge.KindOf(err) != bridge.NotFound {
			return "", err
		}
	}
	// The same is not tried again.
	return l.settle(ctx, store.Settlement{State: bridge.StateErased, Reason: bridge.ReasonErased, SentHash: l.inputsHash(l.counterpart())})
}

// remember stores the mapping, and whether the contact's own email led to it.
// It is refused as do_not_track if the person was erased.
func (l *contactLook) remember(ctx context.Context, p bridge.Participant) error {
	var before bridge.Identity
	if l.known.Mapping != nil {
		before = l.known.Mapping.Identity()
	}
	var theirs []byte
	if email := bridge.NormalEmail(p.Email); email != "" {
		theirs = l.hash.Email(email)
	}
	return l.ledger.Link(ctx, store.Linking{
		Mapping:   bridge.Mapping{ConnectionID: l.link.ID, ContactID: l.in.ContactID, AccountID: p.AccountID, UserID: p.UserID},
		Replaces:  before,
		ByEmail:   bridge.NormalEmail(p.Email) == l.contact.Email(),
		SentHash:  l.inputsHash(p.Identity()),
		EmailHash: l.emailHash(),

		ParticipantEmailHash: theirs,
	})
}

// send upserts the participant. A cookie or a code that Advocate refuses is
// left out, once each, rather than keeping the person from being synced.
func (l *contactLook) send(ctx context.Context, change bridge.ParticipantChange) (p bridge.Participant, dropped *bridge.ParkedItem, err error) {
	for range 3 {
		p, err = l.link.Advocate.Upsert(ctx, change, l.link.Sharing.ID)
		switch {
		case bridge.KindOf(err) == bridge.BadCookie && change.Cookie != "":
			change.Cookie, dropped = "", l.item(bridge.CauseCookieDropped, err)
		case bridge.KindOf(err) == bridge.BadCode && change.ReferredByCode != "":
			change.ReferredByCode, dropped = "", l.item(bridge.CauseCodeDropped, err)
		default:
			return p, dropped, err
		}
	}
	return p, dropped, err
}

// writeBack puts the participant's shared properties onto the contact, if any
// of them differs.
func (l *contactLook) writeBack(ctx context.Context, why bridge.Reason, p bridge.Participant, report *bridge.ParkedItem) (bridge.State, error) {
	want := bridge.SharedProperties(p, l.link.Sharing)
	if changes := l.contact.Properties.Changes(want); len(changes) > 0 {
		err := l.link.HubSpot.UpdateContact(ctx, l.in.ContactID, changes)
		switch bridge.KindOf(err) {
		case bridge.NotFound:
			return bridge.StateMissing, nil // gone since we read it: look again
		case bridge.Invalid, bridge.Conflict:
			return l.refused(ctx, why, err)
		}
		if err != nil {
			return "", err
		}
	}
	return l.settle(ctx, store.Settlement{
		State: bridge.StateMapped, Reason: why,
		WrittenHash: l.hash.Properties(want),
		Program:     l.link.Sharing.ID,
		KeepReports: why == bridge.ReasonStale, // nothing was exchanged
		Parked:      report,
	})
}

// refused parks a write that HubSpot does not take. A property that is missing
// because the program is being changed will be there again.
func (l *contactLook) refused(ctx context.Context, why bridge.Reason, refusal error) (bridge.State, error) {
	if portal.NoSuchProperty(refusal) {
		now, err := l.links.Open(ctx, l.link.ID)
		if err != nil {
			return "", err
		}
		if now.Switching || now.Program != l.link.Program {
			return "", errSwitching()
		}
	}
	return l.park(ctx, why, bridge.CauseRefusedByHubSpot, refusal)
}

func (l *contactLook) park(ctx context.Context, why bridge.Reason, cause bridge.Cause, refusal error) (bridge.State, error) {
	return l.settle(ctx, store.Settlement{State: bridge.StateParked, Reason: why, Parked: l.item(cause, refusal)})
}

// item describes what a person must look at, without the contact's own data.
func (l *contactLook) item(cause bridge.Cause, refusal error) *bridge.ParkedItem {
	return parkedItem(cause, refusal, slices.Collect(maps.Values(l.contact.Properties))...)
}
