package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// BudgetOptions says how many HubSpot calls a portal may get. A zero field means
// its default.
type BudgetOptions struct {
	// Limit is the number of calls in a window: 110 by default (HubSpot docs: usage
	// guidelines; the limit of a public app per account).
	Limit int
	// Window is the length of HubSpot's rolling window: 10 s by default.
	Window time.Duration
	// Margin is how much longer a grant counts here than at HubSpot, because a
	// call may arrive there later than the ones after it. 200 ms by default.
	Margin time.Duration
	// Reserve is how many calls of a window bulk work leaves to live work: 1 by
	// default, so that a live call need not wait. Further live calls get the next ones
	// that come free, one every pace.
	Reserve int
}

func (o BudgetOptions) withDefaults() BudgetOptions {
	if o.Limit == 0 {
		o.Limit = 110
	}
	if o.Window == 0 {
		o.Window = 10 * time.Second
	}
	if o.Margin == 0 {
		o.Margin = 200 * time.Millisecond
	}
	if o.Reserve == 0 {
		o.Reserve = 1
	}
	return o
}

// CallLimit returns the number of calls in a window.
func (o BudgetOptions) CallLimit() int { return o.withDefaults().Limit }

// BulkPace returns the time between two bulk calls to a portal that nobody else
// calls.
func (o BudgetOptions) BulkPace() time.Duration { return o.withDefaults().pace() }

// Budget shares the HubSpot calls of each portal among all workers. Its clock is
// PostgreSQL's, so that the workers' clocks do not matter.
type Budget struct {
	store *Store
	opts  BudgetOptions
}

// NewBudget returns the budget kept in a store. All workers must use the same
// options.
func NewBudget(s *Store, opts BudgetOptions) *Budget {
	return &Budget{store: s, opts: opts.withDefaults()}
}

// Losing the last grants in a crash of PostgreSQL costs a 429 at worst; waiting
// for the disk would cost every call some milliseconds.
func beginBudget(s *Store) pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: s.begin.BeginQuery + "; SET LOCAL synchronous_commit = off"}
}

const (
	ensureBudget = "INSERT INTO budget (portal_id) VALUES ($1) ON CONFLICT (portal_id) DO NOTHING"
	lockBudget   = "SELECT granted, paused_until, live_waiting_until, bulk_next_at FROM budget WHERE portal_id = $1 FOR UPDATE"
	// A separate statement, because the clock must be read once the lock is held.
	readClock    = "SELECT clock_timestamp()"
	updateBudget = "UPDATE budget SET granted = $2, live_waiting_until = $3, bulk_next_at = $4 WHERE portal_id = $1"
)

// Acquire asks for one call to a portal, to be made at once. A caller that is
// refused asks again after Grant.Wait; while a live caller does so, bulk
// callers are refused.
func (b *Budget) Acquire(ctx context.Context, portalID int64, lane bridge.Lane) (bridge.Grant, error) {
	var grant bridge.Grant
	s := b.store
	if lane == bridge.LaneBulk {
		s = s.Bulk() // bulk callers of one portal queue for its row; live callers must not wait for a connection behind them
	}
	err := pgx.BeginTxFunc(ctx, s.pool, beginBudget(s), func(tx pgx.Tx) error {
		var (
			state budgetWindow
			now   time.Time
			batch pgx.Batch
		)
		batch.Queue(ensureBudget, portalID)
		batch.Queue(lockBudget, portalID).QueryRow(func(row pgx.Row) error {
			return row.Scan(&state.granted, &state.pausedUntil, &state.liveWaitingUntil, &state.bulkNextAt)
		})
		batch.Queue(readClock).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		grant = b.opts.decide(&state, now, lane)
		if !grant.OK && lane == bridge.LaneBulk {
			return nil // nothing to store
		}
		_, err := tx.Exec(ctx, updateBudget, portalID, state.granted, state.liveWaitingUntil, state.bulkNextAt)
		return err
	})
	return grant, wrap(err, "acquire for portal %d", portalID)
}

// Pause refuses every call to a portal for a time, as HubSpot asks with a 429. It
// does not shorten a pause that is under way.
func (b *Budget) Pause(ctx context.Context, portalID int64, d time.Duration) error {
	_, err := b.store.pool.Exec(ctx, `
INSERT INTO budget (portal_id, paused_until) VALUES ($1, clock_timestamp() + $2::interval)
ON CONFLICT (portal_id) DO UPDATE SET paused_until = greatest(budget.paused_until, excluded.paused_until)`, portalID, d)
	return wrap(err, "pause portal %d", portalID)
}
