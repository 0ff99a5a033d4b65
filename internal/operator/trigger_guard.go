package operator

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// TriggerApprovals returns the events of triggers that await approval, by trigger
// and reason, each with at most limit records.
func (o *Operator) TriggerApprovals(ctx context.Context, connectionID string, limit int) ([]store.TriggerApproval, error) {
	return o.store.TriggerApprovals(ctx, connectionID, limit)
}

// ApproveTriggerEvents approves a trigger's events that await approval: those with
// one reason, or all for "". Each record is read again first; an event that no
// longer matches is not sent. It returns how many were approved.
func (o *Operator) ApproveTriggerEvents(ctx context.Context, connectionID, triggerID string, why store.Guarded) (int64, error) {
	n, err := o.store.ApproveTracked(ctx, connectionID, triggerID, why)
	return n, noneWaited(triggerID, n, err)
}

// SkipTriggerEvents skips a trigger's events that await approval, for good: those
// with one reason, or all for "". It returns how many were skipped.
func (o *Operator) SkipTriggerEvents(ctx context.Context, connectionID, triggerID string, why store.Guarded) (int64, error) {
	n, err := o.store.SkipTracked(ctx, connectionID, triggerID, why)
	return n, noneWaited(triggerID, n, err)
}

func noneWaited(triggerID string, n int64, err error) error {
	if err == nil && n == 0 {
		err = refuse(bridge.Conflict, "no_events_wait", "no such event of trigger %s waits for approval: see \"starter trigger approvals\"", triggerID)
	}
	return err
}
