package store_test

import (
	"testing"
	"time"

	"advocatesync/internal/store"
)

func TestNumbers_addUpOverProcessesAndMinutes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.conn.ID
	now := time.Now().UTC().Truncate(time.Hour).Add(time.Minute)
	minute := store.Minute{ConnectionID: id, At: now, ContactsWritten: 3, ParticipantsWritten: 1}
	minute.Lags.Add(time.Second)
	minute.Lags.Add(4 * time.Second)
	later := minute
	later.At = now.Add(time.Minute)
	must(t, d.AddMinutes(t.Context(), []store.Minute{minute, later}))
	must(t, d.AddMinutes(t.Context(), []store.Minute{minute, {ConnectionID: "caaaaaaaaa", At: now}})) // another process, and a connection that is gone
	all, err := d.Numbers(t.Context(), id, now.Add(-time.Hour), 30*time.Minute)
	must(t, err)
	if len(all) != 1 || all[0].ContactsWritten != 9 || all[0].ParticipantsWritten != 3 {
		t.Fatalf("%+v", all)
	}
	half, _ := all[0].Lags.Quantile(.5)
	most, ok := all[0].Lags.Quantile(.99)
	if half != time.Second || most != 5*time.Second || !ok {
		t.Errorf("lags %v and %v", half, most)
	}
}

// A page must not wait for a million rows to be counted, nor a sample every minute.
func TestConnectionHealth_countsManyRowsFromTheLastSample(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.conn.ID
	fill := func(from, to int) {
		d.exec(t, `INSERT INTO mapping (connection_id, contact_id, account_id, user_id) SELECT $1, n, 'a' || n, 'u' || n FROM generate_series($2::int, $3::int) AS n`, id, from, to)
		d.exec(t, `INSERT INTO contact_ledger (connection_id, contact_id, state, reason) SELECT $1, n, 'not_shared', 'rule_off' FROM generate_series($2::int, $3::int) AS n`, id, from, to)
	}
	want := func(says string, n int64, sampled, atLeast bool) {
		t.Helper()
		health, err := d.ConnectionHealth(t.Context(), id)
		must(t, err)
		effects, err := d.RuleEffects(t.Context(), id)
		must(t, err)
		forgotten, err := d.WouldForget(t.Context(), id)
		must(t, err)
		if health.Mapped != n || effects.MappedContacts != n || effects.ContactsKeptOut != n || forgotten.Mappings != n {
			t.Errorf("%s: %d, %d, %d and %d, want %d", says, health.Mapped, effects.MappedContacts, effects.ContactsKeptOut, forgotten.Mappings, n)
		}
		for _, counted := range []store.Counted{health.Counted, effects.Counted, forgotten.Counted} {
			if counted.At.IsZero() == sampled || counted.AtLeast != atLeast {
				t.Errorf("%s: counted %+v", says, counted)
			}
		}
	}
	later := func(minutes int) {
		d.exec(t, "UPDATE connection_minute SET minute = minute - $1 * interval '1 minute', counted_at = counted_at - $1 * interval '1 minute'", minutes)
		must(t, d.SampleMinutes(t.Context()))
	}
	fill(1, 10_000)
	must(t, d.SampleMinutes(t.Context()))
	want("ten thousand are counted", 10_000, false, false)
	fill(10_001, 10_001)
	want("more than that were never sampled", 10_000, false, true)
	later(1)
	want("until the next sample", 10_001, true, false)
	fill(10_002, 10_009)
	later(9)
	want("a sample of many counts for ten minutes", 10_001, true, false)
	later(2)
	want("and then they are counted again", 10_009, true, false)
	d.exec(t, "DELETE FROM mapping WHERE contact_id::int > 10")
	d.exec(t, "DELETE FROM contact_ledger WHERE contact_id::int > 10")
	want("few are counted", 10, false, false)
}

// The oldest of many events may have failed often, and wait for its next try.
func TestConnectionHealth_findsTheOldestOfManyEvents(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"its turn is next":              "now() - interval '2 hours'",
		"it waits for its next try":     "now() + interval '1 minute'",
		"its next try is after an hour": "now() + interval '1 hour'",
		"it came with many at one time": "now()",
	}
	for name, notBefore := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.exec(t, `INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, received_at, not_before)
			 SELECT $1, n, 'created', '', now(), n, false, now() - n * interval '1 second' / 1000, now() FROM generate_series(1, 12000) AS n`, d.conn.ID)
			d.exec(t, `INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, received_at, not_before)
			 VALUES ($1, '1', 'created', '', now(), 'oldest', false, now() - interval '3 hours', `+notBefore+`)`, d.conn.ID)
			health, err := d.ConnectionHealth(t.Context(), d.conn.ID)
			must(t, err)
			if health.WaitingFor < 3*time.Hour {
				t.Errorf("the oldest waits for %v, want three hours", health.WaitingFor)
			}
		})
	}
}

func TestSampleMinutes_countsEachEventOnceWhoeverSamples(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.conn.ID
	hear := func(key string) {
		d.exec(t, `INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo) VALUES ($1, '1', 'created', '', now(), $2, false)`, id, key)
	}
	minuteAgo := func() { d.exec(t, "UPDATE connection_minute SET minute = minute - interval '1 minute'") }
	hear("before the first sample, so of no minute")
	must(t, d.SampleMinutes(t.Context()))
	minuteAgo()
	hear("one")
	hear("two")
	must(t, d.SampleMinutes(t.Context()))
	must(t, d.SampleMinutes(t.Context())) // another process, in the same minute
	all, err := d.Numbers(t.Context(), id, time.Now().Add(-time.Hour), 30*time.Minute)
	must(t, err)
	heard := int64(0)
	for _, n := range all {
		heard += n.Heard
	}
	if heard != 2 || all[len(all)-1].Backlog != 3 {
		t.Errorf("%+v", all)
	}
	d.exec(t, "UPDATE connection_minute SET minute = minute - interval '15 days'")
	must(t, d.SampleMinutes(t.Context()))
	var rows int
	must(t, d.side.QueryRow(t.Context(), "SELECT count(*) FROM connection_minute").Scan(&rows))
	if rows != 1 {
		t.Errorf("%d minutes are kept, want none of a fortnight ago", rows)
	}
}

// A fortnight is read from hours, into which minutes go that come late.
func TestNumbers_ofHoursAddUpTheirMinutes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.conn.ID
	now := time.Now().UTC().Truncate(time.Minute)
	minute := func(written int64) store.Minute {
		m := store.Minute{ConnectionID: id, At: now, ContactsWritten: written, ParticipantsWritten: 1}
		m.Lags.Add(4 * time.Second)
		return m
	}
	must(t, d.AddMinutes(t.Context(), []store.Minute{minute(3)}))
	must(t, d.SampleMinutes(t.Context()))
	must(t, d.AddMinutes(t.Context(), []store.Minute{minute(4)})) // another worker is late
	must(t, d.SampleMinutes(t.Context()))
	hours, err := d.Numbers(t.Context(), id, now.Add(-24*time.Hour), 4*time.Hour)
	must(t, err)
	var contacts, participants int64
	for _, n := range hours {
		contacts, participants = contacts+n.ContactsWritten, participants+n.ParticipantsWritten
		if lag, ok := n.Lags.Quantile(.5); !ok || lag != 5*time.Second {
			t.Errorf("lag %v, %v", lag, ok)
		}
	}
	if contacts != 7 || participants != 2 {
		t.Errorf("%d contacts and %d participants, want 7 and 2", contacts, participants)
	}
	d.exec(t, "UPDATE connection_hour SET hour = hour - interval '15 days'")
	d.exec(t, "UPDATE connection_minute SET minute = minute - interval '3 days'")
	must(t, d.SampleMinutes(t.Context()))
	var old int
	must(t, d.side.QueryRow(t.Context(), `
SELECT (SELECT count(*) FROM connection_hour WHERE hour < now() - interval '14 days')
     + (SELECT count(*) FROM connection_minute WHERE minute < now() - interval '2 days')`).Scan(&old))
	if old != 0 {
		t.Errorf("%d rows are kept beyond their time", old)
	}
}
