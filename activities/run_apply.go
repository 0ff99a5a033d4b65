package activities

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
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
	ReleasePage(ctx context.Context, runID int64, page int) error
	FinishPage(ctx context.Context, runID int64, page int, results []store.RowResult) error
	RequestResync(ctx context.Context, connectionID string, contactIDs ...string) error
	MappedTo(ctx context.Context, connectionID string, contactIDs []string) (map[string]bridge.Identity, error)

	OpenPages(ctx context.Context, runID int64, from, to int) ([]store.OpenPage, error)
	Brake(ctx context.Context, runID int64) (store.Brake, error)
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
	results, err := a.apply(portal.WithTries(ctx, int(activity.GetInfo(ctx).Attempt)), in.ID, in.Page)
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
// before it writes and repeats nothing. A dry run marks nothing, since it writes
// nothing.
func (a *Pages) apply(ctx context.Context, runID int64, page int) ([]store.RowResult, error) {
	ctx, cancel := context.WithTimeout(ctx, store.PageTime)
	defer cancel()
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
	err = a.counted(ctx, run, work.apply)
	results := work.settled()
	return results, errors.Join(err, a.record(ctx, run, page, work, results, errors.Is(err, portal.ErrHalted)))
}

// recordingTime is what recording a page may take, after the page was given up
// too: what was written must be known.
const recordingTime = 10 * time.Second

// record keeps what became of a page's rows. Rows without a result stay open. If
// the work was halted, no write of theirs is under way: the page is released.
func (a *Pages) record(ctx context.Context, run store.Run, page int, work *pageApplier, results []store.RowResult, halted bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordingTime)
	defer cancel()
	err := a.pages.RequestResync(ctx, run.ConnectionID, work.gone...)
	if err == nil && len(results) > 0 {
		err = a.pages.FinishPage(ctx, run.ID, page, results)
	}
	if err == nil && halted && !work.resumed {
		err = a.pages.ReleasePage(ctx, run.ID, page)
	}
	return err
}

// countingTime is what counting the calls of a page may take, after the page
// was given up too.
const countingTime = 5 * time.Second

// counted does the work of a page and adds its HubSpot calls to the run's,
// whether it succeeds or not.
func (a *Pages) counted(ctx context.Context, run store.Run, work func(context.Context) error) error {
	var calls portal.Tally
	err := work(portal.WithTally(ctx, &calls))
	counting, cancel := context.WithTimeout(context.WithoutCancel(ctx), countingTime)
	defer cancel()
	return errors.Join(err, a.pages.CountCalls(counting, run.ID, calls.Calls(), 0))
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

	// BegunOnly leaves pages alone that no attempt has begun.
	BegunOnly bool `json:"begun_only,omitempty"`
}

// ApplyPagesResult says how far that came.
type ApplyPagesResult struct {
	Stopped bool   `json:"held,omitempty"` // the operator wants the run to stop: pages are left to do
	Counts  Counts `json:"counts"`         // of the run as a whole
}

// ApplyPages applies many pages, some side by side. Pages that an earlier
// attempt has finished are not touched, those that it has begun come first.
// After a failure no further page is begun. When the operator wants the run to
// stop, the program is changed, or the worker is to stop, pages that wait for
// their turn at HubSpot give it up, and only calls under way are finished.
func (a *Pages) ApplyPages(ctx context.Context, in ApplyPagesInput) (ApplyPagesResult, error) {
	open, err := a.pages.OpenPages(ctx, in.ID, in.From, in.To)
	if err != nil {
		return ApplyPagesResult{}, retryable(err)
	}
	brake := a.watchBrake(ctx, in.ID)
	defer brake.release()
	// Not cancelled with the activity: calls under way are to be recorded.
	work := portal.WithTries(context.WithoutCancel(ctx), int(activity.GetInfo(ctx).Attempt))
	var failed atomic.Bool
	var group errgroup.Group
	group.SetLimit(pagesAtOnce)
	for _, page := range open {
		if in.BegunOnly && !page.Begun {
			continue
		}
		group.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := brake.cause()
			switch {
			case page.Begun && mayFinish(err):
				_, err = a.apply(work, in.ID, page.Number)
			case err == nil:
				_, err = a.apply(portal.WithHalt(work, brake.on), in.ID, page.Number)
			}
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	err = group.Wait()
	if braked := brake.cause(); err != nil && braked != nil {
		err = braked
	}
	if err != nil && !errors.Is(err, errRunStopped) {
		return ApplyPagesResult{}, retryable(err)
	}
	counts, unknown := a.pages.RunCounts(context.WithoutCancel(ctx), in.ID)
	return ApplyPagesResult{Stopped: err != nil, Counts: counts}, retryable(unknown)
}

// mayFinish tells whether a page that was begun is brought to its end under a
// brake. Nobody knows which of its writes arrived, and while that is so it holds up
// erasures and a program switch.
func mayFinish(brake error) bool {
	return brake == nil || errors.Is(brake, errRunStopped) || errors.Is(brake, errProgramChanges)
}
