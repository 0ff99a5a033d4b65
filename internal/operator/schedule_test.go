package operator_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/operator"
)

// schedules is a Temporal that has some schedules.
type schedules struct {
	client.ScheduleClient
	have    map[string]*client.Schedule
	updates int
}

func (s *schedules) Create(ctx context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	if s.have[o.ID] != nil {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	s.have[o.ID] = &client.Schedule{Spec: &o.Spec, Action: o.Action, State: &client.ScheduleState{}}
	return s.GetHandle(ctx, o.ID), nil
}

func (s *schedules) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return &handle{schedules: s, id: id}
}

type handle struct {
	client.ScheduleHandle
	schedules *schedules
	id        string
}

func (h *handle) Update(_ context.Context, o client.ScheduleUpdateOptions) error {
	have := *h.schedules.have[h.id]
	update, err := o.DoUpdate(client.ScheduleUpdateInput{Description: client.ScheduleDescription{Schedule: have}})
	if errors.Is(err, temporal.ErrSkipScheduleUpdate) {
		return nil
	}
	if err != nil {
		return err
	}
	h.schedules.updates++
	h.schedules.have[h.id] = update.Schedule
	return nil
}

func TestEnsureReportSchedule_followsTheIntervalAndKeepsThePause(t *testing.T) {
	t.Parallel()
	s := &schedules{have: map[string]*client.Schedule{}}
	ensure := func(interval time.Duration) *client.Schedule {
		t.Helper()
		if err := operator.EnsureReportSchedule(t.Context(), s, "c1", interval); err != nil {
			t.Fatal(err)
		}
		return s.have["report-sync/c1"]
	}
	ensure(time.Minute).State.Paused = true

	if ensure(time.Minute); s.updates != 0 {
		t.Error("the same schedule was written again")
	}
	got := ensure(time.Hour)
	if s.updates != 1 || got.Spec.Intervals[0].Every != time.Hour || !got.State.Paused {
		t.Errorf("after %d updates: every %s, paused %t", s.updates, got.Spec.Intervals[0].Every, got.State.Paused)
	}
}

func TestEnsureHousekeepingSchedule_runsOnceADay(t *testing.T) {
	t.Parallel()
	s := &schedules{have: map[string]*client.Schedule{}}
	for range 2 { // every starter ensures it
		if err := operator.EnsureHousekeepingSchedule(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	got := s.have["housekeeping"]
	if len(s.have) != 1 || got == nil || len(got.Spec.Intervals) != 1 || got.Spec.Intervals[0].Every != 24*time.Hour || s.updates != 0 {
		t.Errorf("schedules %+v after %d updates", s.have, s.updates)
	}
}
