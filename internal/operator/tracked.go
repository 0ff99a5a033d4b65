package operator

import (
	"context"

	"advocatesync/internal/store"
)

// TrackedEvents lists what became of the changes that triggers matched, the
// latest first: their state, the vendor's verdict, and the reason. Nothing in it
// is personal.
func (o *Operator) TrackedEvents(ctx context.Context, connectionID string, f store.TrackedFilter) ([]store.TrackedEvent, error) {
	return o.store.TrackedEvents(ctx, connectionID, f)
}
