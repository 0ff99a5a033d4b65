package activities

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

// contactSets is how the set path reads and writes contacts, in batches.
type contactSets interface {
	ReadContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error)
	FindContacts(ctx context.Context, lane bridge.Lane, emails []string) (map[string]bridge.Contact, error)
	CreateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error)
	UpdateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error)
}

// Pages groups the activities that apply a plan to HubSpot.
type Pages struct {
	connections Connections
	store       *store.Store
	hash        *seal.Hasher
}

// NewPages returns the page activities over their dependencies.
func NewPages(connections Connections, s *store.Store) *Pages {
	return &Pages{connections: connections, store: s, hash: s.Hasher()}
}

// ApplyPageInput names one page of a planned run. Pages count from 1.
type ApplyPageInput struct {
	Run
	Page int `json:"page"`
}

// ApplyPageResult counts the page's rows by result.
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

// apply does the work of one page. It marks the page before the first write. A
// second attempt that finds the mark cannot know what HubSpot took, so it reads
// before it writes and repeats nothing. A dry run marks nothing, since it writes
// nothing.
func (a *Pages) apply(ctx context.Context, runID int64, page int) ([]store.RowResult, error) {
	ctx, cancel := context.WithTimeout(ctx, store.PageTime)
	defer cancel()
	rows, err := a.store.Page(ctx, runID, page)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	run, err := a.store.Run(ctx, runID)
	if err != nil {
		return nil, err
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	if err != nil {
		return nil, err
	}
	conn.Sharing.ID = run.ProgramID
	work, sender := newPageApplier(a, conn, run, rows), rand.Text()
	if run.DryRun {
		work.conn.HubSpot = dryRunPortal{conn.HubSpot}
	} else {
		if err := a.store.MarkSending(ctx, runID, page, sender, work.resumed); err != nil {
			return nil, err
		}
		// Temporal may take an attempt for dead that is only waiting for its token.
		ctx = portal.WithFence(ctx, func(ctx context.Context) error { return a.store.StillSending(ctx, runID, page, sender) })
	}
	err = countCalls(ctx, a.store, run.ID, work.apply)
	results := work.settled()
	unwritten := errors.Is(err, portal.ErrHalted) || errors.Is(err, errMissingProperty)
	return results, errors.Join(err, a.record(ctx, run, page, work, results, sender, unwritten))
}

// recordingTime bounds recording a page. Recording goes on after the page is given
// up, because what was written must be known.
const recordingTime = 10 * time.Second

// record stores the results of a page's rows. Rows without a result stay open. If
// HubSpot has accepted no write for them, the page is released.
func (a *Pages) record(ctx context.Context, run store.Run, page int, work *pageApplier, results []store.RowResult, sender string, unwritten bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordingTime)
	defer cancel()
	err := a.store.RequestResync(ctx, run.ConnectionID, work.gone...)
	if err == nil && len(results) > 0 {
		err = a.store.FinishPage(ctx, run.ID, page, results)
	}
	if bridge.KindOf(err) == bridge.NotFound && !run.DryRun {
		// The run has ended meanwhile, so these writes cannot be recorded: the contacts'
		// own workflows find out.
		err = errors.Join(err, a.store.RequestResync(ctx, run.ConnectionID, writtenContacts(results)...))
	}
	if err == nil && unwritten && !work.resumed {
		err = a.store.ReleasePage(ctx, run.ID, page, sender)
	}
	return err
}

// writtenContacts returns the contacts that were written.
func writtenContacts(results []store.RowResult) []string {
	var ids []string
	for _, r := range results {
		for _, c := range r.Contacts {
			if r.Result != store.ResultUnchanged {
				ids = append(ids, c.ContactID)
			}
		}
	}
	return ids
}

// countingTime bounds counting the calls of a run's work, which goes on after the work is
// given up.
const countingTime = 5 * time.Second

// countCalls does work for a run and adds its HubSpot calls to those of the run,
// whether it succeeds or not.
func countCalls(ctx context.Context, s *store.Store, runID int64, work func(context.Context) error) error {
	var calls portal.Tally
	err := work(portal.WithTally(ctx, &calls))
	counting, cancel := context.WithTimeout(context.WithoutCancel(ctx), countingTime)
	defer cancel()
	return errors.Join(err, s.CountCalls(counting, runID, calls.Calls(), 0))
}

// pagesAtOnce is how many pages an activity applies concurrently. With the few
// activities under way at a time, that is enough to use HubSpot's limit of 11 calls
// a second even if an answer takes a second or two.
const pagesAtOnce = 6

// ApplyPagesInput names some pages of a planned run, both ends included.
type ApplyPagesInput struct {
	Run
	From int `json:"from"`
	To   int `json:"to"`

	// BegunOnly leaves out pages that no attempt has begun.
	BegunOnly bool `json:"begun_only,omitempty"`
}

// ApplyPagesResult says how far the activity came.
type ApplyPagesResult struct {
	Stopped bool   `json:"held,omitempty"` // the operator wants the run to stop before all pages are done
	Counts  Counts `json:"counts"`         // of the run as a whole
}

// ApplyPages applies many pages, some of them concurrently. It skips pages that an
// earlier attempt has finished, and starts with those that it has begun. After a
// failure it begins no further page. If the operator wants the run to stop, a
// program switch begins, or the worker shuts down, pages that wait for HubSpot's
// budget give up, and only calls under way are finished.
func (a *Pages) ApplyPages(ctx context.Context, in ApplyPagesInput) (ApplyPagesResult, error) {
	open, err := a.store.OpenPages(ctx, in.ID, in.From, in.To)
	if err != nil {
		return ApplyPagesResult{}, retryable(err)
	}
	brake := a.watchBrake(ctx, in.ID)
	defer brake.release()
	// Not cancelled with the activity: calls under way must be recorded.
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
	counts, unknown := a.store.RunCounts(context.WithoutCancel(ctx), in.ID)
	return ApplyPagesResult{Stopped: err != nil, Counts: counts}, retryable(unknown)
}

// mayFinish reports whether a page that was begun is finished although the brake is
// on. Until it is, nobody knows which of its writes arrived, and it delays erasures
// and a program switch.
func mayFinish(brake error) bool {
	return brake == nil || errors.Is(brake, errRunStopped) || errors.Is(brake, errProgramChanges)
}
