package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// expiredReason is why a run ended whose rows were kept for long enough.
const expiredReason = "EXPIRED"

const selectExpired = "SELECT " + runColumns + ` FROM sync_run WHERE finished_at IS NULL AND created_at < $1 ORDER BY id`

// ExpireRuns sees to it that no run keeps people's data for ever, because it is paused,
// its connection is, or its workflow is gone. Runs that nobody steers end at once: the
// next one does their work. Of a steered run that began before the first time it makes
// the desired state to be cancelled, and returns the run, so that its workflow can be
// told; one that began before the last time ends whatever its workflow does.
func (s *Store) ExpireRuns(ctx context.Context, before, last time.Time) (steered []Run, err error) {
	rows, err := s.pool.Query(ctx, selectExpired, before)
	if err != nil {
		return nil, wrap(err, "expire_runs")
	}
	all, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, wrap(err, "expire_runs")
	}
	for _, run := range all {
		switch {
		case run.Kind != RunMass && run.Kind != RunReconcile:
			err = s.AbortRun(ctx, run.ID, expiredReason)
		case run.CreatedAt.Before(last):
			err = wrap(s.giveUp(ctx, run.ID, RunCancelled, expiredReason), "expire run %d", run.ID)
		default:
			steered = append(steered, run)
			err = s.SetDesired(ctx, run.ID, DesiredCancelled)
		}
		// One that has ended meanwhile needs nothing.
		if err != nil && bridge.KindOf(err) != bridge.NotFound {
			return nil, err
		}
	}
	return steered, nil
}
