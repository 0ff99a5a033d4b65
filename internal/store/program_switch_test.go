package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// begin begins a switch to p2.
func (d database) beginSwitch(t *testing.T, inPlace bool) store.ProgramSwitch {
	t.Helper()
	sw, err := d.BeginSwitch(t.Context(), d.toP2(inPlace))
	must(t, err)
	return sw
}

func (d database) toP2(inPlace bool) store.SwitchRequest {
	return store.SwitchRequest{ConnectionID: d.conn.ID, To: "p2", InPlace: inPlace, Properties: []string{"code", "link"}}
}

func (d database) connection(t *testing.T) bridge.Connection {
	t.Helper()
	c, err := d.Connection(t.Context(), d.conn.ID)
	must(t, err)
	return c
}

func every(outcome store.PropertyOutcome) []store.SwitchedProperty {
	return []store.SwitchedProperty{{Name: "code", Outcome: outcome}, {Name: "link", Outcome: outcome}}
}

// archived brings a switch to where all properties are removed.
func (d database) archived(t *testing.T) store.ProgramSwitch {
	t.Helper()
	sw := d.beginSwitch(t, false)
	must(t, d.StopWriters(t.Context(), sw.ID))
	must(t, d.PropertiesArchived(t.Context(), sw.ID, every(store.PropertyArchived)))
	return sw
}

func TestSwitch_connectsTheNewProgramStepByStep(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.wrote(t, "101", "ann")
	sw := d.beginSwitch(t, false)
	want := store.ProgramSwitch{ID: sw.ID, ConnectionID: d.conn.ID, From: "p1", To: "p2", CreatedAt: sw.CreatedAt}
	steps := []struct {
		do        func() error
		state     store.SwitchState
		outcome   store.PropertyOutcome
		switching bool
	}{
		{func() error { return nil }, store.SwitchHolding, store.PropertyWaiting, true},
		{func() error { return d.StopWriters(t.Context(), sw.ID) }, store.SwitchArchiving, store.PropertyWaiting, true},
		{func() error { return d.PropertiesArchived(t.Context(), sw.ID, every(store.PropertyArchived)) },
			store.SwitchCreating, store.PropertyArchived, true},
		{func() error { return d.RecordProperties(t.Context(), sw.ID, every(store.PropertyCreated)) },
			store.SwitchCreating, store.PropertyCreated, true},
		{func() error { _, err := d.ConnectProgram(t.Context(), sw.ID); return err },
			store.SwitchRefreshing, store.PropertyCreated, false},
		{func() error { _, err := d.FinishSwitch(t.Context(), sw.ID, false); return err },
			store.SwitchDone, store.PropertyCreated, false},
	}
	for _, step := range steps {
		for range 2 { // each may run twice
			must(t, step.do())
		}
		got, err := d.LatestSwitch(t.Context(), d.conn.ID)
		must(t, err)
		want.State, want.Properties = step.state, every(step.outcome)
		want.ConnectedAt, want.FinishedAt = got.ConnectedAt, got.FinishedAt
		if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Error(diff)
		}
		if c := d.connection(t); c.Switching != step.switching {
			t.Errorf("%s: switching %t", step.state, c.Switching)
		}
	}
	if got := d.connection(t).Program; got != "p2" {
		t.Errorf("program %s is connected", got)
	}
	if d.known(t, "101").Ledger.WrittenHash != nil {
		t.Error("the contact counts as carrying what the new program would write")
	}
}

func TestSwitch_refusedBeforeAnythingWasRemovedEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.wrote(t, "101", "ann")
	sw := d.beginSwitch(t, false)
	must(t, d.StopWriters(t.Context(), sw.ID))
	blocked := []store.SwitchedProperty{{Name: "code", Outcome: store.PropertyInUse, VendorMessage: "used in 2 places"}, {Name: "link", Outcome: store.PropertyKept}}
	must(t, d.RefuseSwitch(t.Context(), sw.ID, "code is in use", blocked))

	got, err := d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)
	if got.State != store.SwitchRefused || got.Reason != "code is in use" || got.FinishedAt.IsZero() {
		t.Errorf("switch %+v", got)
	}
	if diff := cmp.Diff(blocked, got.Properties); diff != "" {
		t.Error(diff)
	}
	if c := d.connection(t); c.Program != "p1" || c.Switching {
		t.Errorf("connection %+v", c)
	}
	if d.known(t, "101").Ledger.WrittenHash == nil {
		t.Error("the contact has lost nothing, yet counts as to be written")
	}
}

func TestSwitch_refusedHalfWayHasTheContactsWrittenAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.wrote(t, "101", "ann")
	sw := d.beginSwitch(t, false)
	must(t, d.StopWriters(t.Context(), sw.ID))
	must(t, d.RefuseSwitch(t.Context(), sw.ID, "link is in use", []store.SwitchedProperty{
		{Name: "code", Outcome: store.PropertyArchived}, {Name: "link", Outcome: store.PropertyInUse}}))
	must(t, d.RecordProperties(t.Context(), sw.ID, []store.SwitchedProperty{{Name: "code", Outcome: store.PropertyRestored}}))

	got, err := d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)
	if got.State != store.SwitchRefreshing || d.connection(t).Program != "p1" || d.connection(t).Switching {
		t.Errorf("switch %+v of connection %+v", got, d.connection(t))
	}
	if d.known(t, "101").Ledger.WrittenHash != nil {
		t.Error("the contact's value may be gone, yet it counts as written")
	}
	got, err = d.FinishSwitch(t.Context(), sw.ID, true)
	must(t, err)
	if got.State != store.SwitchRefused || got.Revisited != 1 {
		t.Errorf("switch %+v", got)
	}
}

func TestBeginSwitch_refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(*testing.T, database)
		ask    func(*store.SwitchRequest)
		code   string
	}{
		"the program that is connected": {
			func(*testing.T, database) {}, func(r *store.SwitchRequest) { r.To = "p1" }, store.CodeConnected},
		"while a mass sync runs": {
			func(t *testing.T, d database) {
				d.exec(t, "INSERT INTO sync_run (connection_id, kind, program) VALUES ($1, 'mass', 'p1')", d.conn.ID)
			}, func(*store.SwitchRequest) {}, store.CodeMassSyncRunning},
		"while another switch is under way": {
			func(t *testing.T, d database) { d.beginSwitch(t, false) }, func(r *store.SwitchRequest) { r.To = "p3" }, store.CodeOtherSwitch},
		"to do the same in another way": {
			func(t *testing.T, d database) { d.beginSwitch(t, false) }, func(r *store.SwitchRequest) { r.InPlace = true }, store.CodeOtherSwitch},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			tt.before(t, d)
			request := d.toP2(false)
			tt.ask(&request)
			_, err := d.BeginSwitch(t.Context(), request)
			wantKind(t, err, bridge.Conflict)
			if e, ok := errors.AsType[*bridge.Error](err); !ok || e.Code != tt.code {
				t.Errorf("error %v, want code %s", err, tt.code)
			}
		})
	}
}

func TestBeginSwitch_takesUpTheSameOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first, again := d.beginSwitch(t, false), d.beginSwitch(t, false)
	if first.ID != again.ID {
		t.Errorf("switches %d and %d", first.ID, again.ID)
	}
}

func TestStopWriters_waitsForPagesThatAreBeingWritten(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("ben"))
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	sw := d.beginSwitch(t, false)

	wantKind(t, d.StopWriters(t.Context(), sw.ID), bridge.Pending)
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true)) // whoever takes the page up may end it
	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
		{Ordinal: 1, Result: store.ResultBlocked}, {Ordinal: 2, Result: store.ResultBlocked}}))

	must(t, d.StopWriters(t.Context(), sw.ID))
	if got := d.state(t, run); got != store.RunAborted {
		t.Errorf("the run is %s", got)
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestStopWriters_doesNotWaitForAPageThatNobodyTakesUp(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	sw := d.beginSwitch(t, false)
	d.exec(t, "UPDATE program_switch SET created_at = now() - interval '11 minutes'")

	must(t, d.StopWriters(t.Context(), sw.ID))
	if got := d.state(t, run); got != store.RunAborted {
		t.Errorf("the run is %s", got)
	}
}

// The switch waits for ten minutes. A page that is taken up later than in the
// middle of them might still write when the switch goes on.
func TestMarkSending_takesNoPageUpThatTheSwitchWouldNotWaitFor(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	sw := d.beginSwitch(t, false)
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	d.exec(t, "UPDATE program_switch SET created_at = now() - interval '6 minutes'")
	wantKind(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true), bridge.Pending)
	wantKind(t, d.StopWriters(t.Context(), sw.ID), bridge.Pending)
}

func TestMarkSending_beginsNoPageDuringASwitch(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	sw := d.archived(t)
	run := d.planned(t, person("ann")) // begun meanwhile, under the old program
	wantKind(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true), bridge.Pending)

	_, err := d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)
	wantKind(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true), bridge.NotFound)
	if got := d.state(t, run); got != store.RunAborted {
		t.Errorf("the run is %s", got)
	}
}

func TestMarkSending_beginsNoPageOfAnotherProgram(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	d.exec(t, "UPDATE connection SET program = 'p2'")
	wantKind(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true), bridge.NotFound)
}

// A look that began under the old program writes and records when the contact
// was refreshed already.
func TestSettle_hasLateWritesOfTheOldProgramPutRight(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "101", "ann")
	sw := d.archived(t)
	_, err := d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)

	late := store.Settlement{State: bridge.StateMapped, Reason: bridge.ReasonInputsChanged, WrittenHash: []byte("old"), Program: "p1"}
	must(t, d.Settle(t.Context(), d.conn.ID, "101", late))
	if got := d.known(t, "101").Ledger.WrittenHash; got != nil {
		t.Errorf("the old program's values count as written: %s", got)
	}
	if n := d.count(t, "SELECT count(*) FROM inbox WHERE contact_id = '101' AND kind = 'resync' AND relayed_at IS NULL"); n != 1 {
		t.Errorf("the contact is looked at again %d times, want once", n)
	}

	now := store.Settlement{State: bridge.StateMapped, Reason: bridge.ReasonInputsChanged, WrittenHash: []byte("new"), Program: "p2"}
	must(t, d.Settle(t.Context(), d.conn.ID, "101", now))
	if got := d.known(t, "101").Ledger.WrittenHash; string(got) != "new" {
		t.Errorf("written = %s, want the new program's", got)
	}
}

func TestFinishSwitch_hasTheContactsLookedAtThatWereNotReached(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.wrote(t, "101", "ann")
	d.wrote(t, "102", "ben")
	sw := d.archived(t)
	_, err := d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateMapped, WrittenHash: []byte("new"), Program: "p2"}))

	for range 2 { // it may run twice
		got, err := d.FinishSwitch(t.Context(), sw.ID, true)
		must(t, err)
		if got.Revisited != 1 {
			t.Errorf("%d contacts are looked at, want the one that was not reached", got.Revisited)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM inbox WHERE contact_id = '102' AND kind = 'resync'"); n != 1 {
		t.Errorf("%d hints for the contact", n)
	}
}

// refreshed connects p2 and begins the refresh.
func (d database) refreshed(t *testing.T, massSync bool) (store.ProgramSwitch, store.Run) {
	t.Helper()
	request := d.toP2(false)
	request.MassSync = massSync
	sw, err := d.BeginSwitch(t.Context(), request)
	must(t, err)
	must(t, d.StopWriters(t.Context(), sw.ID))
	must(t, d.PropertiesArchived(t.Context(), sw.ID, every(store.PropertyArchived)))
	_, err = d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)
	run, err := d.BeginRefresh(t.Context(), sw.ID)
	must(t, err)
	return sw, run
}

func TestBeginRefresh_leavesUnmappedParticipantsAloneUnlessAskedToSyncThem(t *testing.T) {
	t.Parallel()
	for massSync, want := range map[bool]store.Counts{
		false: {Total: 2, ToUpdate: 1, Blocked: 1},
		true:  {Total: 2, ToUpdate: 1, ToMatchOrCreate: 1},
	} {
		d := newDatabase(t)
		d.wrote(t, "101", "ann")
		_, run := d.refreshed(t, massSync)
		must(t, d.SetExport(t.Context(), run.ID, "x1", at(30)))
		p2 := program
		p2.ID = "p2"
		_, err := d.Stage(t.Context(), run.ID, p2, each(person("ann"), person("ben")))
		must(t, err)
		got, err := d.PlanRun(t.Context(), run.ID, true)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mass sync %t: %s", massSync, diff)
		}
	}
}

func TestFinishRun_leavesToReportsWhomARefreshLeftOut(t *testing.T) {
	t.Parallel()
	for massSync, want := range map[bool]int{false: 1, true: 2} {
		d := newDatabase(t)
		d.wrote(t, "101", "ann")
		_, run := d.refreshed(t, massSync)
		must(t, d.SetExport(t.Context(), run.ID, "x1", at(30)))
		p2 := program
		p2.ID = "p2"
		ben := person("ben")
		ben.Email = "" // no contact can be made of him
		_, err := d.Stage(t.Context(), run.ID, p2, each(person("ann"), ben))
		must(t, err)
		_, err = d.PlanRun(t.Context(), run.ID, true)
		must(t, err)
		must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{{Ordinal: 1, Result: store.ResultUpdated}}))
		_, err = d.FinishRun(t.Context(), run.ID)
		must(t, err)
		if n := d.count(t, "SELECT count(*) FROM participant_ledger"); n != want {
			t.Errorf("mass sync %t: %d participants count as handled, want %d", massSync, n, want)
		}
	}
}

func TestBeginRefresh_beginsOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	sw, run := d.refreshed(t, true)
	must(t, d.CancelRun(t.Context(), run.ID))
	again, err := d.BeginRefresh(t.Context(), sw.ID)
	must(t, err)
	if again.ID != run.ID || again.State != store.RunCancelled {
		t.Errorf("run %+v, want the cancelled run %d", again, run.ID)
	}
	if got, err := d.Switch(t.Context(), sw.ID); err != nil || got.RefreshRun != run.ID {
		t.Errorf("the switch remembers run %d (%v)", got.RefreshRun, err)
	}
}

func TestBeginRefresh_beginsAnotherIfTheFirstWasGivenUp(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	sw, run := d.refreshed(t, true)
	must(t, d.AbortRun(t.Context(), run.ID, "it cannot go on"))
	again, err := d.BeginRefresh(t.Context(), sw.ID)
	must(t, err)
	if again.ID == run.ID || again.State != store.RunRequested {
		t.Errorf("run %+v, want a new one", again)
	}
}

func TestBeginRefresh_doesNotCountARehearsal(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	sw := d.archived(t)
	_, err := d.ConnectProgram(t.Context(), sw.ID)
	must(t, err)
	dryRun, _, err := d.BeginMass(t.Context(), d.conn.ID, true)
	must(t, err)
	_, err = d.BeginRefresh(t.Context(), sw.ID)
	wantKind(t, err, bridge.Pending)
	must(t, d.CancelRun(t.Context(), dryRun.ID))
	run, err := d.BeginRefresh(t.Context(), sw.ID)
	must(t, err)
	if run.ID == dryRun.ID || run.ProgramID != "p2" {
		t.Errorf("run %+v", run)
	}
}
