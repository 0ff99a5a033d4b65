package activities

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/facts"
)

// continueParts has a record that others were merged into go on where those are:
// what they sent counts as the record's own, so that the merge sends nothing
// again, and a reversal takes back all of it.
func (ev *evaluation) continueParts(ctx context.Context) error {
	parts := facts.Merged(ev.object)
	if len(parts) == 0 {
		return nil
	}
	moved, err := ev.events.ContinueTracked(ctx, ev.in.ConnectionID, ev.in.ObjectType, parts, ev.in.ObjectID)
	if err != nil || moved == 0 {
		return err
	}
	return ev.collect(ctx)
}

// missing finds out whether a record that HubSpot does not show has been merged
// into another one. Then what was heard of it, and what waits for it, is that
// one's.
func (ev *evaluation) missing(ctx context.Context) (LookAtObjectResult, error) {
	survivor, err := ev.conn.HubSpot.SurvivorID(ctx, ev.in.ObjectType, ev.in.ObjectID)
	switch {
	case bridge.KindOf(err) == bridge.NotFound, err == nil && (survivor == "" || survivor == ev.in.ObjectID):
		ev.result.Missing = true
		return ev.result, nil
	case err != nil:
		return LookAtObjectResult{}, err
	}
	if _, err := ev.events.ContinueTracked(ctx, ev.in.ConnectionID, ev.in.ObjectType, []string{ev.in.ObjectID}, survivor); err != nil {
		return LookAtObjectResult{}, err
	}
	hints := ev.in.Hints
	hints.RecheckAt = ev.now() // something, even if nothing but this was heard
	return ev.result, ev.postpone(ctx, ev.in.ConnectionID, ev.in.ObjectType, survivor, hints)
}
