package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// LagBounds are the upper bounds of the buckets in which lags are counted; the
// last bucket, beyond them, has none.
var LagBounds = [...]time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour,
}

// Lags counts contacts that came in step, by how long that took.
type Lags [len(LagBounds) + 1]int64

// Add counts one contact.
func (l *Lags) Add(lag time.Duration) {
	bucket, _ := slices.BinarySearch(LagBounds[:], lag)
	l[bucket]++
}

// Quantile is how long all but the slowest share of the contacts took at most, as
// the bound of a bucket: 0.5 is the median. ok is false if there were none. Beyond
// the last bound it is that bound.
func (l Lags) Quantile(q float64) (lag time.Duration, ok bool) {
	var total, seen int64
	for _, n := range l {
		total += n
	}
	for i, n := range l {
		seen += n
		if n > 0 && float64(seen) >= q*float64(total) {
			return LagBounds[min(i, len(LagBounds)-1)], true
		}
	}
	return 0, false
}

// Minute is what a process did in one minute for a connection.
type Minute struct {
	ConnectionID        string
	At                  time.Time
	ContactsWritten     int64
	ParticipantsWritten int64
	Lags                Lags
}

const addMinute = `
INSERT INTO connection_minute AS m (connection_id, minute, contacts_written, participants_written, lag_counts)
SELECT c.id, date_trunc('minute', $2::timestamptz, 'UTC'), $3, $4, $5 FROM connection c WHERE c.id = $1
ON CONFLICT (connection_id, minute) DO UPDATE
   SET contacts_written = m.contacts_written + excluded.contacts_written,
       participants_written = m.participants_written + excluded.participants_written,
       lag_counts = ARRAY(SELECT a + b FROM unnest(m.lag_counts, excluded.lag_counts) WITH ORDINALITY AS u (a, b, i) ORDER BY i)`

// AddMinutes adds what a process did to what others have done in the same minutes.
// What was done for a connection that is gone goes with it.
func (s *Store) AddMinutes(ctx context.Context, minutes []Minute) error {
	var batch pgx.Batch
	for _, m := range minutes {
		batch.Queue(addMinute, m.ConnectionID, m.At, m.ContactsWritten, m.ParticipantsWritten, m.Lags[:])
	}
	return wrap(s.pool.SendBatch(ctx, &batch).Close(), "add_minutes")
}

// What counts beyond exactUpTo takes long to count, so that it is counted every ten
// minutes, and carried over in between.
const sampleMinute = `
INSERT INTO connection_minute AS m (connection_id, minute, sampled_at, heard, heard_until, backlog, calls, parked, drift, counted_at, mapped, kept_out)
SELECT c.id, date_trunc('minute', clock_timestamp(), 'UTC'), clock_timestamp(),
       (SELECT count(*) FROM inbox i WHERE i.connection_id = c.id AND i.id > coalesce(before.heard_until, latest.id) AND i.id <= latest.id),
       latest.id,
       (SELECT count(*) FROM inbox i WHERE i.connection_id = c.id AND i.relayed_at IS NULL),
       coalesce((SELECT count(*) FROM unnest(b.granted) AS granted WHERE granted > clock_timestamp() - $1::interval), 0),
       (SELECT count(*) FROM parked_item p WHERE p.connection_id = c.id AND p.closed_at IS NULL),
       coalesce((SELECT sum(n.n) FROM reconcile_count n
                  WHERE n.outcome <> 'repaired'
                    AND n.run_id = (SELECT max(r.id) FROM sync_run r
                                     WHERE r.connection_id = c.id AND r.kind = 'reconcile' AND r.state = 'done' AND NOT r.dry_run)), 0),
       CASE WHEN carry.over THEN before.counted_at ELSE clock_timestamp() END,
       CASE WHEN carry.over THEN before.mapped ELSE (SELECT count(*) FROM mapping m WHERE m.connection_id = c.id) END,
       CASE WHEN carry.over THEN before.kept_out
            ELSE (SELECT count(*) FROM contact_ledger l WHERE l.connection_id = c.id AND l.state = 'not_shared' AND l.reason = 'rule_off') END
  FROM connection c
 CROSS JOIN (SELECT coalesce(max(id), 0) AS id FROM inbox) latest
  LEFT JOIN budget b ON b.portal_id = c.portal_id
  LEFT JOIN LATERAL (SELECT heard_until, counted_at, mapped, kept_out FROM connection_minute e
                      WHERE e.connection_id = c.id AND e.sampled_at IS NOT NULL
                      ORDER BY e.minute DESC LIMIT 1) before ON true
 CROSS JOIN LATERAL (SELECT coalesce(before.counted_at > clock_timestamp() - interval '10 minutes'
                                     AND greatest(before.mapped, before.kept_out) > $2, false) AS over) carry
 WHERE c.status <> 'disconnected'
ON CONFLICT (connection_id, minute) DO UPDATE
   SET sampled_at = excluded.sampled_at, heard = excluded.heard, heard_until = excluded.heard_until, backlog = excluded.backlog,
       calls = excluded.calls, parked = excluded.parked, drift = excluded.drift, counted_at = excluded.counted_at,
       mapped = excluded.mapped, kept_out = excluded.kept_out
 WHERE m.sampled_at IS NULL`

// Minutes are looked at for a day, and hours for a fortnight.
const (
	minutesKept = 2 * 24 * time.Hour
	hoursKept   = 14 * 24 * time.Hour
)

// summed adds up minutes or hours, and takes the most of what stood.
const summed = `
       sum(heard)::bigint, sum(contacts_written)::bigint, sum(participants_written)::bigint,
       ARRAY[sum(lag_counts[1]), sum(lag_counts[2]), sum(lag_counts[3]), sum(lag_counts[4]), sum(lag_counts[5]), sum(lag_counts[6]),
             sum(lag_counts[7]), sum(lag_counts[8]), sum(lag_counts[9]), sum(lag_counts[10]), sum(lag_counts[11]), sum(lag_counts[12])]::bigint[],
       max(backlog), max(calls), max(parked), max(drift)`

// Workers may tell of a minute when its hour is over: an hour is added up anew until
// ten minutes after its end.
const addUpHours = `
INSERT INTO connection_hour AS h (connection_id, hour, heard, contacts_written, participants_written, lag_counts, backlog, calls, parked, drift)
SELECT connection_id, date_trunc('hour', minute, 'UTC'),` + summed + `
  FROM connection_minute
 WHERE minute >= date_trunc('hour', now() - interval '10 minutes', 'UTC')
 GROUP BY 1, 2
 ORDER BY 1, 2
ON CONFLICT (connection_id, hour) DO UPDATE
   SET heard = excluded.heard, contacts_written = excluded.contacts_written, participants_written = excluded.participants_written,
       lag_counts = excluded.lag_counts, backlog = excluded.backlog, calls = excluded.calls, parked = excluded.parked, drift = excluded.drift`

// SampleMinutes keeps how every connection stands in this minute, unless another
// process has done so, adds minutes up to hours, and forgets what is old.
func (s *Store) SampleMinutes(ctx context.Context) error {
	for _, do := range []struct {
		statement string
		args      []any
	}{
		{sampleMinute, []any{window, exactUpTo}},
		{addUpHours, nil},
		{"DELETE FROM connection_minute WHERE minute < now() - $1::interval", []any{minutesKept}},
		{"DELETE FROM connection_hour WHERE hour < now() - $1::interval", []any{hoursKept}},
	} {
		if _, err := s.pool.Exec(ctx, do.statement, do.args...); err != nil {
			return wrap(err, "sample_minutes")
		}
	}
	return nil
}

// Numbers is what happened to a connection from a moment on, for as long as the
// caller asked: sums of what was done, the most of what stood.
type Numbers struct {
	At                  time.Time
	Heard               int64
	ContactsWritten     int64
	ParticipantsWritten int64
	Lags                Lags
	Backlog             int64
	Calls               int64
	Parked              int64
	Drift               int64
}

const (
	selectMinutes = "\nSELECT date_bin($3::interval, minute, 'epoch') AS at," + summed + `
  FROM connection_minute
 WHERE connection_id = $1 AND minute >= $2
 GROUP BY 1 ORDER BY 1`

	selectHours = "\nSELECT date_bin($3::interval, hour, 'epoch') AS at," + summed + `
  FROM connection_hour
 WHERE connection_id = $1 AND hour >= $2
 GROUP BY 1 ORDER BY 1`
)

// Numbers returns what happened to a connection since a time, in steps of the
// given length, the oldest first: of two days in steps of minutes, of a fortnight in
// steps of hours. Steps in which nothing is known are left out.
func (s *Store) Numbers(ctx context.Context, connectionID string, since time.Time, step time.Duration) ([]Numbers, error) {
	query := selectMinutes
	if step >= time.Hour {
		query = selectHours
	}
	rows, err := s.pool.Query(ctx, query, connectionID, since, step)
	if err != nil {
		return nil, wrap(err, "numbers of %s", connectionID)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Numbers, err error) {
		var lags []int64
		err = row.Scan(&n.At, &n.Heard, &n.ContactsWritten, &n.ParticipantsWritten, &lags, &n.Backlog, &n.Calls, &n.Parked, &n.Drift)
		copy(n.Lags[:], lags)
		return n, err
	})
	return all, wrap(err, "numbers of %s", connectionID)
}
