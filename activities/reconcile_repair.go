package activities

import (
	"context"
	"errors"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// CompareResult says how much a reconcile has to repair in pages.
type CompareResult struct {
	Pages int `json:"pages"`
}

// Compare names every difference between the two staged sides.
func (a *Reconciles) Compare(ctx context.Context, in Run) (CompareResult, error) {
	pages, err := a.store.Compare(ctx, in.ID, a.inferred)
	return CompareResult{Pages: pages}, retryable(err)
}

// FillPages downloads the export once more, for the values of those few
// participants whose contacts have to be written: while both sides are compared
// nothing but hashes is kept.
func (a *Reconciles) FillPages(ctx context.Context, in Run) error {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	err = a.store.Fill(ctx, run, conn.Advocate.DownloadExport(ctx, run.ExportID))
	return retryable(errors.Join(err, a.store.CountCalls(ctx, run.ID, 0, 1)))
}

// ParkFindings parks what only a person can resolve.
func (a *Reconciles) ParkFindings(ctx context.Context, in Run) error {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return retryable(err)
	}
	return retryable(a.store.ParkFindings(ctx, run, advice))
}

// Repairs says how far the repairs by contacts' own lives have come.
type Repairs = store.Repairs

// hintWindow is how many contacts a reconcile has in repair at a time. Their
// lives share HubSpot's limit with live work: a hundred travel in one call.
const hintWindow = 300

// AdvanceHints notes which contacts have been repaired by their own lives, and
// has the next ones repaired.
func (a *Reconciles) AdvanceHints(ctx context.Context, in Run) (Repairs, error) {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return Repairs{}, retryable(err)
	}
	window := hintWindow
	if conn.Switching {
		window = 0 // nothing of a program is written now
	}
	repairs, err := a.store.AdvanceHints(ctx, run, window)
	return repairs, retryable(err)
}

// FinishReconcile keeps what a reconcile found, and that both sides agree where
// they do, and deletes what was staged.
func (a *Reconciles) FinishReconcile(ctx context.Context, in Run) (ReconcileSummary, error) {
	if err := a.store.FinishReconcile(ctx, in.ID); err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	p, err := a.store.ReconcileProgress(ctx, run.ConnectionID, run.ID)
	return Summarize(p), retryable(err)
}

// ReconcileProgress tells where a reconcile stands.
func (a *Reconciles) ReconcileProgress(ctx context.Context, in Run) (ReconcileSummary, error) {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	p, err := a.store.ReconcileProgress(ctx, run.ConnectionID, run.ID)
	return Summarize(p), retryable(err)
}

// ReconcileSummary is what a reconcile has read, found and repaired, in numbers.
type ReconcileSummary struct {
	Contacts int64                  `json:"contacts"` // listed in HubSpot, the recycle bin included
	Pairs    int64                  `json:"pairs"`
	Found    int64                  `json:"found"`
	Repaired int64                  `json:"repaired"`
	Left     int64                  `json:"left"`
	Drift    map[bridge.Class]int64 `json:"drift,omitempty"` // what is left, by class
}

// Summarize adds up the counts of a reconcile.
func Summarize(p store.ReconcileProgress) ReconcileSummary {
	s := ReconcileSummary{Contacts: p.Contacts + p.Archived, Pairs: p.Pairs}
	for _, d := range p.Drift {
		s.Found += d.N
		if d.Outcome == bridge.DriftRepaired {
			s.Repaired += d.N
			continue
		}
		s.Left += d.N
		if s.Drift == nil {
			s.Drift = map[bridge.Class]int64{}
		}
		s.Drift[d.Class] += d.N
	}
	return s
}
