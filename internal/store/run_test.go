package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

var program = bridge.Program{ID: "p1", Tenant: "acme", BaseURL: "https://advocate.test"}

// person is a participant with everything a contact is made of.
func person(name string) bridge.Participant {
	return bridge.Participant{AccountID: "a-" + name, UserID: "u-" + name, Email: name + "@example.com",
		FirstName: name, LastName: "Last", ReferralCode: "CODE-" + name, ShareLink: "https://share.test/" + name, DateCreated: at(0)}
}

func each(people ...bridge.Participant) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		for _, p := range people {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// requested begins a report whose export is ready.
func (d database) requested(t *testing.T) store.Run {
	t.Helper()
	run, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
	must(t, err)
	must(t, d.SetExport(t.Context(), run.ID, "x1", at(30)))
	return run
}

func (d database) staged(t *testing.T, people ...bridge.Participant) store.Run {
	t.Helper()
	run := d.requested(t)
	_, err := d.Stage(t.Context(), run.ID, program, each(people...))
	must(t, err)
	return run
}

func (d database) planned(t *testing.T, people ...bridge.Participant) store.Run {
	t.Helper()
	run := d.staged(t, people...)
	_, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	return run
}

func (d database) page(t *testing.T, run store.Run, page int) []store.StagedRow {
	t.Helper()
	rows, err := d.Page(t.Context(), run.ID, page)
	must(t, err)
	return rows
}

func (d database) state(t *testing.T, run store.Run) store.RunState {
	t.Helper()
	run, err := d.Run(t.Context(), run.ID)
	must(t, err)
	return run.State
}

func (d database) watermark(t *testing.T) time.Time {
	t.Helper()
	var at *time.Time
	must(t, d.side.QueryRow(t.Context(), "SELECT report_watermark FROM connection WHERE id = $1", d.conn.ID).Scan(&at))
	if at == nil {
		return time.Time{}
	}
	return at.UTC()
}

func TestBeginReport_reachesBackBehindTheLastOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
	must(t, err)
	if want := d.conn.CreatedAt.Add(-time.Minute); !run.Since.Equal(want) {
		t.Errorf("first report since %v, want %v", run.Since, want)
	}
	want := store.Run{ID: run.ID, ConnectionID: d.conn.ID, Kind: store.RunReport, State: store.RunRequested,
		ProgramID: "p1", Since: run.Since, CreatedAt: run.CreatedAt}
	if diff := cmp.Diff(want, run, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}

	must(t, d.AbortRun(t.Context(), run.ID, "test"))
	d.exec(t, "UPDATE connection SET report_watermark = $1", at(10))
	run, err = d.BeginReport(t.Context(), d.conn.ID, time.Minute)
	must(t, err)
	if want := at(10).Add(-time.Minute); !run.Since.Equal(want) {
		t.Errorf("next report since %v, want %v", run.Since, want)
	}
}

func TestFinishRun_anExportOfTheFutureMovesTheWatermarkToWhenItWasAskedFor(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
	must(t, err)
	must(t, d.BeginAsking(t.Context(), run.ID))
	must(t, d.SetExport(t.Context(), run.ID, "x1", time.Now().AddDate(50, 0, 0)))
	_, err = d.Stage(t.Context(), run.ID, program, each())
	must(t, err)
	_, err = d.PlanRun(t.Context(), run.ID, false)
	must(t, err)
	_, err = d.FinishRun(t.Context(), run.ID)
	must(t, err)
	run, err = d.Run(t.Context(), run.ID)
	must(t, err)
	if got := d.watermark(t); !got.Equal(run.AskedAt) {
		t.Errorf("the watermark is %s, the export was asked for at %s", got, run.AskedAt)
	}
}

func TestBeginReport_takesUpTheUnfinishedOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	other := connect(t, d.Store, 2002)
	run := d.requested(t)
	again, err := d.BeginReport(t.Context(), d.conn.ID, time.Hour)
	must(t, err)
	if again.ID != run.ID || again.ExportID != "x1" || !again.ExportedAt.Equal(at(30)) {
		t.Errorf("run %+v, want run %d with its export", again, run.ID)
	}
	elsewhere, err := d.BeginReport(t.Context(), other.ID, time.Hour)
	must(t, err)
	if elsewhere.ID == run.ID {
		t.Error("two connections share a run")
	}
	_, err = d.BeginReport(t.Context(), "caaaaaaaaa", time.Hour)
	wantKind(t, err, bridge.NotFound)
}

func TestBeginReport_atOnceBeginsOneRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ids := make(chan int64)
	const callers = 8
	for range callers {
		go func() {
			run, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
			if err != nil {
				t.Error(err)
			}
			ids <- run.ID
		}()
	}
	first := <-ids
	for range callers - 1 {
		if id := <-ids; id != first {
			t.Errorf("two unfinished runs: %d and %d", first, id)
		}
	}
}

func TestRun_refusesStepsOutOfOrder(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
	must(t, err)
	ctx := t.Context()
	stage := func() error { _, err := d.Stage(ctx, run.ID, program, each()); return err }
	plan := func() error { _, err := d.PlanRun(ctx, run.ID, true); return err }
	send := func() error { return d.MarkSending(ctx, run.ID, 1, "attempt", true) }
	finishPage := func() error { return d.FinishPage(ctx, run.ID, 1, nil) }
	finish := func() error { _, err := d.FinishRun(ctx, run.ID); return err }
	export := func() error { return d.SetExport(ctx, run.ID, "x1", at(30)) }

	for _, step := range []struct {
		name string
		do   func() error
		want bridge.Kind
		ok   bool
	}{
		{"stage without an export", stage, bridge.Invalid, false},
		{"plan before staging", plan, bridge.Invalid, false},
		{"finish before staging", finish, bridge.Invalid, false},
		{"note the export", export, "", true},
		{"stage", stage, "", true},
		{"stage again", stage, "", true},
		{"another export after staging", export, bridge.NotFound, false},
		{"send before planning", send, bridge.Invalid, false},
		{"finish a page before planning", finishPage, bridge.Invalid, false},
		{"finish before planning", finish, bridge.Invalid, false},
		{"plan", plan, "", true},
		{"plan again", plan, "", true},
		{"late attempt to stage", stage, bridge.Invalid, false},
		{"send", send, "", true},
		{"finish a page", finishPage, "", true},
		{"finish", finish, "", true},
		{"finish again", finish, "", true},
		{"late attempt to plan", plan, "", true},
		{"late attempt to send", send, bridge.NotFound, false},
		{"late attempt to finish a page", finishPage, bridge.NotFound, false},
		{"abort a finished run", func() error { return d.AbortRun(ctx, run.ID, "late") }, "", true},
		{"unknown run", func() error { return d.AbortRun(ctx, run.ID+1, "") }, bridge.NotFound, false},
	} {
		switch err := step.do(); {
		case step.ok && err != nil:
			t.Errorf("%s: %v", step.name, err)
		case !step.ok:
			wantKind(t, err, step.want)
		}
	}
	if got := d.state(t, run); got != store.RunDone {
		t.Errorf("state %s", got)
	}
}

func TestStage_lastOneOfARepeatedParticipantWins(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	early, late := person("ann"), person("ann")
	late.ReferralCode = "NEWER"
	run := d.requested(t)
	for range 2 { // a second attempt is success
		n, err := d.Stage(t.Context(), run.ID, program, each(early, person("bob"), late, person("eve")))
		must(t, err)
		if n != 3 {
			t.Errorf("%d participants, want 3", n)
		}
	}
	counts, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	if counts.Total != 3 {
		t.Errorf("total %d, want 3", counts.Total)
	}
	var got []bridge.Participant
	for _, row := range d.page(t, run, 1) {
		got = append(got, row.Participant)
	}
	if diff := cmp.Diff([]bridge.Participant{person("bob"), late, person("eve")}, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
}

// What a broken attempt left is replaced by the next one, and never planned.
func TestStage_brokenExportIsNeverPlanned(t *testing.T) {
	t.Parallel()
	broken := &bridge.Error{Kind: bridge.Unavailable, Op: "advocate.download_export"}
	nameless := person("eve")
	nameless.UserID = ""
	tests := map[string]struct {
		rows iter.Seq2[bridge.Participant, error]
		want bridge.Kind
	}{
		"the download breaks off": {func(yield func(bridge.Participant, error) bool) {
			_ = yield(person("ann"), nil) && yield(bridge.Participant{}, broken)
		}, bridge.Unavailable},
		"a row without its ids": {each(person("ann"), nameless), bridge.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			run := d.requested(t)
			_, err := d.Stage(t.Context(), run.ID, program, tt.rows)
			wantKind(t, err, tt.want)
			_, err = d.PlanRun(t.Context(), run.ID, false)
			wantKind(t, err, bridge.Invalid)
			n, err := d.Stage(t.Context(), run.ID, program, each(person("bob")))
			must(t, err)
			if rows := d.count(t, "SELECT count(*) FROM staged_participant"); n != 1 || rows != 1 {
				t.Errorf("%d participants, %d rows", n, rows)
			}
			n, err = d.Stage(t.Context(), run.ID, program, tt.rows) // a late attempt
			must(t, err)
			if rows := d.count(t, "SELECT count(*) FROM staged_participant WHERE email = 'bob@example.com'"); n != 1 || rows != 1 {
				t.Errorf("a late attempt left %d participants, %d rows", n, rows)
			}
		})
	}
}

// Of two attempts at once only the later one counts.
func TestStage_anAttemptThatWasReplacedChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	_, err := d.Stage(t.Context(), run.ID, program, func(yield func(bridge.Participant, error) bool) {
		n, err := d.Stage(t.Context(), run.ID, program, each(person("new"), person("newer")))
		if err != nil || n != 2 {
			t.Errorf("the later attempt staged %d: %v", n, err)
		}
		yield(person("old"), nil)
	})
	wantKind(t, err, bridge.Invalid)
	if got := d.count(t, "SELECT count(*) FROM staged_participant"); got != 2 {
		t.Errorf("%d rows, want the later attempt's", got)
	}
}

// While the vendor's download dribbles, nobody waits for it.
func TestStage_holdsNoTransactionWhileItWaitsForRows(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	_, err := d.Stage(t.Context(), run.ID, program, func(yield func(bridge.Participant, error) bool) {
		for _, p := range []string{"ann", "bob"} {
			if !yield(person(p), nil) {
				return
			}
		}
		// Copies of one template have the same ids: only this database counts.
		if n := d.count(t, `
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.relation = 'staged_participant'::regclass AND a.datname = current_database() AND a.backend_type = 'client backend' AND pid <> pg_backend_pid()`); n != 0 {
			t.Errorf("%d locks are held", n)
		}
		if n := d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()"); n != 0 {
			t.Errorf("%d transactions wait", n)
		}
	})
	must(t, err)
}

func TestStage_countsUnreadableRowsAsParked(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	n, err := d.Stage(t.Context(), run.ID, program, func(yield func(bridge.Participant, error) bool) {
		_ = yield(person("ann"), nil) && yield(bridge.Participant{}, &bridge.UnreadableRowError{Line: 3, Fault: "is torn"}) && yield(person("bob"), nil)
	})
	must(t, err)
	counts, err := d.PlanRun(t.Context(), run.ID, false)
	must(t, err)
	if n != 2 || counts.Total != 3 || counts.Parked != 1 || counts.ToMatchOrCreate != 2 {
		t.Errorf("%d participants, counts %+v", n, counts)
	}
}

func TestStage_keepsTheSourcesError(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	broken := errors.New("broken")
	_, err := d.Stage(t.Context(), run.ID, program, func(yield func(bridge.Participant, error) bool) { yield(bridge.Participant{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestStage_takesWhatIsNotText(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	p := person("ann")
	p.FirstName = "A\x00n\xffn"
	run := d.planned(t, p)
	if got := d.page(t, run, 1)[0].Participant.FirstName; got != "Ann" {
		t.Errorf("first name %q", got)
	}
}

// Taken out of an id, such a character would leave the id of somebody else.
func TestStage_refusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*bridge.Participant){
		"a NUL in the user id":          func(p *bridge.Participant) { p.UserID += "\x00" },
		"no text in the account id":     func(p *bridge.Participant) { p.AccountID = "a\xff" },
		"a NUL in the contact's id":     func(p *bridge.Participant) { p.HubSpotContactID = "15\x001" },
		"a user id that is missing":     func(p *bridge.Participant) { p.UserID = "" },
		"an account id that is missing": func(p *bridge.Participant) { p.AccountID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			run := d.requested(t)
			p := person("ann")
			spoil(&p)
			_, err := d.Stage(t.Context(), run.ID, program, each(p))
			wantKind(t, err, bridge.Invalid)
		})
	}
}

func TestStage_refusesAnotherProgram(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	other := program
	other.ID = "p2"
	_, err := d.Stage(t.Context(), run.ID, other, each(person("ann")))
	wantKind(t, err, bridge.Invalid)
}

func TestStage_hashesAsTheLivePathDoes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	row := d.page(t, run, 1)[0]
	h := d.Hasher()
	for name, pair := range map[string][2][]byte{
		"row":    {row.RowHash, h.Row(person("ann"), "p1")},
		"shared": {row.SharedHash, h.Properties(bridge.SharedProperties(person("ann"), program))},
	} {
		if !bytes.Equal(pair[0], pair[1]) {
			t.Errorf("another %s hash", name)
		}
	}
}

func TestAbortRun_leavesTheWatermarkAndNoRows(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"))
	for range 2 {
		must(t, d.AbortRun(t.Context(), run.ID, "export lost"))
	}
	got, err := d.Run(t.Context(), run.ID)
	must(t, err)
	if got.State != store.RunAborted || got.Reason != "export lost" || got.FinishedAt.IsZero() {
		t.Errorf("run %+v", got)
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows of personal data left", n)
	}
	if !d.watermark(t).IsZero() {
		t.Error("the watermark moved")
	}
	next, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
	must(t, err)
	if next.ID == run.ID {
		t.Error("an aborted run is taken up")
	}
}

func TestPurgeRuns_leavesUnfinishedOnes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.AbortRun(t.Context(), d.planned(t).ID, "test"))
	open := d.planned(t)
	if n, err := d.PurgeRuns(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("purged %d young runs, %v", n, err)
	}
	if n, err := d.PurgeRuns(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("purged %d runs, %v; want 1", n, err)
	}
	if got := d.state(t, open); got != store.RunPlanned {
		t.Errorf("the open run is %s", got)
	}
}

func TestConnection_takesItsRunsWithIt(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.planned(t, person("ann"))
	d.exec(t, "DELETE FROM connection WHERE id = $1", d.conn.ID)
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d rows of personal data left", n)
	}
}

func manyPeople(n int) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		for i := range n {
			if !yield(person(fmt.Sprintf("p%06d", i)), nil) {
				return
			}
		}
	}
}
