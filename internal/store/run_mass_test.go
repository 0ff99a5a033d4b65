package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// massPlanned begins a mass sync and takes it to its plan.
func (d database) massPlanned(t *testing.T, dryRun bool, people ...bridge.Participant) store.Run {
	t.Helper()
	run, begun, err := d.BeginMass(t.Context(), d.conn.ID, dryRun)
	must(t, err)
	if !begun {
		t.Fatalf("run %d is unfinished", run.ID)
	}
	must(t, d.SetExport(t.Context(), run.ID, "x2", at(30)))
	_, err = d.Stage(t.Context(), run.ID, program, each(people...))
	must(t, err)
	_, err = d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	return run
}

func (d database) progress(t *testing.T, run store.Run) store.Progress {
	t.Helper()
	p, err := d.MassProgress(t.Context(), d.conn.ID, run.ID)
	must(t, err)
	return p
}

func TestBeginMass_beginsOneAtATime(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	report := d.requested(t)
	run, begun, err := d.BeginMass(t.Context(), d.conn.ID, false)
	must(t, err)
	if !begun || run.ID == report.ID || run.Kind != store.RunMass || run.DryRun || !run.Since.IsZero() || run.ProgramID != "p1" {
		t.Errorf("begun %t: %+v", begun, run)
	}
	again, begun, err := d.BeginMass(t.Context(), d.conn.ID, true)
	must(t, err)
	if begun || again.ID != run.ID {
		t.Errorf("a second one began beside the first: %+v", again)
	}
	must(t, d.CancelRun(t.Context(), run.ID))
	next, begun, err := d.BeginMass(t.Context(), d.conn.ID, true)
	must(t, err)
	if !begun || next.ID == run.ID || !next.DryRun {
		t.Errorf("after the first ended: begun %t, %+v", begun, next)
	}
	_, _, err = d.BeginMass(t.Context(), "caaaaaaaaa", false)
	wantKind(t, err, bridge.NotFound)
}

func TestSetWish_holdsUntilTheRunEnds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.massPlanned(t, false, person("ann"))
	for _, step := range []struct {
		desired store.Desired
		want    store.Desired
		ok      bool
	}{
		{store.DesiredPaused, store.DesiredPaused, true},
		{store.DesiredRunning, store.DesiredRunning, true},
		{store.DesiredPaused, store.DesiredPaused, true},
		{store.DesiredCancelled, store.DesiredCancelled, true},
		{store.DesiredCancelled, store.DesiredCancelled, true},
		{store.DesiredRunning, store.DesiredCancelled, false}, // what was cancelled stays so
	} {
		err := d.SetDesired(t.Context(), run.ID, step.desired)
		if step.ok {
			must(t, err)
		} else {
			wantKind(t, err, bridge.NotFound)
		}
		if got, err := d.Desired(t.Context(), run.ID); err != nil || got != step.want {
			t.Errorf("desired %q after %q, want %q (%v)", got, step.desired, step.want, err)
		}
	}
	must(t, d.CancelRun(t.Context(), run.ID))
	wantKind(t, d.SetDesired(t.Context(), run.ID, store.DesiredPaused), bridge.NotFound)
	if got := d.progress(t, run); got.State != store.RunCancelled || got.FinishedAt.IsZero() {
		t.Errorf("a cancelled run is %+v", got.Run)
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows of personal data left", n)
	}
	if got, err := d.Desired(t.Context(), d.requested(t).ID); err != nil || got != store.DesiredRunning {
		t.Errorf("nobody wishes anything of a report, got %q, %v", got, err)
	}
}

// The operator's commands must not wait for a large export to be staged.
func TestSetWish_doesNotWaitForStaging(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, _, err := d.BeginMass(t.Context(), d.conn.ID, false)
	must(t, err)
	must(t, d.SetExport(t.Context(), run.ID, "x2", at(30)))
	_, err = d.Stage(t.Context(), run.ID, program, func(yield func(bridge.Participant, error) bool) {
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		yield(person("ann"), d.SetDesired(ctx, run.ID, store.DesiredPaused))
	})
	must(t, err)
	if got := d.progress(t, run); got.Desired != store.DesiredPaused {
		t.Errorf("desired %q, want pause", got.Desired)
	}
}

func TestMassProgress_countsRowsAndCalls(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.wrote(t, "101", "ann")
	run := d.massPlanned(t, false, person("ann"), person("bob"), person("eve"))
	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{{Ordinal: 2, Result: store.ResultCreated}}))
	must(t, d.CountCalls(t.Context(), run.ID, 3, 1))
	must(t, d.CountCalls(t.Context(), run.ID, 2, 0))
	got := d.progress(t, run)
	want := store.Counts{Total: 3, ToMatchOrCreate: 2, Unchanged: 1, Created: 1}
	if got.Counts != want || got.Done() != 2 || got.HubSpotCalls != 5 || got.AdvocateCalls != 1 {
		t.Errorf("progress %+v", got)
	}
	if latest := d.progress(t, store.Run{}); latest.ID != run.ID {
		t.Errorf("the latest run is %d, want %d", latest.ID, run.ID)
	}
	_, err := d.MassProgress(t.Context(), d.conn.ID, d.requested(t).ID)
	wantKind(t, err, bridge.NotFound) // a report is no mass sync
}

func TestMassProgress_knowsTheRate(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.massPlanned(t, false)
	tests := map[string]struct {
		columns  string
		from, to float64
	}{
		"not before two seconds":                {"rate = 5, rate_since = now() - interval '1 s', rate_at = now()", 0, 0},
		"an average that began with 0 is early": {"rate = 500 * (1 - exp(-0.5)), rate_since = now() - interval '15 s', rate_at = now()", 499, 501},
		"not after a minute without a row":      {"rate = 500, rate_since = now() - interval '1 h', rate_at = now() - interval '2 min'", 0, 0},
	}
	for name, tt := range tests {
		d.exec(t, "UPDATE sync_run SET "+tt.columns+" WHERE id = $1", run.ID)
		if got := d.progress(t, run).Rate; got < tt.from || got > tt.to {
			t.Errorf("%s: rate %f", name, got)
		}
	}
	d.exec(t, "UPDATE sync_run SET rate = 0, rate_since = now() - interval '10 s', rate_at = now() - interval '10 s' WHERE id = $1", run.ID)
	must(t, d.FinishPage(t.Context(), run.ID, 1, nil))
	if got := d.progress(t, run).Rate; got != 0 {
		t.Errorf("rate %f after a page without rows", got)
	}
}

func TestOpenPages_beginsWithThoseThatWereBegun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, _, err := d.BeginMass(t.Context(), d.conn.ID, false)
	must(t, err)
	must(t, d.SetExport(t.Context(), run.ID, "x2", at(30)))
	_, err = d.Stage(t.Context(), run.ID, program, manyPeople(5*store.MatchRows))
	must(t, err)
	_, err = d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	var results []store.RowResult
	for _, row := range d.page(t, run, 2) {
		results = append(results, store.RowResult{Ordinal: row.Ordinal, Result: store.ResultCreated})
	}
	must(t, d.FinishPage(t.Context(), run.ID, 2, results))
	must(t, d.MarkSending(t.Context(), run.ID, 4, "attempt", true))
	got, err := d.OpenPages(t.Context(), run.ID, 1, 4)
	must(t, err)
	if diff := cmp.Diff([]store.OpenPage{{4, true}, {1, false}, {3, false}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDryRun_leavesNothingButItsCounts(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "101", "ann")
	twin := person("twin")
	twin.Email = "bob@example.com"
	run := d.massPlanned(t, true, person("ann"), person("bob"), twin, person("eve"))
	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
		{Ordinal: 1, Result: store.ResultUpdated, Contacts: []store.RowContact{{ContactID: "101", WrittenHash: []byte("w1")}}}}))
	must(t, d.FinishPage(t.Context(), run.ID, 2, []store.RowResult{
		{Ordinal: 2, Result: store.ResultCreated, Contacts: []store.RowContact{{ContactID: "102"}}},
		{Ordinal: 3, Result: store.ResultCreated}, // on a page of its own it would not know of bob
		{Ordinal: 4, Result: store.ResultParked, Parked: &bridge.ParkedItem{Cause: bridge.CauseTakenContact}}}))
	must(t, d.CountCalls(t.Context(), run.ID, 7, 4))
	counts, err := d.FinishRun(t.Context(), run.ID)
	must(t, err)
	if want := (store.Counts{Total: 4, ToUpdate: 1, ToMatchOrCreate: 3, Updated: 1, Created: 1, Parked: 2}); counts != want {
		t.Errorf("counts %+v, want %+v: of two with one email the second finds the contact taken", counts, want)
	}
	for _, table := range []string{"participant_ledger", "parked_item", "staged_participant"} {
		if n := d.count(t, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	if d.mappedTo(t, "102") != "" || d.known(t, "101").Ledger.WrittenHash != nil {
		t.Error("a dry run mapped or remembered something")
	}

	actual := d.massPlanned(t, false, person("ann"))
	foretold, found, err := d.Prediction(t.Context(), actual)
	must(t, err)
	if !found || foretold.ID != run.ID || foretold.Counts != counts || foretold.HubSpotCalls != 7 || foretold.AdvocateCalls != 4 {
		t.Errorf("prediction %+v, found %t", foretold, found)
	}
	must(t, d.CancelRun(t.Context(), actual.ID))
	if _, found, err := d.Prediction(t.Context(), d.massPlanned(t, false, person("ann"))); err != nil || found {
		t.Errorf("of what another mass sync left nothing was foretold: %t, %v", found, err)
	}
	d.exec(t, "UPDATE sync_run SET program = 'p2' WHERE id = $1", run.ID)
	if _, found, err := d.Prediction(t.Context(), actual); err != nil || found {
		t.Errorf("another program's dry run foretells nothing: %t, %v", found, err)
	}
}

func TestFinishRun_ofManyRowsBreaksOffAndGoesOn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const people = 20_005 // more than one transaction takes
	d.exec(t, "UPDATE connection SET rule_participant_created = false")
	crowd := make([]bridge.Participant, people)
	for i := range crowd {
		crowd[i] = person(fmt.Sprint(i))
	}
	run := d.massPlanned(t, false, crowd...)
	d.exec(t, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$")
	d.exec(t, "CREATE TRIGGER refuse BEFORE DELETE ON staged_participant FOR EACH ROW WHEN (old.ordinal = 20001) EXECUTE FUNCTION refuse()")

	if _, err := d.FinishRun(t.Context(), run.ID); err == nil {
		t.Fatal("it did not break off: the test tests nothing")
	}
	if left := d.count(t, "SELECT count(*) FROM staged_participant"); left != 5 || d.state(t, run) != store.RunPlanned {
		t.Errorf("%d rows left of a run that is %s, want 5", left, d.state(t, run))
	}
	d.exec(t, "DROP TRIGGER refuse ON staged_participant")
	counts, err := d.FinishRun(t.Context(), run.ID)
	must(t, err)
	if want := (store.Counts{Total: people, Blocked: people}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	if n := d.count(t, "SELECT count(*) FROM participant_ledger"); n != people || d.state(t, run) != store.RunDone {
		t.Errorf("%d participants remembered, want %d; the run is %s", n, people, d.state(t, run))
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows of personal data left", n)
	}
}

func TestPage_tellsWhatOthersKnowNewer(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "101", "ann")
	d.link(t, "102", "bob")
	mass := d.massPlanned(t, false, person("ann"), person("bob"), person("eve"))

	// Meanwhile ann's contact is written by its own life, and a report sees eve
	// with a new name.
	d.wrote(t, "101", "ann")
	renamed := person("eve")
	renamed.LastName = "Newer"
	report := d.staged(t, renamed)
	_, err := d.PlanRun(t.Context(), report.ID, false)
	must(t, err)
	d.finishAll(t, report, store.ResultBlocked)

	ann, bob := d.page(t, mass, 1)[0], d.page(t, mass, 1)[1]
	if !ann.Contacts[0].Newer || bob.Contacts[0].Newer {
		t.Errorf("newer: ann's %t, bob's %t", ann.Contacts[0].Newer, bob.Contacts[0].Newer)
	}
	if eve := d.page(t, mass, 2)[0]; !eve.Outdated {
		t.Error("a report has seen eve newer")
	}
	d.finishAll(t, mass, store.ResultUnchanged)
	next := d.staged(t, renamed)
	counts, err := d.PlanRun(t.Context(), next.ID, false)
	must(t, err)
	if counts.Unchanged != 1 {
		t.Errorf("the mass sync made the report forget what it saw: %+v", counts)
	}
}

func TestFinishRun_confirmsWhatAReportFindsInStep(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.wrote(t, "101", "ann")
	stale := person("ann")
	stale.ReferralCode = "STALE" // she took it and gave it back, between two reports
	mass := d.massPlanned(t, false, stale)
	if d.page(t, mass, 1)[0].Contacts[0].Newer {
		t.Fatal("the mass sync's row is the newer one")
	}
	report := d.staged(t, person("ann"))
	_, err := d.PlanRun(t.Context(), report.ID, false)
	must(t, err)
	_, err = d.FinishRun(t.Context(), report.ID)
	must(t, err)
	if !d.page(t, mass, 1)[0].Contacts[0].Newer {
		t.Error("the report found her in step later than that")
	}
}

func TestFinishPage_forgetsWhatTwoWroteAtOnce(t *testing.T) {
	t.Parallel()
	finish := func(t *testing.T, d database, run store.Run, contact store.RowContact) []byte {
		t.Helper()
		contact.ContactID = "101"
		must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
			{Ordinal: 1, Result: store.ResultUpdated, Contacts: []store.RowContact{contact}}}))
		return d.known(t, "101").Ledger.WrittenHash
	}
	settled := func(t *testing.T, d database, hash string) {
		t.Helper()
		must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateMapped, WrittenHash: []byte(hash), Program: "p1"}))
	}
	tests := map[string]struct {
		meanwhile string // what somebody else wrote between reading the page and finishing it
		contact   store.RowContact
		want      string
	}{
		"nobody else":            {"", store.RowContact{WrittenHash: []byte("mine"), KnownHash: []byte("before")}, "mine"},
		"somebody, the same":     {"mine", store.RowContact{WrittenHash: []byte("mine"), KnownHash: []byte("before")}, "mine"},
		"somebody, other values": {"theirs", store.RowContact{WrittenHash: []byte("mine"), KnownHash: []byte("before")}, ""},
		"nobody can tell":        {"", store.RowContact{KnownHash: []byte("before"), Unsure: true}, ""},
		"nothing was written":    {"theirs", store.RowContact{KnownHash: []byte("before")}, "theirs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.link(t, "101", "ann")
			settled(t, d, "before")
			run := d.massPlanned(t, false, person("ann"))
			if tt.meanwhile != "" {
				settled(t, d, tt.meanwhile)
			}
			if got := string(finish(t, d, run, tt.contact)); got != tt.want {
				t.Errorf("remembered %q, want %q", got, tt.want)
			}
			want := 0
			if tt.want == "" {
				want = 1
			}
			if n := d.count(t, "SELECT count(*) FROM inbox WHERE contact_id = '101' AND kind = 'resync' AND relayed_at IS NULL"); n != want {
				t.Errorf("%d looks asked for, want %d", n, want)
			}
		})
	}
}

// The live path and a page write to one contact at the same time. Whoever records
// last cannot know whose values HubSpot has.
func TestWriteSequence_whoeverRecordsLastFindsOutThatTwoWrote(t *testing.T) {
	t.Parallel()
	live := func(t *testing.T, d database, seq int64, hash string) {
		t.Helper()
		must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{
			State: bridge.StateMapped, WrittenHash: []byte(hash), Program: "p1", KnownSeq: &seq}))
	}
	page := func(t *testing.T, d database, run store.Run, seq int64, hash string) {
		t.Helper()
		must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{{Ordinal: 1, Result: store.ResultUpdated, Contacts: []store.RowContact{
			{ContactID: "101", WrittenHash: []byte(hash), KnownHash: []byte("v0"), KnownSeq: &seq}}}}))
	}
	tests := map[string]struct {
		write func(t *testing.T, d database, run store.Run, seq int64)
		want  string // what is known to be in HubSpot
	}{
		"the page alone":      {func(t *testing.T, d database, r store.Run, seq int64) { page(t, d, r, seq, "v1") }, "v1"},
		"the live path alone": {func(t *testing.T, d database, _ store.Run, seq int64) { live(t, d, seq, "v2") }, "v2"},
		"the page, then the live path": {func(t *testing.T, d database, r store.Run, seq int64) {
			page(t, d, r, seq, "v1")
			live(t, d, seq, "v2")
		}, ""},
		"the live path, then the page": {func(t *testing.T, d database, r store.Run, seq int64) {
			live(t, d, seq, "v2")
			page(t, d, r, seq, "v1")
		}, ""},
		"the live path there and back, then": {func(t *testing.T, d database, r store.Run, seq int64) {
			live(t, d, seq, "v2")
			live(t, d, seq+1, "v0")
			page(t, d, r, seq, "v1")
		}, ""},
		"one after the other": {func(t *testing.T, d database, r store.Run, seq int64) {
			page(t, d, r, seq, "v1")
			live(t, d, seq+1, "v2")
		}, "v2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.link(t, "101", "ann")
			live(t, d, 0, "v0")
			run := d.massPlanned(t, false, person("ann"))
			seq := d.known(t, "101").WriteSeq
			tt.write(t, d, run, seq)
			if got := string(d.known(t, "101").Ledger.WrittenHash); got != tt.want {
				t.Errorf("remembered %q, want %q", got, tt.want)
			}
			want := 0
			if tt.want == "" {
				want = 1
			}
			if n := d.count(t, "SELECT count(*) FROM inbox WHERE contact_id = '101' AND kind = 'resync' AND relayed_at IS NULL"); n != want {
				t.Errorf("%d resyncs asked for, want %d", n, want)
			}
		})
	}
}

func TestPurgeRuns_takesWishesWithThem(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.CancelRun(t.Context(), d.massPlanned(t, false).ID))
	if n, err := d.PurgeRuns(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("purged %d runs, %v", n, err)
	}
	if n := d.count(t, "SELECT count(*) FROM mass_wish"); n != 0 {
		t.Errorf("%d wishes left", n)
	}
}

// PostgreSQL plans by what it has counted, and has not yet counted the rows of a
// run that is new. Plans made for a handful of rows would take hours here.
func TestLargeRun_afterAnotherThatWasCounted(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.massPlanned(t, false, person("ann"))
	d.exec(t, "ANALYZE staged_participant")
	must(t, d.CancelRun(t.Context(), 1))
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	run, _, err := d.BeginMass(ctx, d.conn.ID, false)
	must(t, err)
	must(t, d.SetExport(ctx, run.ID, "x2", at(30)))
	const people = 15_000
	_, err = d.Stage(ctx, run.ID, program, manyPeople(people))
	must(t, err)
	counts, err := d.PlanRun(ctx, run.ID, true)
	must(t, err)
	if counts.ToMatchOrCreate != people {
		t.Fatalf("counts %+v", counts)
	}
	rows, err := d.Page(ctx, run.ID, 2)
	must(t, err)
	must(t, d.MarkSending(ctx, run.ID, 2, "attempt", true))
	var results []store.RowResult
	for _, row := range rows {
		results = append(results, store.RowResult{Ordinal: row.Ordinal, Result: store.ResultCreated,
			Contacts: []store.RowContact{{ContactID: fmt.Sprint(row.Ordinal), WrittenHash: row.SharedHash}}})
	}
	must(t, d.FinishPage(ctx, run.ID, 2, results))
}
