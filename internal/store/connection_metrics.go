package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// ConnectionMetrics is the state of one connection in numbers.
type ConnectionMetrics struct {
	ConnectionID string
	Active       bool // its work is not suspended

	WaitingEvents int64         // HubSpot's events that wait for the relay
	SinceReport   time.Duration // age of the report watermark
	CallsInWindow int           // HubSpot calls granted in the last 10 s
	PausedFor     time.Duration // how much longer HubSpot refuses calls

	Parked  map[string]int64 // open items, by cause
	Tracked map[string]int64 // events of triggers, by state; those that ended well, of the last day only

	Drift    map[string]int64 // drift that the latest reconcile left, by class
	Guarded  int64            // deletions that a guard holds
	Erasures int64            // open privacy deletions
	Erasing  time.Duration    // age of the oldest of them
	AgreedAt time.Time        // when both sides last agreed; zero: never

	JournalRecorded bool          // HubSpot's journal covers the portal
	JournalLag      time.Duration // how far the journal's reader is behind; < 0: nothing was read yet

	MassSync     bool // one is under way
	MassSyncRows Counts
}

// window is the time over which CallsInWindow counts: HubSpot's own window.
const window = 10 * time.Second

const selectMetrics = `
SELECT c.id,` + mayWork + `,
       (SELECT count(*) FROM inbox i WHERE i.connection_id = c.id AND i.relayed_at IS NULL),
       clock_timestamp() - coalesce(c.report_watermark, c.created_at),
       (SELECT count(*) FROM unnest(b.granted) AS granted WHERE granted > clock_timestamp() - $1::interval),
       greatest(coalesce(b.paused_until, 'epoch') - clock_timestamp(), interval '0'),
       coalesce(m.finished_at IS NULL AND m.id IS NOT NULL, false),
       coalesce(m.total, 0), coalesce(m.created, 0), coalesce(m.matched, 0), coalesce(m.updated, 0),
       coalesce(m.unchanged, 0), coalesce(m.blocked, 0), coalesce(m.no_email, 0), coalesce(m.parked, 0),
       coalesce(a.agreed_at, '0001-01-01Z'),
       (SELECT count(*) FROM due_deletion d WHERE d.connection_id = c.id AND d.state = 'waiting'),
       e.n, greatest(clock_timestamp() - coalesce(e.heard_at, clock_timestamp()), interval '0'),
       jp.subscribed_at IS NOT NULL, coalesce(greatest(clock_timestamp() - j.read_until, interval '0'), interval '-1 second')
  FROM connection c
 CROSS JOIN journal j
  LEFT JOIN journal_portal jp ON jp.portal_id = c.portal_id
 CROSS JOIN LATERAL (SELECT count(*) AS n, min(heard_at) AS heard_at FROM erasure e
                      WHERE e.connection_id = c.id AND e.forgotten_at IS NULL AND e.doubted_at IS NULL) e
  LEFT JOIN agreement a ON a.connection_id = c.id
  LEFT JOIN budget b ON b.portal_id = c.portal_id
  LEFT JOIN LATERAL (SELECT * FROM sync_run r
                      WHERE r.connection_id = c.id AND r.kind = 'mass' AND NOT r.dry_run
                      ORDER BY r.id DESC LIMIT 1) m ON true
 WHERE c.status <> 'disconnected'
 ORDER BY c.id`

// ConnectionMetrics returns the metrics of every connection. MassSyncRows are those
// of the last mass sync that was no dry run, also while it is under way.
func (s *Store) ConnectionMetrics(ctx context.Context) ([]ConnectionMetrics, error) {
	rows, err := s.pool.Query(ctx, selectMetrics, window)
	if err != nil {
		return nil, wrap(err, "connection_metrics")
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ConnectionMetrics, error) {
		f := ConnectionMetrics{Parked: map[string]int64{}, Tracked: map[string]int64{}, Drift: map[string]int64{}}
		m := &f.MassSyncRows
		err := row.Scan(&f.ConnectionID, &f.Active, &f.WaitingEvents, &f.SinceReport, &f.CallsInWindow, &f.PausedFor,
			&f.MassSync, &m.Total, &m.Created, &m.Matched, &m.Updated, &m.Unchanged, &m.Blocked, &m.NoEmail, &m.Parked, &f.AgreedAt, &f.Guarded,
			&f.Erasures, &f.Erasing, &f.JournalRecorded, &f.JournalLag)
		return f, err
	})
	if err != nil {
		return nil, wrap(err, "connection_metrics")
	}
	index := map[string]*ConnectionMetrics{}
	for i := range all {
		index[all[i].ConnectionID] = &all[i]
	}
	err = s.countBy(ctx, "SELECT connection_id, cause, count(*) FROM parked_item WHERE closed_at IS NULL GROUP BY 1, 2",
		func(connection, cause string, n int64) {
			if f := index[connection]; f != nil {
				f.Parked[cause] = n
			}
		})
	if err == nil {
		err = s.countBy(ctx, countDrift,
			func(connection, class string, n int64) {
				if f := index[connection]; f != nil {
					f.Drift[class] = n
				}
			})
	}
	if err == nil {
		err = s.countBy(ctx, countTracked,
			func(connection, state string, n int64) {
				if f := index[connection]; f != nil {
					f.Tracked[state] = n
				}
			})
	}
	return all, wrap(err, "connection_metrics")
}

const countDrift = `
SELECT c.id, n.class, sum(n.n)::bigint
  FROM connection c
  JOIN reconcile_count n ON n.outcome <> 'repaired'
   AND n.run_id = (SELECT max(r.id) FROM sync_run r
                    WHERE r.connection_id = c.id AND r.kind = 'reconcile' AND r.state = 'done' AND NOT r.dry_run)
 GROUP BY 1, 2`

// Ended events are kept for good, so only those of the last day are counted.
const countTracked = `
SELECT connection_id, state, count(*) FROM tracked_event
 WHERE state IN ('waiting', 'pending', 'sent', 'error') GROUP BY 1, 2
 UNION ALL
SELECT connection_id, state, count(*) FROM tracked_event WHERE state = 'awaiting_approval' GROUP BY 1, 2
 UNION ALL
SELECT connection_id, state, count(*) FROM tracked_event
 WHERE state IN ('complete', 'skipped', 'reversed') AND decided_at > now() - interval '1 day' GROUP BY 1, 2`

// countBy calls each with every row (connection, word, number) of a query.
func (s *Store) countBy(ctx context.Context, query string, each func(connection, word string, n int64)) error {
	rows, err := s.pool.Query(ctx, query)
	if err != nil {
		return err
	}
	var connection, word string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&connection, &word, &n}, func() error {
		each(connection, word, n)
		return nil
	})
	return err
}
