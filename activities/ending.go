package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// deleteParticipant deletes the participant of a contact that is gone. What is
// absent already was deleted by an earlier attempt, or by somebody else.
func (l *contactLook) deleteParticipant(ctx context.Context) (bridge.State, error) {
	m := l.known.Mapping
	err := l.link.Advocate.Delete(ctx, m.AccountID, m.UserID, false)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return "", err
	}
	return l.end(ctx, bridge.EndedDeleted, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonDeleted})
}

// unmap lets go of a participant that another live contact has.
func (l *contactLook) unmap(ctx context.Context) (bridge.State, error) {
	return l.end(ctx, bridge.EndedUnmapped, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonShared})
}

func (l *contactLook) end(ctx context.Context, ending bridge.Ending, s store.Settlement) (bridge.State, error) {
	if err := l.ledger.EndMapping(ctx, l.link.ID, l.in.ContactID, ending, s); err != nil {
		return "", err
	}
	return s.State, nil
}

// followMerge lets the contact that lives on take over the participant, unless
// it has, or names, another: that was the primary contact's, and stays. A
// participant that is left without a contact is reported, never deleted.
func (l *contactLook) followMerge(ctx context.Context) (bridge.State, error) {
	if l.known.Mapping == nil && l.known.Ledger.State == bridge.StateMergedAway {
		return l.followedBefore(ctx)
	}
	if err := l.ledger.AddMerge(ctx, l.link.ID, l.in.ContactID, l.heir.ID); err != nil {
		return "", err
	}
	s := store.Settlement{State: bridge.StateMergedAway, Reason: bridge.ReasonMerged}
	if m := l.known.Mapping; m != nil {
		named := l.heir.Identity()
		if named.Empty() || named == m.Identity() {
			_, err := l.ledger.MoveMapping(ctx, l.link.ID, l.in.ContactID, l.heir.ID)
			if bridge.KindOf(err) == bridge.DoNotTrack {
				return "", errErasing()
			}
			if err != nil {
				return "", err
			}
		}
		var err error
		if s.Parked, err = l.leftAlone(ctx, m.Identity()); err != nil {
			return "", err
		}
	}
	// The heir looks after itself from here on.
	if err := l.tell(ctx, l.heir.ID, store.EventMerged, "follow-merge/"+l.in.ContactID); err != nil {
		return "", err
	}
	return l.end(ctx, bridge.EndedMerged, s)
}

// followedBefore leaves what was reported when the merge was followed, unless an
// operator asks whether it still holds.
func (l *contactLook) followedBefore(ctx context.Context) (bridge.State, error) {
	if l.in.Hints.ResyncAt.IsZero() {
		return bridge.StateMergedAway, nil
	}
	s := store.Settlement{State: bridge.StateMergedAway, Reason: bridge.ReasonMerged}
	for _, f := range l.known.Former {
		if f.Ending != bridge.EndedMerged || s.Parked != nil {
			continue
		}
		var err error
		if s.Parked, err = l.leftAlone(ctx, f.Identity()); err != nil {
			return "", err
		}
	}
	return l.settle(ctx, s)
}

// leftAlone reports a participant that Advocate has, but no other contact, and
// that the heir does not name either.
func (l *contactLook) leftAlone(ctx context.Context, id bridge.Identity) (*bridge.ParkedItem, error) {
	if l.heir.Identity() == id {
		return nil, nil //nolint:nilnil // nothing to report
	}
	owners, err := l.ledger.ContactsOf(ctx, l.link.ID, id)
	if err != nil || slices.ContainsFunc(owners, func(owner string) bool { return owner != l.in.ContactID }) {
		return nil, err
	}
	_, err = l.link.Advocate.Participant(ctx, id.AccountID, id.UserID, l.link.Sharing.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil, nil //nolint:nilnil // nothing to report
	}
	if err != nil {
		return nil, err
	}
	return parkedItem(bridge.CauseParticipantLeft, nil), nil
}

// tell has a contact looked at, through the inbox, so that it happens whatever
// becomes of this process. The same occasion counts once.
func (l *contactLook) tell(ctx context.Context, contactID string, kind store.EventKind, occasion string) error {
	_, err := l.ledger.AppendEvents(ctx, []store.Event{{
		ConnectionID: l.link.ID, ContactID: contactID, Kind: kind,
		OccurredAt: l.now(), DedupeKey: occasion + "/" + contactID,
	}})
	return err
}

// errErasing has a merge looked at again once the erasure of somebody it concerns,
// which has overtaken it, is through.
func errErasing() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.sync_contact", RetryAfter: 2 * time.Second,
		Err: errors.New("somebody in the merge is being erased")}
}

// erase deletes a person for privacy: first the tombstones, so that nothing
// brings the person back meanwhile, then the participants, then all we know.
// What we know is needed until the participants are gone, so that a crash
// between the steps loses nothing.
func (l *contactLook) erase(ctx context.Context) (bridge.State, error) {
	// If this is given up, an operator's retry has no news of the erasure any more:
	// from here on the contact itself tells that it is to be completed.
	if err := l.ledger.AddTombstone(ctx, l.link.ID, l.hash.ContactID(l.in.ContactID)); err != nil {
		return "", err
	}
	person, err := l.person(ctx)
	if err != nil {
		return "", err
	}
	if err := l.ledger.AddTombstone(ctx, l.link.ID, l.tombstones(person)...); err != nil {
		return "", err
	}
	for _, id := range person.ids {
		err := l.link.Advocate.Delete(ctx, id.AccountID, id.UserID, true)
		if err != nil && bridge.KindOf(err) != bridge.NotFound {
			return "", err
		}
	}
	_, err = l.ledger.Erase(ctx, store.Erasure{
		ConnectionID: l.link.ID, ContactIDs: person.contacts,
		Identities: person.ids, EmailHashes: person.emailHashes,
		Advice: advice[bridge.CauseParticipantErased],
	})
	return bridge.StateErased, err
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
func (l *contactLook) person(ctx context.Context) (identified, error) {
	var p identified
	p.add(l.in.ContactID, l.known)
	merged, err := l.ledger.MergedInto(ctx, l.link.ID, l.in.ContactID)
	if err != nil {
		return p, err
	}
	for _, id := range merged {
		known, err := l.ledger.Known(ctx, l.link.ID, id)
		if err != nil {
			return p, err
		}
		p.add(id, known)
	}
	emails, err := l.emails(ctx, p.ids)
	if err != nil {
		return p, err
	}
	for _, email := range emails {
		id := bridge.Identity{AccountID: email, UserID: email}
		p.emailHashes = append(p.emailHashes, l.hash.Email(email))
		p.ids = append(p.ids, id)
		// Whoever else is mapped to it is mapped by the ids as Advocate keeps them.
		kept, err := l.link.Advocate.Participant(ctx, id.AccountID, id.UserID, l.link.Sharing.ID)
		switch {
		case err == nil && !slices.Contains(p.ids, kept.Identity()):
			p.ids = append(p.ids, kept.Identity())
		case err != nil && bridge.KindOf(err) != bridge.NotFound:
			return p, fmt.Errorf("ask for the participant of the email of contact %s: %w", l.in.ContactID, err)
		}
	}
	return p, nil
}

func (l *contactLook) emails(ctx context.Context, ids []bridge.Identity) ([]string, error) {
	var emails []string
	if l.contact != nil && l.contact.Email() != "" {
		emails = append(emails, l.contact.Email())
	}
	for _, id := range ids {
		p, err := l.link.Advocate.Participant(ctx, id.AccountID, id.UserID, l.link.Sharing.ID)
		if bridge.KindOf(err) == bridge.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask for the participant of contact %s: %w", l.in.ContactID, err)
		}
		if email := bridge.NormalEmail(p.Email); email != "" && !slices.Contains(emails, email) {
			emails = append(emails, email)
		}
	}
	return emails, nil
}

func (l *contactLook) tombstones(p identified) [][]byte {
	keys := slices.Clone(p.emailHashes)
	for _, id := range p.contacts {
		keys = append(keys, l.hash.ContactID(id))
	}
	for _, id := range p.ids {
		keys = append(keys, l.hash.Identity(id))
	}
	return keys
}
