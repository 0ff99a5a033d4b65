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

func connectionStatus(t *testing.T, s *wiringtest.System) operator.ConnectionStatus {
	t.Helper()
	c, err := s.Operator.Connection(t.Context(), s.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	status, err := s.Operator.ConnectionStatus(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func TestConnectionStatus_showsHowAConnectionIsDoing(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	mapped(t, s, ann)
	park(t, s, bridge.ParkedItem{ContactID: "7", Cause: bridge.CauseUnreachable})
	hear(t, s, store.Event{ContactID: "8", Kind: store.EventCreated, OccurredAt: time.Now(), DedupeKey: "k"})
	startMass(t, s, true)

	status := connectionStatus(t, s)
	if status.Mapped != 1 || status.Parked != 1 || status.WaitingEvents != 1 || status.WaitingFor <= 0 || status.Consented {
		t.Errorf("standing %+v", status.ConnectionHealth)
	}
	if status.CallsMade == 0 || status.CallsMade > status.CallLimit || status.CallLimit != wiringtest.RatePer10s {
		t.Errorf("%d of %d calls made", status.CallsMade, status.CallLimit)
	}
	if status.MassSync == nil || !status.MassSync.DryRun {
		t.Errorf("mass sync %+v, want the dry run", status.MassSync)
	}
	if status.Schedule.Missing || status.Schedule.Paused {
		t.Errorf("schedule %+v", status.Schedule)
	}
}

func TestConnectionStatus_namesWhatIsStuck(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	if stuck := connectionStatus(t, s).Stuck; len(stuck) != 0 {
		t.Errorf("of a connection that is new: %+v", stuck)
	}
	run := startMass(t, s, false)
	s.Exec(t, "UPDATE sync_run SET created_at = now() - interval '2 hours', export_id = 'e1', as_of = now() - interval '1 hour'")
	s.Exec(t, "UPDATE connection SET created_at = now() - interval '2 hours'")
	hourAgo := time.Now().Add(-time.Hour)
	s.Temporal.Stall(workflows.ContactLifecycleID(s.Connection.ID, "101"), workflows.ContactLifecycleName, "hubspot.read_contacts: 500", hourAgo)
	s.Temporal.Stall(workflows.ContactLifecycleID("cother", "101"), workflows.ContactLifecycleName, "hubspot.read_contacts: 500", hourAgo)
	s.Temporal.Stall(workflows.MassSyncID(s.Connection.ID, run), workflows.MassSyncName, "", hourAgo)

	got := map[bridge.Work]bridge.StuckWork{}
	for _, w := range connectionStatus(t, s).Stuck {
		got[w.Work] = w
	}
	contacts := got[bridge.WorkContacts]
	if contacts.Count != 1 || contacts.Idle < time.Hour || !strings.Contains(contacts.Reason, "hubspot.read_contacts: 500") {
		t.Errorf("contacts: %+v", contacts)
	}
	if mass := got[bridge.WorkMassSync]; mass.Step != bridge.StepExport || !strings.Contains(mass.Blocker, "export") || mass.Idle > 90*time.Minute {
		t.Errorf("mass sync: %+v", mass)
	}
	if report := got[bridge.WorkReport]; report.Step != bridge.StepStart || len(got) != 3 {
		t.Errorf("report: %+v of %+v", report, got)
	}
	all, err := s.Operator.StuckWork(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("of all connections: %+v, %v", all, err)
	}
}

func TestPauseConnection_untilItIsResumed(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	schedule := workflows.ReportSyncID(s.Connection.ID)
	run := startMass(t, s, false)
	for range 2 { // doing so again changes nothing
		if err := s.Operator.PauseConnection(t.Context(), s.Connection); err != nil {
			t.Fatal(err)
		}
	}
	status := connectionStatus(t, s)
	if status.PausedAt.IsZero() || !status.Schedule.Paused || status.MassSync.State != workflows.MassSyncPaused {
		t.Errorf("paused at %s, schedule %+v, mass sync %s", status.PausedAt, status.Schedule, status.MassSync.State)
	}
	if _, err := s.Connections.Open(t.Context(), s.Connection.ID); bridge.KindOf(err) != bridge.Pending {
		t.Errorf("error %v, want pending: Temporal asks again", err)
	}
	s.Reconnect(t) // does not resume it
	if connectionStatus(t, s).PausedAt.IsZero() {
		t.Error("connecting again has resumed it")
	}

	if err := s.Operator.ResumeConnection(t.Context(), s.Connection); err != nil {
		t.Fatal(err)
	}
	status = connectionStatus(t, s)
	if !status.PausedAt.IsZero() || status.Schedule.Paused || status.MassSync.State == workflows.MassSyncPaused {
		t.Errorf("still paused: %s, schedule %+v, mass sync %s", status.PausedAt, status.Schedule, status.MassSync.State)
	}
	if _, _, triggered := s.Temporal.Schedule(schedule); triggered != 1 {
		t.Errorf("%d reports started at once, want 1", triggered)
	}
	if n := s.Temporal.Signals(workflows.MassSyncID(s.Connection.ID, run)); n != 1 {
		t.Errorf("the mass sync was told %d times, want once", n)
	}
}

func TestDisconnectConnection_endsEverything(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	mapped(t, s, ann)
	run := startMass(t, s, false)
	planned, err := s.Operator.PlanDisconnect(t.Context(), s.Connection)
	if err != nil || planned.Mappings != 1 || planned.Workflows != 1 {
		t.Errorf("planned %+v, error %v", planned, err)
	}
	done, err := s.Operator.DisconnectConnection(t.Context(), s.Connection, false)
	if err != nil || done.Mappings != 1 || done.Workflows != 1 || done.TokenRevoked || done.RevokeErr != nil {
		t.Errorf("done %+v, error %v", done, err)
	}
	if there, _, _ := s.Temporal.Schedule(workflows.ReportSyncID(s.Connection.ID)); there {
		t.Error("the schedule is left")
	}
	if n := s.Temporal.Signals(workflows.MassSyncID(s.Connection.ID, run)); n != 0 {
		t.Error("the mass sync is left")
	}
	_, err = s.Operator.Connection(t.Context(), s.Connection.ID)
	wantRefusal(t, err, "there is no connection")
	id := s.Connection.ID
	s.Reconnect(t)
	if s.Connection.ID != id {
		t.Errorf("connected again as %s, want %s with its tombstones", s.Connection.ID, id)
	}
	if there, paused, _ := s.Temporal.Schedule(workflows.ReportSyncID(id)); !there || paused {
		t.Error("connected again, but no reports")
	}
}

// What it takes to find a person in Advocate is forgotten with the connection.
func TestDisconnectConnection_losesNoErasure(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	mapped(t, s, ann)
	if _, err := s.Store.RequestErasure(t.Context(), s.Connection.ID, "987654321", "dpo", time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Operator.DisconnectConnection(t.Context(), s.Connection, false)
	wantRefusal(t, err, "1 privacy deletions are not done")
	if status := connectionStatus(t, s); !status.PausedAt.IsZero() {
		t.Error("it is paused all the same")
	}
	done, err := s.Operator.DisconnectConnection(t.Context(), s.Connection, true)
	if err != nil || done.OpenErasures != 1 {
		t.Errorf("abandoned: %+v, %v", done, err)
	}
}
