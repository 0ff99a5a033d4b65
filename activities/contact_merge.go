package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// followMerge handles a contact that was merged into another: HubSpot answered its
// read with the survivor's id (contactSync.read), and bridge.DecideContact then
// chose FollowMerge. The survivor takes over the participant, unless it has, or
// names, another one: that one stays. A participant that no contact is left for is
// parked, never deleted.
func (c *contactSync) followMerge(ctx context.Context) (bridge.State, error) {
	if c.known.Mapping == nil && c.known.Ledger.State == bridge.StateMergedAway {
		return c.followedBefore(ctx)
	}
	if err := c.store.AddMerge(ctx, c.conn.ID, c.in.ContactID, c.survivor.ID); err != nil {
		return "", err
	}
	s := store.Settlement{State: bridge.StateMergedAway, Reason: bridge.ReasonMerged}
	if m := c.known.Mapping; m != nil {
		named := c.survivor.Identity()
		if named.Empty() || named == m.Identity() {
			_, err := c.store.MoveMapping(ctx, c.conn.ID, c.in.ContactID, c.survivor.ID)
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
	// From here on the survivor's own workflow does the rest.
	request := store.SyncRequest{ContactID: c.survivor.ID, Hints: bridge.Hints{MergedAt: c.now()}}
	if err := c.store.RequestSync(ctx, c.conn.ID, request); err != nil {
		return "", err
	}
	return c.end(ctx, bridge.EndedMerged, s)
}

// followedBefore keeps what was parked when the merge was followed first. A resync
// checks whether the item still holds.
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

// orphaned returns a parked item if the participant is still in Advocate, no other
// contact is mapped to it, and the survivor does not name it.
func (c *contactSync) orphaned(ctx context.Context, id bridge.Identity) ([]bridge.ParkedItem, error) {
	if c.survivor.Identity() == id {
		return nil, nil
	}
	owners, err := c.store.ContactsOf(ctx, c.conn.ID, id)
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

// errErasing returns the error of a merge that was overtaken by an erasure of one
// of its contacts: it is retried until the erasure is done.
func errErasing() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.sync_contact", RetryAfter: 2 * time.Second,
		Err: errors.New("somebody in the merge is being erased")}
}
