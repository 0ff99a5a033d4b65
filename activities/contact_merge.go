package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// followMerge lets the contact that lives on take over the participant, unless
// it has, or names, another: that was the primary contact's, and stays. A
// participant that is left without a contact is reported, never deleted.
func (c *contactSync) followMerge(ctx context.Context) (bridge.State, error) {
	if c.known.Mapping == nil && c.known.Ledger.State == bridge.StateMergedAway {
		return c.followedBefore(ctx)
	}
	if err := c.ledger.AddMerge(ctx, c.conn.ID, c.in.ContactID, c.survivor.ID); err != nil {
		return "", err
	}
	s := store.Settlement{State: bridge.StateMergedAway, Reason: bridge.ReasonMerged}
	if m := c.known.Mapping; m != nil {
		named := c.survivor.Identity()
		if named.Empty() || named == m.Identity() {
			_, err := c.ledger.MoveMapping(ctx, c.conn.ID, c.in.ContactID, c.survivor.ID)
			if bridge.KindOf(err) == bridge.DoNotTrack {
				return "", errErasing()
			}
			if err != nil {
				return "", err
			}
		}
		var err error
		if s.Parked, err = c.orphaned(ctx, m.Identity()); err != nil {
			return "", err
		}
	}
	// The survivor looks after itself from here on.
	request := store.SyncRequest{ContactID: c.survivor.ID, Hints: bridge.Hints{MergedAt: c.now()}}
	if err := c.ledger.RequestSync(ctx, c.conn.ID, request); err != nil {
		return "", err
	}
	return c.end(ctx, bridge.EndedMerged, s)
}

// followedBefore leaves what was reported when the merge was followed, unless an
// operator asks whether it still holds.
func (c *contactSync) followedBefore(ctx context.Context) (bridge.State, error) {
	if c.in.Hints.ResyncAt.IsZero() {
		return bridge.StateMergedAway, nil
	}
	s := store.Settlement{State: bridge.StateMergedAway, Reason: bridge.ReasonMerged}
	for _, f := range c.known.Former {
		if f.Ending != bridge.EndedMerged || s.Parked != nil {
			continue
		}
		var err error
		if s.Parked, err = c.orphaned(ctx, f.Identity()); err != nil {
			return "", err
		}
	}
	return c.settle(ctx, s)
}

// orphaned reports a participant that Advocate has, but no other contact, and
// that the survivor does not name either.
func (c *contactSync) orphaned(ctx context.Context, id bridge.Identity) ([]bridge.ParkedItem, error) {
	if c.survivor.Identity() == id {
		return nil, nil
	}
	owners, err := c.ledger.ContactsOf(ctx, c.conn.ID, id)
	if err != nil || slices.ContainsFunc(owners, func(owner string) bool { return owner != c.in.ContactID }) {
		return nil, err
	}
	_, err = c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []bridge.ParkedItem{*parkedItem(bridge.CauseParticipantLeft, nil)}, nil
}

// errErasing has a merge looked at again once the erasure of somebody it concerns,
// which has overtaken it, is through.
func errErasing() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.sync_contact", RetryAfter: 2 * time.Second,
		Err: errors.New("somebody in the merge is being erased")}
}
