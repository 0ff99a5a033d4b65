package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// selectOpenWork asks for each connection, so that an index leads to every row.
// A report's work moves when rows are written, or else when the watermark does:
// one that is given up and begun again does not count as moving.
const selectOpenWork = `
SELECT c.id, w.work, w.step, w.n, greatest(clock_timestamp() - w.moved_at, interval '0'), w.reason
  FROM connection c
 CROSS JOIN LATERAL (
       SELECT 'hubspot_events' AS work, '' AS step, count(*) AS n, min(i.received_at) AS moved_at, '' AS reason
         FROM inbox i WHERE i.connection_id = c.id AND i.relayed_at IS NULL
        UNION ALL
       SELECT 'trigger_events', '', count(*), min(i.received_at), ''
         FROM object_inbox i WHERE i.connection_id = c.id AND i.relayed_at IS NULL
        UNION ALL
       SELECT 'report', coalesce((SELECT ` + runStep + ` FROM sync_run r
                                   WHERE r.connection_id = c.id AND r.kind = 'report' AND r.finished_at IS NULL), 'start'), 1,
              greatest(c.report_watermark, c.created_at, (SELECT r.rate_at FROM sync_run r
                                   WHERE r.connection_id = c.id AND r.kind = 'report' AND r.finished_at IS NULL)),
              coalesce((SELECT r.reason FROM sync_run r
                         WHERE r.connection_id = c.id AND r.kind = 'report' AND r.finished_at IS NOT NULL
                         ORDER BY r.id DESC LIMIT 1), '')
        UNION ALL
       SELECT CASE r.kind WHEN 'mass' THEN 'mass_sync' WHEN 'retry' THEN 'parked_retry' ELSE r.kind END,
              CASE WHEN m.wish = 'pause' THEN 'operator' ELSE ` + runStep + ` END, 1,
              greatest(r.created_at, r.as_of, r.rate_at), ''
         FROM sync_run r LEFT JOIN mass_wish m ON m.run_id = r.id
        WHERE r.connection_id = c.id AND r.kind <> 'report' AND r.finished_at IS NULL
        UNION ALL
       SELECT 'program_switch', s.state, 1,
              greatest(s.created_at, s.connected_at, (SELECT max(p.changed_at) FROM program_switch_property p WHERE p.switch_id = s.id)), s.reason
         FROM program_switch s
        WHERE s.connection_id = c.id AND s.finished_at IS NULL AND s.state <> 'refreshing' -- that is a mass sync
        UNION ALL
       SELECT 'conversions', '', count(*), min(e.recorded_at), ''
         FROM tracked_event e WHERE e.connection_id = c.id AND e.state = 'pending'
        UNION ALL
       SELECT 'verdicts', '', count(*), min(e.sent_at), ''
         FROM tracked_event e WHERE e.connection_id = c.id AND e.state = 'sent') AS w
 WHERE w.n > 0 AND ($1 = '' OR c.id = $1) AND c.status <> 'disconnected'
 ORDER BY c.id`

// runStep is what an unfinished run r is at.
const runStep = `CASE WHEN r.state = 'planned' OR r.kind = 'retry' THEN 'pages' WHEN r.state = 'staged' THEN 'plan'
                      WHEN r.export_id = '' THEN 'request' ELSE 'export' END`

// OpenWork returns the work of a connection that has begun, or is due, and has
// not ended; of all connections for an empty id.
func (s *Store) OpenWork(ctx context.Context, connectionID string) ([]bridge.OpenWork, error) {
	rows, err := s.pool.Query(ctx, selectOpenWork, connectionID)
	if err != nil {
		return nil, wrap(err, "open_work")
	}
	open, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bridge.OpenWork])
	return open, wrap(err, "open_work")
}
