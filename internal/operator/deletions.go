package operator

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// WaitingDeletions returns the deletions of a connection that wait for a person,
// with at most limit contacts after one, in the order of their ids.
func (o *Operator) WaitingDeletions(ctx context.Context, connectionID, after string, limit int) (store.WaitingDeletions, error) {
	return o.store.WaitingDeletions(ctx, connectionID, after, limit)
}

// ApproveDeletions has deletions that wait go through: of some contacts, or of
// all for none. Each contact is looked for once more: the participant of one that
// was restored stays. It returns how many were approved.
func (o *Operator) ApproveDeletions(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return o.decideDeletions(ctx, o.store.ApproveDeletions, connectionID, contacts)
}

// RejectDeletions unmaps contacts whose deletion waits: of some contacts, or of
// all for none. Their participants stay, with their history. It returns how many
// were rejected.
func (o *Operator) RejectDeletions(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return o.decideDeletions(ctx, o.store.RejectDeletions, connectionID, contacts)
}

func (o *Operator) decideDeletions(ctx context.Context, decide func(context.Context, string, []string) (int64, error),
	connectionID string, contacts []string,
) (int64, error) {
	if len(contacts) == 0 {
		contacts = nil // all
	}
	n, err := decide(ctx, connectionID, contacts)
	if err == nil && n == 0 {
		err = refuse(bridge.Conflict, "no_deletions_wait", "no such deletion waits: see \"starter deletions show\"")
	}
	return n, err
}

// SetDeletionGuard sets how many deletions within an hour go through without a
// question; 0: any number; nil: the default, 2 % of the mapped contacts, at least
// 10 and at most 500.
func (o *Operator) SetDeletionGuard(ctx context.Context, connectionID string, guard *int) error {
	return o.store.SetDeletionGuard(ctx, connectionID, guard)
}
