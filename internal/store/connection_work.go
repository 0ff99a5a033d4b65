package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// selectOpenWork queries connection by connection, so that every row is found
// through an index. There may be millions of events, so they are counted only as
// far as it matters. A report makes progress when rows are written or the watermark
// moves; abandoning a report and beginning another is no progress.
var selectOpenWork = `
SELECT c.id, w.work, w.step, w.n, greatest(clock_timestamp() - w.moved_at, interval '0'), w.reason
  FROM connection c
 CROSS JOIN LATERAL (
       SELECT 'hubspot_events' AS work, '' AS step, i.n, i.oldest AS moved_at, '' AS reason FROM ` + waitingIn(contactInbox) + ` i
        UNION ALL
       SELECT 'trigger_events', '', i.n, i.oldest, '' FROM ` + waitingIn(objectInbox) + ` i
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
         FROM tracked_event e WHERE e.connection_id = c.id AND e.state = 'sent'
        UNION ALL
       SELECT 'erasures', '', count(*), min(e.heard_at), coalesce((array_agg(e.problem ORDER BY e.heard_at, e.id))[1], '')
         FROM erasure e WHERE e.connection_id = c.id AND e.forgotten_at IS NULL AND e.doubted_at IS NULL
        UNION ALL
       SELECT 'deletion_approvals', '', count(*), min(d.waiting_since), ''
         FROM due_deletion d WHERE d.connection_id = c.id AND d.state = 'waiting'
        UNION ALL
       SELECT 'trigger_approvals', '', count(*), min(e.recorded_at), ''
         FROM tracked_event e WHERE e.connection_id = c.id AND e.state = 'awaiting_approval' AND e.approved_at IS NULL) AS w
 WHERE w.n > 0 AND ($1 = '' OR c.id = $1) AND c.status <> 'disconnected'
 ORDER BY c.id`

// runStep is the step of an unfinished run r.
const runStep = `CASE WHEN r.state = 'planned' OR r.kind = 'retry' THEN 'pages' WHEN r.state = 'staged' THEN 'plan'
                      WHEN r.export_id = '' THEN 'request' ELSE 'export' END`

// waitingIn counts the events of a connection c that wait in an inbox, up to
// exactUpTo, and finds the oldest: among the thousand whose turn is next, and the
// thousand that wait longest for theirs, as those do that have failed. Each lane of
// the inbox has thousands of its own, because its index leads with the lane.
func waitingIn(from inbox) string {
	rows := " FROM " + from.table + " i WHERE i.connection_id = c.id AND i.relayed_at IS NULL "
	var firsts []string
	for _, lane := range from.eachLane() {
		for _, order := range []string{"i.not_before, i.id", "i.not_before DESC, i.id DESC"} {
			firsts = append(firsts, "(SELECT i.received_at"+rows+lane+" ORDER BY "+order+" LIMIT 1000)")
		}
	}
	return `
       (SELECT few.n, edges.oldest
          FROM (SELECT count(*) AS n FROM (SELECT` + rows + `LIMIT 10001) taken) few,
               (SELECT min(received_at) AS oldest FROM (` + strings.Join(firsts, " UNION ALL ") + `) taken) edges)`
}

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
