package operator

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// WaitingDeletions returns the deletions of a connection that await approval, with
// at most limit contacts whose ids come after one.
func (o *Operator) WaitingDeletions(ctx context.Context, connectionID, after string, limit int) (store.WaitingDeletions, error) {
	return o.store.WaitingDeletions(ctx, connectionID, after, limit)
}

// ApproveDeletions approves waiting deletions: of some contacts, or of all for
// none. Each contact is read again first; if it was restored, its participant
// stays. It returns how many were approved.
func (o *Operator) ApproveDeletions(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return o.decideDeletions(ctx, o.store.ApproveDeletions, connectionID, contacts)
}

// RejectDeletions unmaps contacts whose deletion waits: some contacts, or all for
// none. Their participants stay, with their history. It returns how many were
// rejected.
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

// SetDeletionGuard sets how many deletions within an hour need no approval; 0: any
// number; nil: the default, 2 % of the mapped contacts, at least 10 and at most
// 500.
func (o *Operator) SetDeletionGuard(ctx context.Context, connectionID string, guard *int) error {
	return o.store.SetDeletionGuard(ctx, connectionID, guard)
}

// ApproveErasures approves waiting privacy deletions: of some contacts, or of all
// for none. Each contact is read again first, and is erased only if HubSpot no
// longer shows it. It returns how many were approved.
func (o *Operator) ApproveErasures(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return o.decideDeletions(ctx, o.store.ApproveErasures, connectionID, contacts)
}

// RejectErasures ends privacy deletions that wait, of some contacts or of all for
// none: nobody is erased. It returns how many were rejected.
func (o *Operator) RejectErasures(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return o.decideDeletions(ctx, o.store.RejectErasures, connectionID, contacts)
}

// SetErasureGuard sets how many unconfirmed privacy deletions within an hour need
// no approval; 0: any number; nil: the default, 20.
func (o *Operator) SetErasureGuard(ctx context.Context, connectionID string, guard *int) error {
	return o.store.SetErasureGuard(ctx, connectionID, guard)
}
