package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// AdvocateEventKind is what Advocate says happened.
type AdvocateEventKind string

const (
	AdvocateParticipantCreated AdvocateEventKind = "participant_created"
	AdvocateExportCompleted    AdvocateEventKind = "export_completed"
)

// AdvocateEvent is one webhook from Advocate, without personal data.
type AdvocateEvent struct {
	ConnectionID string
	EventID      string // the same for every delivery; unique within a connection
	Kind         AdvocateEventKind
	ExportID     string // of AdvocateExportCompleted alone
}

// ConnectionsByTenant returns the connections of an Advocate tenant, the oldest
// first.
func (s *Store) ConnectionsByTenant(ctx context.Context, tenant string) ([]bridge.Connection, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+connectionColumns+" FROM connection WHERE tenant = $1 AND"+connected+"ORDER BY created_at, id", tenant)
	if err != nil {
		return nil, wrap(err, "connections_by_tenant")
	}
	found, err := pgx.CollectRows(rows, scanConnection)
	return found, wrap(err, "connections_by_tenant")
}

// AppendAdvocateEvents stores events, all or none, and returns how many were new. A
// duplicate is no error.
func (s *Store) AppendAdvocateEvents(ctx context.Context, events []AdvocateEvent) (fresh int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		for _, e := range events {
			tag, err := tx.Exec(ctx, `
INSERT INTO advocate_event (connection_id, event_id, kind, export_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (connection_id, event_id) DO NOTHING`, e.ConnectionID, e.EventID, e.Kind, e.ExportID)
			if err != nil {
				return err
			}
			fresh += int(tag.RowsAffected())
		}
		return nil
	})
	if err != nil {
		return 0, wrap(err, "append_advocate_events")
	}
	return fresh, nil
}

// latestReport selects a column of the latest report of the event e's connection,
// without reading the thousands before it.
const latestReport = `
       (SELECT %s FROM sync_run r WHERE r.connection_id = e.connection_id AND r.kind = 'report' ORDER BY r.id DESC LIMIT 1)`

// A report that begins after the event covers its participant. If that report is
// abandoned, the next one covers the same time.
var settleReported = `
UPDATE advocate_event e SET handled_at = now()
 WHERE e.kind = 'participant_created' AND e.handled_at IS NULL
   AND e.received_at <` + fmt.Sprintf(latestReport, "r.created_at")

var selectAwaiting = `
SELECT DISTINCT e.connection_id
  FROM advocate_event e
  JOIN connection c ON c.id = e.connection_id
 WHERE e.kind = 'participant_created' AND e.handled_at IS NULL
   AND` + mayWork + `AND NOT c.switching
   AND` + fmt.Sprintf(latestReport, "r.finished_at IS NULL OR r.created_at > now() - $1::interval") + ` IS NOT TRUE
 ORDER BY e.connection_id`

// AwaitingReport returns the active connections with a participant that was created
// after their last report began, unless a report is under way or the last one began
// less than spacing ago. The next report settles these events.
func (s *Store) AwaitingReport(ctx context.Context, spacing time.Duration) ([]string, error) {
	if _, err := s.pool.Exec(ctx, settleReported); err != nil {
		return nil, wrap(err, "awaiting_report")
	}
	rows, err := s.pool.Query(ctx, selectAwaiting, spacing)
	if err != nil {
		return nil, wrap(err, "awaiting_report")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, wrap(err, "awaiting_report")
}

// ReadyExport is a run whose export Advocate has announced.
type ReadyExport struct {
	EventIDs []int64 // what SettleAdvocateEvents takes
	Run      Run
}

// A webhook can overtake the response to the request for its export, so an event
// waits a while for its run. Exports that somebody else requested have none.
const settleForeign = `
UPDATE advocate_event e SET handled_at = now()
 WHERE e.kind = 'export_completed' AND e.handled_at IS NULL
   AND (e.received_at < now() - $1::interval
        OR (SELECT bool_or(r.state <> 'requested') FROM sync_run r
             WHERE r.connection_id = e.connection_id AND r.export_id = e.export_id))`

const selectReady = `
SELECT e.id, r.id
  FROM advocate_event e
  JOIN sync_run r ON r.connection_id = e.connection_id AND r.export_id = e.export_id AND r.state = 'requested' AND r.finished_at IS NULL
 WHERE e.kind = 'export_completed' AND e.handled_at IS NULL
 ORDER BY r.id, e.id`

// ReadyExports returns the runs that wait for an export that is ready. An export
// that no run has claimed within patience is somebody else's.
func (s *Store) ReadyExports(ctx context.Context, patience time.Duration) ([]ReadyExport, error) {
	if _, err := s.pool.Exec(ctx, settleForeign, patience); err != nil {
		return nil, wrap(err, "ready_exports")
	}
	rows, err := s.pool.Query(ctx, selectReady)
	if err != nil {
		return nil, wrap(err, "ready_exports")
	}
	type pair struct{ Event, Run int64 }
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pair])
	if err != nil {
		return nil, wrap(err, "ready_exports")
	}
	var ready []ReadyExport
	for _, p := range pairs {
		if n := len(ready); n > 0 && ready[n-1].Run.ID == p.Run {
			ready[n-1].EventIDs = append(ready[n-1].EventIDs, p.Event)
			continue
		}
		run, err := s.Run(ctx, p.Run)
		if err != nil {
			return nil, err
		}
		ready = append(ready, ReadyExport{EventIDs: []int64{p.Event}, Run: run})
	}
	return ready, nil
}

// SettleAdvocateEvents marks events as handled.
func (s *Store) SettleAdvocateEvents(ctx context.Context, ids []int64) error {
	_, err := s.pool.Exec(ctx, "UPDATE advocate_event SET handled_at = now() WHERE id = ANY ($1)", ids)
	return wrap(err, "settle_advocate_events")
}

// PurgeAdvocateEvents deletes the events that were received before a time, handled
// or not: by then reports have covered them. From then on a duplicate of them
// counts as new.
func (s *Store) PurgeAdvocateEvents(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM advocate_event WHERE received_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_advocate_events")
}

// Subscription is a connection's webhook subscription at Advocate.
type Subscription struct {
	EndpointURL string    // empty: never subscribed
	Reason      string    // why Advocate refused; empty: it did not
	TriedAt     time.Time // zero: never
	HeardAt     time.Time // when the last event arrived; zero: none has
}

// AdvocateSubscription returns a connection's subscription, or the zero value.
func (s *Store) AdvocateSubscription(ctx context.Context, connectionID string) (Subscription, error) {
	var sub Subscription
	err := s.pool.QueryRow(ctx, `
SELECT coalesce(a.endpoint_url, ''), coalesce(a.reason, ''), coalesce(a.tried_at, '0001-01-01Z'),
       coalesce((SELECT max(received_at) FROM advocate_event e WHERE e.connection_id = c.id), '0001-01-01Z')
  FROM connection c LEFT JOIN advocate_subscription a ON a.connection_id = c.id
 WHERE c.id = $1`, connectionID).Scan(&sub.EndpointURL, &sub.Reason, &sub.TriedAt, &sub.HeardAt)
	return sub, wrap(err, "advocate_subscription of %s", connectionID)
}

// NoteSubscription stores the outcome of subscribing at Advocate; reason is why it
// refused, or empty.
func (s *Store) NoteSubscription(ctx context.Context, connectionID, endpointURL, reason string) error {
	_, err := s.pool.Exec(ctx, `
INSERT INTO advocate_subscription (connection_id, endpoint_url, reason) VALUES ($1, $2, $3)
ON CONFLICT (connection_id) DO UPDATE SET endpoint_url = excluded.endpoint_url, reason = excluded.reason, tried_at = now()`,
		connectionID, endpointURL, reason)
	return wrap(err, "note_subscription of %s", connectionID)
}
