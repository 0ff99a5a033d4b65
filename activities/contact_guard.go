package activities

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// guardDeletion answers for a contact of which nothing but its deletion was
// heard, before anything is read: while its grace lasts, or while it waits for a
// person because it is one of too many, HubSpot has nothing to tell that counts.
func (c *contactSync) guardDeletion(ctx context.Context) (result SyncContactResult, answered bool, err error) {
	if !c.in.Hints.DeletionAlone() {
		return result, false, nil
	}
	verdict, err := c.ledger.DueDeletion(ctx, c.conn.ID, c.in.ContactID, c.in.GraceElapsed)
	switch verdict {
	case bridge.DeletionHeld:
		return SyncContactResult{Action: bridge.HoldDeletion, Reason: bridge.ReasonDeleted, State: bridge.StateMissing, Hold: c.hold}, err == nil, err
	case bridge.DeletionWaits:
		state, err := c.awaitApproval(ctx)
		return SyncContactResult{Action: bridge.AwaitApproval, Reason: bridge.ReasonGuarded, State: state}, err == nil, err
	case bridge.DeletionAdmitted:
		c.admitted, c.in.GraceElapsed = true, true
	}
	return result, false, err
}

// admitDeletion asks the guard about a deletion that came with other news.
func (c *contactSync) admitDeletion(ctx context.Context) (bool, error) {
	if c.admitted {
		return true, nil
	}
	verdict, err := c.ledger.DueDeletion(ctx, c.conn.ID, c.in.ContactID, true)
	return verdict != bridge.DeletionWaits, err
}

// awaitApproval leaves the participant as it is until a person has decided. The
// contact's life ends here: the decision comes as a hint of its own.
func (c *contactSync) awaitApproval(ctx context.Context) (bridge.State, error) {
	return c.settle(ctx, store.Settlement{State: bridge.StateAwaitingApproval, Reason: bridge.ReasonGuarded, KeepWarnings: true})
}

// settleDeletion notes what became of a deletion that was heard.
func (c *contactSync) settleDeletion(ctx context.Context, done bridge.Action, state bridge.State) error {
	heard := !c.in.Hints.DeletedAt.IsZero() || c.known.Ledger.State == bridge.StateAwaitingApproval
	if !heard || done == bridge.HoldDeletion || state == bridge.StateAwaitingApproval {
		return nil
	}
	return c.ledger.SettleDeletion(ctx, c.conn.ID, c.in.ContactID, done == bridge.DeleteParticipant)
}
