package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// parkedParticipants parks an item for each and returns their ids.
func (d database) parkedParticipants(t *testing.T, names ...string) []int64 {
	t.Helper()
	var ids []int64
	for _, name := range names {
		ids = append(ids, d.mustPark(t, bridge.ParkedItem{AccountID: "a-" + name, UserID: "u-" + name, Cause: bridge.CauseTakenContact}))
	}
	return ids
}

func (d database) retry(t *testing.T, items ...int64) store.Run {
	t.Helper()
	run, err := d.BeginRetry(t.Context(), d.conn.ID, items)
	must(t, err)
	return run
}

// outcomes returns outcome by participant and cause; open items have none.
func (d database) outcomes(t *testing.T) map[string]string {
	t.Helper()
	rows, err := d.side.Query(t.Context(), "SELECT user_id || ' ' || cause, coalesce(outcome, '') FROM parked_item")
	must(t, err)
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var item, outcome string
		must(t, rows.Scan(&item, &outcome))
		got[item] = outcome
	}
	must(t, rows.Err())
	return got
}

func TestBeginRetry_goesThroughARunOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	report := d.requested(t) // one may be under way
	items := d.parkedParticipants(t, "fixed", "same", "other", "vanished", "mapped", "waiting")
	run := d.retry(t, items[:5]...)
	if run.Kind != store.RunRetry || run.State != store.RunRequested || run.ProgramID != "p1" || run.ExportedAt.IsZero() || run.ID == report.ID {
		t.Errorf("run %+v", run)
	}
	d.wrote(t, "105", "mapped") // in step, as it turns out
	_, err := d.Stage(t.Context(), run.ID, program, each(person("fixed"), person("same"), person("other"), person("mapped")))
	must(t, err)
	counts, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	if want := (store.Counts{Total: 4, ToMatchOrCreate: 3, Unchanged: 1}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
		{Ordinal: 1, Result: store.ResultMatched, Contacts: []store.RowContact{{ContactID: "101"}}},
		{Ordinal: 2, Result: store.ResultParked, Parked: &bridge.ParkedItem{Cause: bridge.CauseTakenContact}},
		{Ordinal: 3, Result: store.ResultParked, Parked: &bridge.ParkedItem{Cause: bridge.CauseRefusedByHubSpot}},
	}))
	for range 2 {
		_, err = d.FinishRun(t.Context(), run.ID)
		must(t, err)
		want := map[string]string{
			"u-fixed taken_contact": "retried", "u-same taken_contact": "", "u-other taken_contact": "retried", "u-other refused_by_hubspot": "",
			"u-vanished taken_contact": "retried", "u-mapped taken_contact": "resolved", "u-waiting taken_contact": "",
		}
		if diff := cmp.Diff(want, d.outcomes(t)); diff != "" {
			t.Error(diff)
		}
	}
	if !d.watermark(t).IsZero() {
		t.Error("a retry moved the watermark")
	}
	if d.mappedTo(t, "101") != "u-fixed" {
		t.Error("what was retried is not mapped")
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows of personal data left", n)
	}
	again := d.retry(t, items[1]) // the item kept its id
	if again.ID == run.ID {
		t.Error("a finished retry is taken up")
	}
}

func TestBeginRetry_severalAtOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	items := d.parkedParticipants(t, "ann", "bob", "eve")
	first, second := d.retry(t, items[0]), d.retry(t, items[1], items[2], items[1])
	if first.ID == second.ID {
		t.Error("one run for two retries")
	}
	if again := d.retry(t, items[0]); again.ID != first.ID {
		t.Errorf("run %d beside %d for the same item", again.ID, first.ID)
	}
	_, err := d.BeginRetry(t.Context(), d.conn.ID, items)
	wantKind(t, err, bridge.Conflict)

	must(t, d.AbortRun(t.Context(), first.ID, "test"))
	if next := d.retry(t, items[0]); next.ID == first.ID {
		t.Error("an aborted retry is taken up")
	}
	if diff := cmp.Diff(map[string]string{"u-ann taken_contact": "", "u-bob taken_contact": "", "u-eve taken_contact": ""}, d.outcomes(t)); diff != "" {
		t.Error(diff)
	}
}

func TestBeginRetry_onlyOpenItemsOfParticipants(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	other := d
	other.conn = connect(t, d.Store, 2002)
	open := d.parkedParticipants(t, "ann")[0]
	closed := d.parkedParticipants(t, "bob")[0]
	must(t, d.CloseParked(t.Context(), closed, store.OutcomeDiscarded))
	for name, items := range map[string][]int64{
		"none at all":                {},
		"a contact's":                {open, d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})},
		"a closed one":               {closed},
		"an unknown one":             {open, 999},
		"one of somewhere else":      other.parkedParticipants(t, "eve"),
		"one twice, and an unknown":  {open, open, 999},
		"a closed one beside a good": {open, closed},
	} {
		if _, err := d.BeginRetry(t.Context(), d.conn.ID, items); bridge.KindOf(err) != bridge.NotFound {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM sync_run"); n != 0 {
		t.Errorf("%d runs", n)
	}
}

func TestOpenParked_ofOneContact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	d.mustPark(t, bridge.ParkedItem{ContactID: "102", Cause: bridge.CauseHalfPair})
	must(t, d.CloseParked(t.Context(), d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseUnknownPair}), store.OutcomeDiscarded))
	last := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseCodeDropped})
	d.parkedParticipants(t, "ann")
	items, err := d.OpenParked(t.Context(), d.conn.ID, "101")
	must(t, err)
	if len(items) != 2 || items[0].ID != first || items[1].ID != last {
		t.Errorf("items %+v, want %d and %d", items, first, last)
	}
}
