package activities

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// contactSets is how the set path reads and writes contacts, in batches.
type contactSets interface {
	ReadContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error)
	FindContacts(ctx context.Context, lane bridge.Lane, emails []string) (map[string]bridge.Contact, error)
	CreateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error)
	UpdateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error)
}

// pages is the store's side of applying a plan.
type pages interface {
	Run(ctx context.Context, runID int64) (store.Run, error)
	Page(ctx context.Context, runID int64, page int) ([]store.StagedRow, error)
	MarkSending(ctx context.Context, runID int64, page int) error
	FinishPage(ctx context.Context, runID int64, page int, results []store.RowResult) error
	RequestResync(ctx context.Context, connectionID string, contactIDs ...string) error
	MappedTo(ctx context.Context, connectionID string, contactIDs []string) (map[string]bridge.Identity, error)

	OpenPages(ctx context.Context, runID int64, from, to int) ([]store.OpenPage, error)
	Desired(ctx context.Context, runID int64) (store.Desired, error)
	CountCalls(ctx context.Context, runID int64, hubspot, advocate int) error
	RunCounts(ctx context.Context, runID int64) (store.Counts, error)
}

// Pages groups the activities that apply a plan to HubSpot.
type Pages struct {
	connections Connections
	pages       pages
	hash        hasher
}

// NewPages returns the page activities over their dependencies.
func NewPages(connections Connections, pages pages, hash hasher) *Pages {
	return &Pages{connections: connections, pages: pages, hash: hash}
}

// ApplyPageInput names one page of a planned run. Pages count from 1.
type ApplyPageInput struct {
	Run
	Page int `json:"page"`
}

// ApplyPageResult counts what became of the page's rows, by result.
type ApplyPageResult struct {
	Results map[store.Result]int `json:"results,omitempty"`
}

// ApplyPage brings the contacts of one page in step with their participants.
func (a *Pages) ApplyPage(ctx context.Context, in ApplyPageInput) (ApplyPageResult, error) {
	results, err := a.apply(ctx, in.ID, in.Page)
	if err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	counts := map[store.Result]int{}
	for _, r := range results {
		counts[r.Result]++
	}
	return ApplyPageResult{Results: counts}, nil
}

// apply does the work of one page. The page is marked before the first write; a
// second attempt that finds the mark cannot know what arrived, so it reads
// before it writes and repeats nothing. A rehearsal marks nothing, since it
// writes nothing.
func (a *Pages) apply(ctx context.Context, runID int64, page int) ([]store.RowResult, error) {
	rows, err := a.pages.Page(ctx, runID, page)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	run, err := a.pages.Run(ctx, runID)
	if err != nil {
		return nil, err
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	if err != nil {
		return nil, err
	}
	conn.Sharing.ID = run.ProgramID
	if run.DryRun {
		conn.HubSpot = dryRunPortal{conn.HubSpot}
	} else if err := a.pages.MarkSending(ctx, runID, page); err != nil {
		return nil, err
	}
	work := newPageApplier(a, conn, run, rows)
	results, err := a.counted(ctx, run, work.apply)
	a.connections.Observe(ctx, conn.Connection, err, VendorHubSpot)
	if err != nil {
		return nil, err
	}
	if err := a.pages.RequestResync(ctx, run.ConnectionID, work.gone...); err != nil {
		return nil, err
	}
	return results, a.pages.FinishPage(ctx, runID, page, results)
}

// countingTime is what counting the calls of a page may take, after the page
// was given up too.
const countingTime = 5 * time.Second

// counted does the work of a page and adds its HubSpot calls to the run's,
// whether it succeeds or not.
func (a *Pages) counted(ctx context.Context, run store.Run, work func(context.Context) ([]store.RowResult, error)) ([]store.RowResult, error) {
	var calls portal.Tally
	results, err := work(portal.WithTally(ctx, &calls))
	counting, cancel := context.WithTimeout(context.WithoutCancel(ctx), countingTime)
	defer cancel()
	return results, errors.Join(err, a.pages.CountCalls(counting, run.ID, calls.Calls(), 0))
}

// pagesAtOnce is how many pages an activity applies side by side: with the few
// activities that are under way at a time, enough to hide an answer that takes
// HubSpot a second or two behind its limit of 11 calls a second.
const pagesAtOnce = 6

// ApplyPagesInput names some pages of a planned run, both ends included.
type ApplyPagesInput struct {
	Run
	From int `json:"from"`
	To   int `json:"to"`
}

// ApplyPagesResult says how far that came.
type ApplyPagesResult struct {
	Stopped bool   `json:"held,omitempty"` // the operator wants the run to stop: pages are left to do
	Counts  Counts `json:"counts"`         // of the run as a whole
}

// ApplyPages applies many pages, some side by side. Pages that an earlier
// attempt has finished are not touched, those that it has begun come first.
// After a failure, and when the operator wants the run to stop, or the worker is
// to stop, those under way are finished and no further one is begun.
func (a *Pages) ApplyPages(ctx context.Context, in ApplyPagesInput) (ApplyPagesResult, error) {
	open, err := a.pages.OpenPages(ctx, in.ID, in.From, in.To)
	if err != nil {
		return ApplyPagesResult{}, retryable(err)
	}
	var stop, stopped atomic.Bool
	var group errgroup.Group
	group.SetLimit(pagesAtOnce)
	for _, page := range open {
		group.Go(func() error {
			if stop.Load() {
				return nil
			}
			if stopping(ctx) {
				stop.Store(true)
				return &bridge.Error{Kind: bridge.Pending, Op: "activities.apply_pages", RetryAfter: handOver, Err: errStopping}
			}
			desired, err := a.pages.Desired(ctx, in.ID)
			if err == nil && desired != store.DesiredRunning && !page.Begun {
				stopped.Store(true)
				return nil
			}
			if err == nil {
				_, err = a.apply(ctx, in.ID, page.Number)
			}
			if err != nil {
				stop.Store(true)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		// A run that shall stop does not wait until a vendor is well again.
		if desired, unknown := a.pages.Desired(ctx, in.ID); unknown != nil || desired == store.DesiredRunning {
			return ApplyPagesResult{}, retryable(err)
		}
		stopped.Store(true)
	}
	counts, err := a.pages.RunCounts(ctx, in.ID)
	return ApplyPagesResult{Stopped: stopped.Load(), Counts: counts}, retryable(err)
}
