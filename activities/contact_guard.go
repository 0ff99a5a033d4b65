package activities

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// guardDeletion decides about a contact of which only a deletion was heard, before
// anything is read: during its grace period, and while a guard holds it, nothing
// that HubSpot shows would change the answer.
func (c *contactSync) guardDeletion(ctx context.Context) (result SyncContactResult, answered bool, err error) {
	if !c.in.Hints.DeletionAlone() {
		return result, false, nil
	}
	verdict := c.verdict
	if !c.judged {
		verdict, err = c.dueDeletion(ctx, c.in.GraceElapsed)
	}
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

// dueDeletion asks the guard about the contact alone.
func (c *contactSync) dueDeletion(ctx context.Context, graceElapsed bool) (bridge.DeletionVerdict, error) {
	verdicts, err := c.store.DueDeletions(ctx, c.conn.ID, graceElapsed, c.in.ContactID)
	return verdicts[c.in.ContactID], err
}

// admitDeletion asks the guard about a deletion that was heard together with other
// hints.
func (c *contactSync) admitDeletion(ctx context.Context) (bool, error) {
	if c.admitted {
		return true, nil
	}
	verdict, err := c.dueDeletion(ctx, true)
	return verdict != bridge.DeletionWaits, err
}

// awaitApproval leaves the participant as it is until a person has decided. The
// contact's workflow ends; the decision arrives as a hint.
func (c *contactSync) awaitApproval(ctx context.Context) (bridge.State, error) {
	return c.settle(ctx, store.Settlement{State: bridge.StateAwaitingApproval, Reason: bridge.ReasonGuarded, KeepWarnings: true})
}

// settleDeletion records how a deletion that was heard has ended. A contact that is
// missing has not ended it: if its record went, the guard would count from zero.
func (c *contactSync) settleDeletion(ctx context.Context, done bridge.Action, state bridge.State) error {
	heard := !c.in.Hints.DeletedAt.IsZero() || c.known.Ledger.State == bridge.StateAwaitingApproval
	if !heard || state == bridge.StateMissing || state == bridge.StateAwaitingApproval {
		return nil
	}
	return c.store.SettleDeletion(ctx, c.conn.ID, c.in.ContactID, done == bridge.DeleteParticipant)
}
