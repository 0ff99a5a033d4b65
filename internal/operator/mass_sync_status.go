package operator

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// MassSyncStatus is how far a mass sync is. Rows are participants. The rows and
// calls of a dry run are predictions.
type MassSyncStatus struct {
	store.Progress
	State    workflows.MassSyncState
	Stopping bool // cancelled, but begun pages are not finished yet

	// ETA is how long it will still take; for a finished dry run, how long the real
	// one will take. It is unknown before the plan is made.
	ETA      time.Duration
	ETAKnown bool

	Predicted *MassSyncStatus // the latest dry run before it; nil: there was none
}

// KeptOut returns the number of rows that are not shared, because of a rule, a
// tombstone or a missing email.
func (s MassSyncStatus) KeptOut() int64 { return s.Blocked + s.NoEmail }

// Ended reports whether it has ended.
func (s MassSyncStatus) Ended() bool { return !s.FinishedAt.IsZero() }

// MassSyncs returns the latest mass syncs of a connection, dry runs among them,
// the last one first.
func (o *Operator) MassSyncs(ctx context.Context, connectionID string) ([]MassSyncStatus, error) {
	return latest(ctx, o.store, connectionID, store.RunMass, o.MassSyncStatus)
}

// runsShown is how many of the latest runs are listed.
const runsShown = 10

// latest returns the status of the latest runs of a kind.
func latest[Status any](ctx context.Context, s *store.Store, connectionID string, kind store.RunKind,
	status func(ctx context.Context, connectionID string, runID int64) (Status, error),
) ([]Status, error) {
	ids, err := s.LatestRuns(ctx, connectionID, kind, runsShown)
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, id := range ids {
		one, err := status(ctx, connectionID, id)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// MassSyncStatus returns how far a mass sync of a connection is: the one named, or
// the latest for run 0. If there is none, it returns a refusal of kind not_found.
// It needs neither Temporal nor a worker.
func (o *Operator) MassSyncStatus(ctx context.Context, connectionID string, runID int64) (MassSyncStatus, error) {
	p, err := o.store.MassProgress(ctx, connectionID, runID)
	if bridge.KindOf(err) == bridge.NotFound {
		return MassSyncStatus{}, refuse(bridge.NotFound, "unknown_mass_sync", "there was no such mass sync")
	}
	if err != nil {
		return MassSyncStatus{}, err
	}
	status := o.massStatus(p)
	if p.DryRun {
		return status, nil
	}
	foretold, found, err := o.store.Prediction(ctx, p.Run)
	if found {
		predicted := o.massStatus(foretold)
		status.Predicted = &predicted
	}
	return status, err
}

func (o *Operator) massStatus(p store.Progress) MassSyncStatus {
	s := MassSyncStatus{Progress: p, State: massState(p), Stopping: p.FinishedAt.IsZero() && p.Desired == store.DesiredCancelled}
	pace := store.BudgetOptions{Limit: o.cfg.RatePer10s}.BulkPace()
	left := p.Total - p.Done()
	switch {
	case s.State == workflows.MassSyncDone && p.DryRun:
		s.ETA, s.ETAKnown = time.Duration(p.HubSpotCalls)*pace, true
	case s.State == workflows.MassSyncDone:
		s.ETAKnown = true
	case s.State == workflows.MassSyncRunning && p.Rate > 0:
		s.ETA, s.ETAKnown = time.Duration(float64(left)/p.Rate*float64(time.Second)), true
	case s.State == workflows.MassSyncRunning:
		s.ETA, s.ETAKnown = time.Duration(callsFor(p, left))*pace, true
	}
	return s
}

// callsFor estimates the HubSpot calls that rows will take, as long as there is no
// measured rate: one for a hundred updates, two to three for a hundred matches.
func callsFor(p store.Progress, rows int64) int64 {
	const perMatches = 2.5
	planned := p.ToUpdate + p.ToMatchOrCreate
	if planned == 0 {
		return 0
	}
	calls := (float64(p.ToUpdate) + perMatches*float64(p.ToMatchOrCreate)) / hubspot.MaxBatch
	return int64(calls * float64(rows) / float64(planned))
}

func massState(p store.Progress) workflows.MassSyncState {
	switch {
	case p.Run.State == store.RunDone:
		return workflows.MassSyncDone
	case p.Run.State == store.RunAborted:
		return workflows.MassSyncFailed
	case p.Run.State == store.RunCancelled:
		return workflows.MassSyncCancelled
	case p.Desired == store.DesiredPaused:
		return workflows.MassSyncPaused
	case p.Run.State == store.RunPlanned:
		return workflows.MassSyncRunning
	default:
		return workflows.MassSyncPlanning
	}
}
