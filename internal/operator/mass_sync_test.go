package operator_test

import (
	"strings"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

func startMass(t *testing.T, s *wiringtest.System, dryRun bool) int64 {
	t.Helper()
	id, err := s.Operator.StartMassSync(t.Context(), s.Connection, dryRun)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func massStatus(t *testing.T, s *wiringtest.System) operator.MassSyncStatus {
	t.Helper()
	status, err := s.Operator.MassSyncStatus(t.Context(), s.Connection.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func wantRefusal(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v, want it to say %q", err, words)
	}
}

func TestStartMassSync_startsOneAtATime(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := startMass(t, s, false)
	started := s.Temporal.Started()[0]
	if want := workflows.MassSyncID(s.Connection.ID, id); started.Options.ID != want || started.Options.Priority.PriorityKey != 5 {
		t.Errorf("started %s with priority %d, want %s with 5", started.Options.ID, started.Options.Priority.PriorityKey, want)
	}
	for _, dryRun := range []bool{false, true} {
		_, err := s.Operator.StartMassSync(t.Context(), s.Connection, dryRun)
		wantRefusal(t, err, "mass sync 1 is under way")
	}
	if n := len(s.Temporal.Started()); n != 1 {
		t.Errorf("%d workflows were started", n)
	}
	busy := s.Connection
	busy.Switching = true
	_, err := s.Operator.StartMassSync(t.Context(), busy, false)
	wantRefusal(t, err, "the program is being changed")
}

func TestStartMassSync_takesUpOneThatNobodyWorksOn(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := startMass(t, s, false)
	s.Temporal.End(workflows.MassSyncID(s.Connection.ID, id)) // somebody terminated it
	if again := startMass(t, s, false); again != id {
		t.Errorf("run %d began beside the interrupted run %d", again, id)
	}
	s.Temporal.End(workflows.MassSyncID(s.Connection.ID, id))
	_, err := s.Operator.StartMassSync(t.Context(), s.Connection, true)
	wantRefusal(t, err, "is under way") // a dry run is not what was interrupted
	if _, err := s.Operator.ResumeMassSync(t.Context(), s.Connection.ID, id); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Temporal.Started()); n != 3 {
		t.Errorf("%d workflows were started, want one more to resume it", n)
	}
}

func TestMassSync_isPausedResumedAndCancelled(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	pause, resume, cancel := s.Operator.PauseMassSync, s.Operator.ResumeMassSync, s.Operator.CancelMassSync
	_, err := pause(t.Context(), s.Connection.ID, 0)
	wantRefusal(t, err, "no mass sync is under way")

	id := startMass(t, s, false)
	step := func(do func() (int64, error), want workflows.MassSyncState, signals int) {
		t.Helper()
		if got, err := do(); err != nil || got != id {
			t.Fatalf("run %d, %v", got, err)
		}
		if got := massStatus(t, s); got.State != want {
			t.Errorf("state %s, want %s", got.State, want)
		}
		if got := s.Temporal.Signals(workflows.MassSyncID(s.Connection.ID, id)); got != signals {
			t.Errorf("%d signals, want %d", got, signals)
		}
	}
	step(func() (int64, error) { return pause(t.Context(), s.Connection.ID, 0) }, workflows.MassSyncPaused, 1)
	step(func() (int64, error) { return resume(t.Context(), s.Connection.ID, 0) }, workflows.MassSyncPlanning, 2)
	step(func() (int64, error) { return cancel(t.Context(), s.Connection.ID, 0) }, workflows.MassSyncPlanning, 3)
	if got := massStatus(t, s); !got.Stopping {
		t.Error("it does not say that it is about to end")
	}
	_, err = resume(t.Context(), s.Connection.ID, 0)
	wantRefusal(t, err, "has ended, or is about to")

	s.Temporal.End(workflows.MassSyncID(s.Connection.ID, id)) // nobody is left to end it
	step(func() (int64, error) { return cancel(t.Context(), s.Connection.ID, 0) }, workflows.MassSyncCancelled, 0)
	_, err = cancel(t.Context(), s.Connection.ID, 0)
	wantRefusal(t, err, "no mass sync is under way")
}

// A mass sync and its numbers, as a row of a table.
func TestMassSyncStatus_tellsHowLongItWillTake(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := startMass(t, s, true)
	if got := massStatus(t, s); got.ETAKnown || got.State != workflows.MassSyncPlanning || got.Predicted != nil {
		t.Errorf("before the plan: %+v", got)
	}
	ctx := t.Context()
	for _, err := range []error{
		s.Store.SetExport(ctx, id, "x1", time.Now()),
		stage(t, s, id, 300),
		s.Store.CountCalls(ctx, id, 1100, 4),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// 300 matches take some 7 calls, a little less than 1,100 of which are made in 10.25
	// seconds.
	if got := massStatus(t, s); !got.ETAKnown || got.ETA < 50*time.Millisecond || got.ETA > 100*time.Millisecond {
		t.Errorf("without a rate: %s, known %t", got.ETA, got.ETAKnown)
	}
	var results []store.RowResult
	rows, err := s.Store.Page(ctx, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		results = append(results, store.RowResult{Ordinal: row.Ordinal, Result: store.ResultCreated})
	}
	if err := s.Store.FinishPage(ctx, id, 1, results); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.FinishRun(ctx, id); err != nil {
		t.Fatal(err)
	}
	foretold := massStatus(t, s)
	if foretold.State != workflows.MassSyncDone || foretold.ETA < 10*time.Second || foretold.ETA > 11*time.Second {
		t.Errorf("1,100 calls will take %s", foretold.ETA)
	}
	startMass(t, s, false)
	if got := massStatus(t, s); got.Predicted == nil || got.Predicted.Created != 300 || got.Predicted.HubSpotCalls != 1100 {
		t.Errorf("the prediction is %+v", got.Predicted)
	}
	if _, err := s.Operator.MassSyncStatus(ctx, s.Connection.ID, id+9); !isRefusal(err, bridge.NotFound, "unknown_mass_sync") {
		t.Errorf("status of a run that never was: %v", err)
	}
}

// stage plans a run over n participants without a contact.
func stage(t *testing.T, s *wiringtest.System, id int64, n int) error {
	t.Helper()
	program := bridge.Program{ID: wiringtest.Program, Tenant: "t", BaseURL: "https://advocate.test"}
	_, err := s.Store.Stage(t.Context(), id, program, func(yield func(bridge.Participant, error) bool) {
		for i := range n {
			user := strings.Repeat("x", i+1)
			if !yield(bridge.Participant{AccountID: user, UserID: user, Email: user + "@example.com"}, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	_, err = s.Store.PlanRun(t.Context(), id, true)
	return err
}
