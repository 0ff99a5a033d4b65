package operator

import (
	"context"

	"advocatesync/internal/store"
)

// TrackedEvents returns the events of triggers, the latest first: their state, the
// vendor's verdict, and the reason. They hold no personal data.
func (o *Operator) TrackedEvents(ctx context.Context, connectionID string, f store.TrackedFilter) ([]store.TrackedEvent, error) {
	return o.store.TrackedEvents(ctx, connectionID, f)
}
