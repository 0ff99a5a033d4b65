package operator

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// MassSyncStatus is where a mass sync stands. Rows are participants. Those of a
// dry run are predictions, and so are its calls.
type MassSyncStatus struct {
	store.Progress
	State    workflows.MassSyncState
	Stopping bool // cancelled, but what was begun is not finished yet

	// ETA is how long it will take from now; of a finished dry run, how long the
	// real one will take. It is not known before the plan is made.
	ETA      time.Duration
	ETAKnown bool

	Predicted *MassSyncStatus // by the latest dry run before it; nil: there was none
}

// KeptOut is the number of rows that are not shared: a rule or a tombstone is in
// the way, or they have no email.
func (s MassSyncStatus) KeptOut() int64 { return s.Blocked + s.NoEmail }

// Ended reports that nothing more will happen.
func (s MassSyncStatus) Ended() bool { return !s.FinishedAt.IsZero() }

// MassSyncStatus tells where a mass sync of a connection stands: the one named,
// or the latest for run 0. Where there is none, that is a refusal of kind
// not_found. It needs neither Temporal nor a worker.
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

// callsFor estimates the HubSpot calls that rows will take, before there is a
// rate to go by: one for a hundred updates, two to three for a hundred matches.
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
