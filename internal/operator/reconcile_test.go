package operator_test

import (
	"testing"

	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

func TestReconcile_isStartedOnceAndPausedResumedAndCancelled(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	run, err := s.Operator.StartReconcile(t.Context(), s.Connection, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, dryRun := range []bool{false, true} {
		_, err := s.Operator.StartReconcile(t.Context(), s.Connection, dryRun)
		wantRefusal(t, err, "reconcile 1 is under way")
	}
	id := workflows.ReconcileID(s.Connection.ID, run)
	if _, err := s.Operator.PauseReconcile(t.Context(), s.Connection.ID, 0); err != nil {
		t.Fatal(err)
	}
	status, err := s.Operator.ReconcileStatus(t.Context(), s.Connection.ID, 0)
	if err != nil || status.State != workflows.MassSyncPaused {
		t.Errorf("%s, %v, want it paused", status.State, err)
	}
	if _, err := s.Operator.ResumeReconcile(t.Context(), s.Connection.ID, run); err != nil {
		t.Fatal(err)
	}
	if n := s.Temporal.Signals(id); n != 2 {
		t.Errorf("%d signals for a pause and its end", n)
	}
	s.Temporal.End(id) // somebody terminated it
	if _, err := s.Operator.CancelReconcile(t.Context(), s.Connection.ID, 0); err != nil {
		t.Fatal(err)
	}
	status, err = s.Operator.ReconcileStatus(t.Context(), s.Connection.ID, 0)
	if err != nil || status.Run.State != store.RunCancelled || !status.Ended() {
		t.Errorf("%+v, %v", status.Run, err)
	}
	_, err = s.Operator.PauseReconcile(t.Context(), s.Connection.ID, 0)
	wantRefusal(t, err, "no reconcile is under way")
}

func TestConnect_schedulesReconciles(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	schedule := workflows.ReconcileScheduleID(s.Connection.ID)
	if there, paused, _ := s.Temporal.Schedule(schedule); !there || paused {
		t.Fatalf("there %t, paused %t", there, paused)
	}
	if err := s.Operator.PauseConnection(t.Context(), s.Connection); err != nil {
		t.Fatal(err)
	}
	if _, paused, _ := s.Temporal.Schedule(schedule); !paused {
		t.Error("a paused connection is still reconciled")
	}
	if err := s.Operator.ResumeConnection(t.Context(), s.Connection); err != nil {
		t.Fatal(err)
	}
	if _, paused, _ := s.Temporal.Schedule(schedule); paused {
		t.Error("a resumed connection is not reconciled")
	}
	if _, err := s.Operator.DisconnectConnection(t.Context(), s.Connection, false); err != nil {
		t.Fatal(err)
	}
	if there, _, _ := s.Temporal.Schedule(schedule); there {
		t.Error("a connection that has ended is still reconciled")
	}
}
