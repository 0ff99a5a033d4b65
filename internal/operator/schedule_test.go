package operator_test

import (
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/operator"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"

	enumspb "go.temporal.io/api/enums/v1"
)

func schedulesOf(s *wiringtest.System, interval time.Duration) *operator.Schedules {
	return operator.NewSchedules(s.Temporal.ScheduleClient(), s.Store, interval, 24*time.Hour)
}

func ensureAll(t *testing.T, s *wiringtest.System, interval time.Duration) {
	t.Helper()
	if err := schedulesOf(s, interval).EnsureAll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A release that runs with the schedules of the one before it would keep that
// one's timeouts, arguments and policies.
func TestEnsureAll_updatesWhateverDiffers(t *testing.T) {
	t.Parallel()
	older := map[string]func(*client.Schedule, *client.ScheduleWorkflowAction){
		"nothing":  nil,
		"interval": func(s *client.Schedule, _ *client.ScheduleWorkflowAction) { s.Spec.Intervals[0].Every = time.Hour },
		"offset":   func(s *client.Schedule, _ *client.ScheduleWorkflowAction) { s.Spec.Intervals[0].Offset += time.Second },
		"another interval": func(s *client.Schedule, _ *client.ScheduleWorkflowAction) {
			s.Spec.Intervals = append(s.Spec.Intervals, s.Spec.Intervals[0])
		},
		"calendar": func(s *client.Schedule, _ *client.ScheduleWorkflowAction) {
			s.Spec.Calendars = []client.ScheduleCalendarSpec{{}}
		},
		"jitter": func(s *client.Schedule, _ *client.ScheduleWorkflowAction) { s.Spec.Jitter = time.Second },
		"overlap": func(s *client.Schedule, _ *client.ScheduleWorkflowAction) {
			s.Policy.Overlap = enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
		},
		"catch-up":         func(s *client.Schedule, _ *client.ScheduleWorkflowAction) { s.Policy.CatchupWindow = time.Hour },
		"pause on failure": func(s *client.Schedule, _ *client.ScheduleWorkflowAction) { s.Policy.PauseOnFailure = true },
		"argument": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) {
			a.Args = []any{workflows.ReportSyncInput{ConnectionID: "c2"}}
		},
		"no argument":       func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.Args = nil },
		"run timeout":       func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.WorkflowRunTimeout = time.Minute },
		"execution timeout": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.WorkflowExecutionTimeout = time.Minute },
		"task timeout":      func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.WorkflowTaskTimeout = time.Minute },
		"retries": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) {
			a.RetryPolicy = &temporal.RetryPolicy{MaximumAttempts: 1}
		},
		"queue":    func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.TaskQueue = "another" },
		"workflow": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.Workflow = "Another" },
		"summary":  func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.StaticSummary = "" },
		"priority": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.Priority = temporal.Priority{} },
		"search attributes": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) {
			a.TypedSearchAttributes = temporal.SearchAttributes{}
		},
	}
	s := wiringtest.New(t)
	ensureAll(t, s, time.Minute)
	id := workflows.ReportSyncID(s.Connection.ID)
	expected := 0
	for name, change := range older {
		schedule, _ := s.Temporal.Definition(id)
		schedule.State = &client.ScheduleState{Paused: true, Note: "while they migrate"}
		if change != nil {
			expected++
			spec, policy, action := *schedule.Spec, *schedule.Policy, *schedule.Action.(*client.ScheduleWorkflowAction)
			spec.Intervals = append([]client.ScheduleIntervalSpec{}, spec.Intervals...)
			schedule.Spec, schedule.Policy, schedule.Action = &spec, &policy, &action
			change(schedule, &action)
		}
		for range 2 { // what is right is left alone
			ensureAll(t, s, time.Minute)
		}
		schedule, updates := s.Temporal.Definition(id)
		if updates != expected {
			t.Errorf("%s differs: %d updates so far, want %d", name, updates, expected)
			expected = updates
		}
		if !schedule.State.Paused || schedule.State.Note != "while they migrate" {
			t.Errorf("%s differs: the operator's pause is now %+v", name, schedule.State)
		}
	}
}

func TestEnsureAll_followsTheInterval(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ensureAll(t, s, time.Minute)
	ensureAll(t, s, time.Hour)
	schedule, updates := s.Temporal.Definition(workflows.ReportSyncID(s.Connection.ID))
	if updates != 1 || schedule.Spec.Intervals[0].Every != time.Hour {
		t.Errorf("after %d updates: every %s", updates, schedule.Spec.Intervals[0].Every)
	}
	housekeeping, updates := s.Temporal.Definition(workflows.HousekeepingID)
	if updates != 0 || housekeeping.Spec.Intervals[0].Every != 24*time.Hour {
		t.Errorf("housekeeping after %d updates: every %s", updates, housekeeping.Spec.Intervals[0].Every)
	}
}

// Only the operator knows whether the reason for a pause is gone.
func TestSchedules_keepAnOperatorsPauseOverDisconnectAndConnect(t *testing.T) {
	t.Parallel()
	disconnect := func(t *testing.T, s *wiringtest.System) {
		t.Helper()
		if _, err := s.Operator.DisconnectConnection(t.Context(), s.Connection, false); err != nil {
			t.Fatal(err)
		}
		s.Reconnect(t)
	}
	t.Run("of the schedule, by hand", func(t *testing.T) {
		t.Parallel()
		s := wiringtest.New(t)
		handle := s.Temporal.ScheduleClient().GetHandle(t.Context(), workflows.ReportSyncID(s.Connection.ID))
		if err := handle.Pause(t.Context(), client.SchedulePauseOptions{Note: "while they migrate"}); err != nil {
			t.Fatal(err)
		}
		disconnect(t, s)
		status := connectionStatus(t, s)
		if !status.Schedule.Paused || status.Schedule.Note != "while they migrate" || !status.PausedAt.IsZero() {
			t.Errorf("schedule %+v, connection paused at %s", status.Schedule, status.PausedAt)
		}
		if err := handle.Unpause(t.Context(), client.ScheduleUnpauseOptions{}); err != nil {
			t.Fatal(err)
		}
		disconnect(t, s)
		if status := connectionStatus(t, s); status.Schedule.Paused {
			t.Errorf("resumed before it was disconnected: schedule %+v", status.Schedule)
		}
	})
	t.Run("of the connection", func(t *testing.T) {
		t.Parallel()
		s := wiringtest.New(t)
		if err := s.Operator.PauseConnection(t.Context(), s.Connection); err != nil {
			t.Fatal(err)
		}
		disconnect(t, s)
		status := connectionStatus(t, s)
		if !status.Schedule.Paused || status.PausedAt.IsZero() {
			t.Errorf("schedule %+v, connection paused at %s", status.Schedule, status.PausedAt)
		}
		if err := s.Operator.ResumeConnection(t.Context(), s.Connection); err != nil {
			t.Fatal(err)
		}
		if status := connectionStatus(t, s); status.Schedule.Paused || !status.PausedAt.IsZero() {
			t.Errorf("resumed: schedule %+v, connection paused at %s", status.Schedule, status.PausedAt)
		}
	})
	t.Run("of a connection whose schedule was lost", func(t *testing.T) {
		t.Parallel()
		s := wiringtest.New(t)
		if err := s.Operator.PauseConnection(t.Context(), s.Connection); err != nil {
			t.Fatal(err)
		}
		if err := s.Temporal.ScheduleClient().GetHandle(t.Context(), workflows.ReportSyncID(s.Connection.ID)).Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		ensureAll(t, s, time.Minute)
		if status := connectionStatus(t, s); !status.Schedule.Paused {
			t.Errorf("schedule %+v", status.Schedule)
		}
	})
	t.Run("of trigger polling, while no trigger is on", func(t *testing.T) {
		t.Parallel()
		s := wiringtest.New(t)
		polling := operator.NewTriggerPolling(s.Store, schedulesOf(s, time.Minute), time.Minute, slog.New(slog.DiscardHandler))
		keep := func(enabled bool) {
			t.Helper()
			if err := s.Store.EnableTrigger(t.Context(), s.Connection.ID, "deal-won", enabled); err != nil {
				t.Fatal(err)
			}
			if err := polling.Keep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		apply(t, s, "deal-won")
		keep(true)
		id := workflows.TrackRoundID(s.Connection.ID)
		if err := s.Temporal.ScheduleClient().GetHandle(t.Context(), id).Pause(t.Context(), client.SchedulePauseOptions{Note: "n"}); err != nil {
			t.Fatal(err)
		}
		keep(false)
		keep(true)
		if there, paused, _ := s.Temporal.Schedule(id); !there || !paused {
			t.Errorf("there is a schedule: %t, paused: %t", there, paused)
		}
	})
}
