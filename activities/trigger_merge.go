package activities

import (
	"context"

	"advocatesync/internal/bridge"
)

// continueParts moves the events of records that were merged into this one over to
// it: what they sent counts as this record's own, so that the merge sends nothing
// again and a reversal takes back all of it.
func (ev *evaluation) continueParts(ctx context.Context) error {
	parts := ev.object.Properties.MergedIDs()
	if len(parts) == 0 {
		return nil
	}
	moved, err := ev.store.ContinueTracked(ctx, ev.in.ConnectionID, ev.in.ObjectType, parts, ev.in.ObjectID)
	if err != nil || moved == 0 {
		return err
	}
	return ev.collect(ctx)
}

// missing finds out whether a record that HubSpot does not show was merged into
// another one. If so, its hints and its waiting events move to that one.
func (ev *evaluation) missing(ctx context.Context) (LookAtObjectResult, error) {
	survivor, err := ev.conn.HubSpot.SurvivorID(ctx, ev.in.ObjectType, ev.in.ObjectID)
	switch {
	case bridge.KindOf(err) == bridge.NotFound, err == nil && (survivor == "" || survivor == ev.in.ObjectID):
		ev.result.Missing = true
		return ev.result, nil
	case err != nil:
		return LookAtObjectResult{}, err
	}
	if _, err := ev.store.ContinueTracked(ctx, ev.in.ConnectionID, ev.in.ObjectType, []string{ev.in.ObjectID}, survivor); err != nil {
		return LookAtObjectResult{}, err
	}
	hints := ev.in.Hints
	hints.RecheckAt = ev.now() // so that the hints are not empty
	return ev.result, ev.postpone(ctx, ev.in.ConnectionID, ev.in.ObjectType, survivor, hints)
}
