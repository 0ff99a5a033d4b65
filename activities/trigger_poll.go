package activities

import (
	"context"
	"errors"

	"advocatesync/internal/bridge"
)

// RoundInput names the connection to poll for.
type RoundInput struct {
	ConnectionID string `json:"connection_id"`
}

// suspended returns nil if err says that the connection is suspended or gone: the
// round then has nothing to do.
func suspended(err error) error {
	if errors.Is(err, bridge.ErrSuspended) || bridge.KindOf(err) == bridge.NotFound {
		return nil
	}
	return err
}

// WakeWaitingResult counts the records that will be evaluated again.
type WakeWaitingResult struct {
	Records int64 `json:"records"`
}

// WakeWaiting has waiting records evaluated again: those with a contact that has
// been mapped since, and those that have waited long enough.
func (a *Tracking) WakeWaiting(ctx context.Context, in RoundInput) (WakeWaitingResult, error) {
	n, err := a.store.WakeWaiting(ctx, in.ConnectionID)
	return WakeWaitingResult{Records: n}, retryable(err)
}
