package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// finishAll gives every row of a run the same result, and ends the run.
func (d database) finishAll(t *testing.T, run store.Run, result store.Result) store.Counts {
	t.Helper()
	pages, err := d.Pages(t.Context(), run.ID)
	must(t, err)
	for page := range pages {
		var results []store.RowResult
		for _, row := range d.page(t, run, page+1) {
			results = append(results, store.RowResult{Ordinal: row.Ordinal, Result: result})
		}
		must(t, d.FinishPage(t.Context(), run.ID, page+1, results))
	}
	counts, err := d.FinishRun(t.Context(), run.ID)
	must(t, err)
	return counts
}

func (d database) mappedTo(t *testing.T, contact string) string {
	t.Helper()
	if m := d.known(t, contact).Mapping; m != nil {
		return m.UserID
	}
	return ""
}

func TestPage_isAsOfNow(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"), person("eve"), person("ida"))
	d.wrote(t, "102", "ann") // the live path was faster
	d.link(t, "101", "ann")
	must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().Email("eve@example.com")))
	must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().Identity(person("ida").Identity())))

	for range 2 {
		rows := d.page(t, run, 1)
		if len(rows) != 2 {
			t.Fatalf("%d rows, want those of ann and bob: erased people are not for sending", len(rows))
		}
		ann, bob := rows[0], rows[1]
		want := []store.MappedContact{{ContactID: "101"}, {ContactID: "102", WrittenHash: ann.SharedHash, WriteSeq: 1, Newer: true}}
		if diff := cmp.Diff(want, ann.Contacts); diff != "" {
			t.Error(diff)
		}
		if ann.Plan != bridge.PlanUpdate || bob.Plan != bridge.PlanMatchOrCreate || bob.Contacts != nil {
			t.Errorf("plans %s and %s", ann.Plan, bob.Plan)
		}
	}
	counts, err := d.RunCounts(t.Context(), run.ID)
	must(t, err)
	if counts.Blocked != 2 {
		t.Errorf("%d rows blocked, want 2", counts.Blocked)
	}
}

func TestPage_tellsWhatAnEarlierAttemptMayHaveSent(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"))
	if rows := d.page(t, run, 1); rows[0].Sending || rows[1].Sending {
		t.Error("sending before anybody did")
	}
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	// The worker dies here, half way through the page.
	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{{Ordinal: 1, Result: store.ResultCreated}}))
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	rows := d.page(t, run, 1)
	if len(rows) != 1 || rows[0].Ordinal != 2 || !rows[0].Sending {
		t.Errorf("rows %+v, want bob's, sending", rows)
	}
	if _, err := d.FinishRun(t.Context(), run.ID); bridge.KindOf(err) != bridge.Invalid {
		t.Errorf("finished with a row left: %v", err)
	}
}

func TestStillSending_onlyWhoeverTookThePageLast(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	ctx := t.Context()
	wantKind(t, d.StillSending(ctx, run.ID, 1, "first"), bridge.Pending) // not begun
	must(t, d.MarkSending(ctx, run.ID, 1, "first", false))
	must(t, d.StillSending(ctx, run.ID, 1, "first"))

	wantKind(t, d.MarkSending(ctx, run.ID, 1, "second", false), bridge.Pending) // read before the first had begun
	must(t, d.StillSending(ctx, run.ID, 1, "first"))
	must(t, d.MarkSending(ctx, run.ID, 1, "second", true))
	wantKind(t, d.StillSending(ctx, run.ID, 1, "first"), bridge.Pending)
	must(t, d.ReleasePage(ctx, run.ID, 1, "first"))
	must(t, d.StillSending(ctx, run.ID, 1, "second"))
	if rows := d.page(t, run, 1); !rows[0].Sending {
		t.Error("the first attempt released the page of the second")
	}

	must(t, d.FinishPage(ctx, run.ID, 1, []store.RowResult{{Ordinal: 1, Result: store.ResultUpdated}}))
	wantKind(t, d.StillSending(ctx, run.ID, 1, "second"), bridge.Pending) // nothing is left to send
}

func TestFinishPage_mapsAndRemembers(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("300", "other"), SentHash: []byte("other's")}))
	run := d.planned(t, person("ann"), person("bob"), person("eve"), person("ida"), person("joe"))
	must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().Email("eve@example.com"), d.Hasher().ContactID("104")))
	results := []store.RowResult{
		{Ordinal: 1, Result: store.ResultCreated, Contacts: []store.RowContact{{ContactID: "101", WrittenHash: []byte("w1"), SentHash: []byte("s1")}}},
		{Ordinal: 2, Result: store.ResultMatched, Contacts: []store.RowContact{
			{ContactID: "300", WrittenHash: []byte("stolen")}, {ContactID: "101"}, {ContactID: "102"}, {ContactID: "102"}}},
		{Ordinal: 3, Result: store.ResultCreated, Contacts: []store.RowContact{{ContactID: "103", WrittenHash: []byte("w3")}}},
		{Ordinal: 4, Result: store.ResultMatched, Contacts: []store.RowContact{{ContactID: "104", WrittenHash: []byte("w4")}}},
		{Ordinal: 5, Result: store.ResultParked, Parked: &bridge.ParkedItem{Cause: bridge.CauseTakenContact, Advice: "Look."}},
	}
	for range 2 {
		must(t, d.FinishPage(t.Context(), run.ID, 1, results))
		got := map[string]string{}
		for _, contact := range []string{"101", "102", "103", "104", "300"} {
			got[contact] = d.mappedTo(t, contact)
		}
		want := map[string]string{"101": "u-ann", "102": "u-bob", "300": "u-other",
			"103": "", // the person was erased
			"104": "", // the contact was erased
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		l := d.known(t, "101").Ledger
		if l.State != bridge.StateMapped || string(l.WrittenHash) != "w1" || string(l.SentHash) != "s1" {
			t.Errorf("ledger of 101: %+v", l)
		}
		if l := d.known(t, "300").Ledger; l.WrittenHash != nil || string(l.SentHash) != "other's" {
			t.Errorf("ledger of a contact of somebody else: %+v", l)
		}
		if diff := cmp.Diff(map[string]bridge.Cause{"u-joe": bridge.CauseTakenContact}, d.openItems(t)); diff != "" {
			t.Error(diff)
		}
		counts, err := d.RunCounts(t.Context(), run.ID)
		must(t, err)
		if want := (store.Counts{Total: 5, ToMatchOrCreate: 5, Created: 2, Matched: 2, Parked: 1}); counts != want || counts.Done() != 5 {
			t.Errorf("counts %+v, want %+v", counts, want)
		}
	}
}

func TestFinishPage_updatedContactKeepsItsState(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "ann"), SentHash: []byte("s1")}))
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateParked, Reason: bridge.ReasonHalfPair,
		Parked: []bridge.ParkedItem{{Cause: bridge.CauseHalfPair}}}))
	must(t, d.Settle(t.Context(), d.conn.ID, "102", store.Settlement{State: bridge.StateNotShared}))
	run := d.planned(t, person("ann"), person("bob"))
	for page, result := range []store.RowResult{
		{Ordinal: 1, Result: store.ResultUpdated, Contacts: []store.RowContact{{ContactID: "101", WrittenHash: []byte("w1")}}},
		{Ordinal: 2, Result: store.ResultMatched, Contacts: []store.RowContact{{ContactID: "102"}}},
	} {
		must(t, d.FinishPage(t.Context(), run.ID, page+1, []store.RowResult{result}))
	}
	if l := d.known(t, "101").Ledger; l.State != bridge.StateParked || string(l.SentHash) != "s1" || string(l.WrittenHash) != "w1" {
		t.Errorf("ledger %+v", l)
	}
	if l := d.known(t, "102").Ledger; l.State != bridge.StateMapped {
		t.Errorf("newly mapped contact is %s", l.State)
	}
	if got := d.openItems(t); len(got) != 1 {
		t.Errorf("open items %v, want the half pair", got)
	}
}

func TestFinishPage_rowSpeaksForItsParticipant(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, name := range []string{"ann", "bob", "eve"} {
		d.mustPark(t, bridge.ParkedItem{AccountID: "a-" + name, UserID: "u-" + name, Cause: bridge.CauseTakenContact})
	}
	run := d.planned(t, person("ann"), person("bob"))
	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
		{Ordinal: 1, Result: store.ResultMatched},
		{Ordinal: 2, Result: store.ResultParked, Parked: &bridge.ParkedItem{Cause: bridge.CauseRefusedByHubSpot}},
	}))
	want := map[string]bridge.Cause{"u-bob": bridge.CauseRefusedByHubSpot, "u-eve": bridge.CauseTakenContact}
	if diff := cmp.Diff(want, d.openItems(t)); diff != "" {
		t.Error(diff)
	}
}

func TestFinishPage_pagesAtOnceAddUp(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	_, err := d.Stage(t.Context(), run.ID, program, manyPeople(600))
	must(t, err)
	_, err = d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	var workers sync.WaitGroup
	for page := 1; page <= 6; page++ {
		for range 2 { // a zombie attempt beside the real one
			workers.Go(func() {
				rows, err := d.Page(t.Context(), run.ID, page)
				if err != nil {
					t.Error(err)
				}
				var results []store.RowResult
				for i := range rows {
					row := rows[len(rows)-1-i]
					results = append(results, store.RowResult{Ordinal: row.Ordinal, Result: store.ResultCreated,
						// Every page also meets the same ten contacts.
						Contacts: []store.RowContact{{ContactID: fmt.Sprint(row.Ordinal)}, {ContactID: fmt.Sprint("shared", row.Ordinal%10)}}})
				}
				if err := d.MarkSending(t.Context(), run.ID, page, "attempt", true); err != nil {
					t.Error(err)
				}
				if err := d.FinishPage(t.Context(), run.ID, page, results); err != nil {
					t.Error(err)
				}
			})
		}
	}
	workers.Wait()
	counts, err := d.FinishRun(t.Context(), run.ID)
	must(t, err)
	if counts.Created != 600 || counts.Done() != counts.Total {
		t.Errorf("counts %+v", counts)
	}
	if n := d.count(t, "SELECT count(*) FROM mapping"); n != 610 {
		t.Errorf("%d mappings, want 610", n)
	}
}

// A run that is held, here by somebody outside, holds up its own pages and
// nothing else.
func TestFinishPage_leavesConnectionsToOthers(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	held, err := d.side.Begin(t.Context())
	must(t, err)
	_, err = held.Exec(t.Context(), "SELECT 1 FROM sync_run WHERE id = $1 FOR UPDATE", run.ID)
	must(t, err)
	var waiting sync.WaitGroup
	for range 40 { // more than there are connections
		waiting.Go(func() {
			if err := d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{{Ordinal: 1, Result: store.ResultCreated}}); err != nil {
				t.Error(err)
			}
		})
	}
	for waiters := 0; waiters < 4; { // as many as may wait for the run
		d.exec(t, "SELECT pg_stat_clear_snapshot()")
		waiters = d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
	}
	patient, stop := context.WithTimeout(t.Context(), hang)
	defer stop()
	for range 20 {
		must(t, d.Ping(patient))
	}
	must(t, held.Rollback(t.Context()))
	waiting.Wait()
}

func TestFinishRun_remembersAndForgets(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"))
	counts := d.finishAll(t, run, store.ResultCreated)
	again, err := d.FinishRun(t.Context(), run.ID)
	must(t, err)
	if want := (store.Counts{Total: 2, ToMatchOrCreate: 2, Created: 2}); counts != want || again != want {
		t.Errorf("counts %+v, again %+v, want %+v", counts, again, want)
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows of personal data left", n)
	}
	if got := d.watermark(t); !got.Equal(at(30)) {
		t.Errorf("watermark %v, want the export's time", got)
	}
	if n := d.count(t, "SELECT count(*) FROM participant_ledger"); n != 2 {
		t.Errorf("%d participants remembered, want 2", n)
	}
	next := d.staged(t, person("ann"), person("bob"))
	counts, err = d.PlanRun(t.Context(), next.ID, false)
	must(t, err)
	if counts.Unchanged != 2 {
		t.Errorf("rows handled before are looked at again: %+v", counts)
	}
}

func TestFinishRun_watermarkMovesForwardWithReportsOnly(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	later := at(59)
	d.exec(t, "UPDATE connection SET report_watermark = $1", later)
	d.finishAll(t, d.planned(t, person("ann")), store.ResultCreated) // exported at second 30
	if got := d.watermark(t); !got.Equal(later) {
		t.Errorf("watermark moved back to %v", got)
	}

	d.exec(t, "UPDATE connection SET report_watermark = NULL")
	run := d.planned(t, person("ann"))
	d.exec(t, "UPDATE sync_run SET kind = 'mass', since = NULL WHERE id = $1", run.ID)
	d.finishAll(t, run, store.ResultCreated)
	if got := d.watermark(t); !got.IsZero() {
		t.Errorf("a mass sync moved the watermark to %v", got)
	}
}
