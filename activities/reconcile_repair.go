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

// Compare finds every difference between the two staged sides.
func (a *Reconciles) Compare(ctx context.Context, in Run) (CompareResult, error) {
	pages, err := a.store.Compare(ctx, in.ID, a.inferred)
	return CompareResult{Pages: pages}, retryable(err)
}

// FillPages downloads the export once more for the values of the few participants
// whose contacts have to be written. The comparison itself stores only hashes.
func (a *Reconciles) FillPages(ctx context.Context, in Run) error {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	err = a.store.Fill(ctx, run, conn.Advocate.DownloadExport(ctx, run.ExportID))
	return retryable(errors.Join(err, a.store.CountCalls(ctx, run.ID, 0, 1)))
}

// ParkFindings parks the differences that only a person can resolve.
func (a *Reconciles) ParkFindings(ctx context.Context, in Run) error {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return retryable(err)
	}
	return retryable(a.store.ParkFindings(ctx, run))
}

// Repairs is the progress of the repairs by contacts' own workflows.
type Repairs = store.Repairs

// hintWindow is how many contacts a reconcile has in repair at a time. Their
// workflows share HubSpot's limit with live work; one call carries a hundred
// contacts.
const hintWindow = 300

// AdvanceHints records which contacts have been repaired by their own workflows,
// and sends hints about the next ones.
func (a *Reconciles) AdvanceHints(ctx context.Context, in Run) (Repairs, error) {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return Repairs{}, retryable(err)
	}
	window := hintWindow
	if conn.Switching {
		window = 0 // no program-sourced value may be written now
	}
	repairs, err := a.store.AdvanceHints(ctx, run, window)
	return repairs, retryable(err)
}

// FinishReconcile stores what a reconcile found, and whether both sides agree, and
// deletes the staged rows. Housekeeping deletes staged rows that a crash or another
// end of the run leaves.
func (a *Reconciles) FinishReconcile(ctx context.Context, in Run) (ReconcileSummary, error) {
	if err := a.store.FinishReconcile(ctx, in.ID); err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	if _, err := a.store.PurgeListed(ctx); err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	p, err := a.store.ReconcileProgress(ctx, run.ConnectionID, run.ID)
	return Summarize(p), retryable(err)
}

// ReconcileProgress returns the counts of a reconcile so far.
func (a *Reconciles) ReconcileProgress(ctx context.Context, in Run) (ReconcileSummary, error) {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return ReconcileSummary{}, retryable(err)
	}
	p, err := a.store.ReconcileProgress(ctx, run.ConnectionID, run.ID)
	return Summarize(p), retryable(err)
}

// ReconcileSummary counts what a reconcile has read, found and repaired.
type ReconcileSummary struct {
	Contacts int64                  `json:"contacts"` // listed in HubSpot, the recycle bin included
	Pairs    int64                  `json:"pairs"`
	Found    int64                  `json:"found"`
	Repaired int64                  `json:"repaired"`
	Left     int64                  `json:"left"`
	Drift    map[bridge.Class]int64 `json:"drift,omitempty"` // remaining, by class
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
