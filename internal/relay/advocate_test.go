package relay

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// hurried notes which reports were hurried.
type hurried struct {
	started []string // connections
	told    []int64  // runs
	err     error    // instead of success
}

func (h *hurried) StartReport(_ context.Context, connectionID string) error {
	h.started = append(h.started, connectionID)
	return h.err
}

func (h *hurried) ExportReady(_ context.Context, run store.Run) error {
	h.told = append(h.told, run.ID)
	return h.err
}

type hurry struct {
	*Advocate
	store        *store.Store
	connectionID string
	reports      *hurried
	clock        time.Time
}

func newHurry(t *testing.T) *hurry {
	t.Helper()
	h := &hurry{store: storetest.New(t), reports: &hurried{}, clock: time.Now()}
	c, err := h.store.SaveConnection(t.Context(), bridge.Connection{PortalID: 4711001, Tenant: "acme", Program: "p"}, store.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	h.connectionID = c.ID
	h.Advocate = NewAdvocate(AdvocateConfig{
		Outbox: h.store, Reports: h.reports, Metrics: prometheus.NewRegistry(),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return h.clock },
	})
	return h
}

func (h *hurry) hear(t *testing.T, e store.AdvocateEvent) {
	t.Helper()
	e.ConnectionID = h.connectionID
	if _, err := h.store.AppendAdvocateEvents(t.Context(), []store.AdvocateEvent{e}); err != nil {
		t.Fatal(err)
	}
}

func TestAdvocateRelay_startsOneReportForManyParticipants(t *testing.T) {
	t.Parallel()
	h := newHurry(t)
	for _, id := range numbered(30) {
		h.hear(t, store.AdvocateEvent{EventID: id, Kind: store.AdvocateParticipantCreated})
	}
	for range 5 {
		if err := h.pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(h.reports.started, []string{h.connectionID}) {
		t.Errorf("started %v", h.reports.started)
	}
	// Nothing came of it, such as because the server restarted: ask again.
	h.clock = h.clock.Add(reportSpacing)
	if err := h.pass(t.Context()); err != nil || len(h.reports.started) != 2 {
		t.Errorf("started %v, %v", h.reports.started, err)
	}
}

func TestAdvocateRelay_leavesAConnectionAloneThatMayNotWork(t *testing.T) {
	t.Parallel()
	h := newHurry(t)
	h.hear(t, store.AdvocateEvent{EventID: "1", Kind: store.AdvocateParticipantCreated})
	refused := bridge.Answer{System: bridge.SystemAdvocate, Err: &bridge.Error{Kind: bridge.Unauthorized, Op: "advocate.programs"}}
	if _, _, err := h.store.RecordAnswer(t.Context(), h.connectionID, refused); err != nil {
		t.Fatal(err)
	}
	if err := h.pass(t.Context()); err != nil || len(h.reports.started) != 0 {
		t.Errorf("started %v, %v", h.reports.started, err)
	}
}

func TestAdvocateRelay_tellsTheRunThatWaitsForAnExport(t *testing.T) {
	t.Parallel()
	h := newHurry(t)
	// Faster than the answer to the request for it.
	h.hear(t, store.AdvocateEvent{EventID: "1", Kind: store.AdvocateExportCompleted, ExportID: "x1"})
	h.hear(t, store.AdvocateEvent{EventID: "2", Kind: store.AdvocateExportCompleted, ExportID: "x1"})
	h.hear(t, store.AdvocateEvent{EventID: "3", Kind: store.AdvocateExportCompleted, ExportID: "somebody else's"})
	if err := h.pass(t.Context()); err != nil || len(h.reports.told) != 0 {
		t.Fatalf("told %v, %v", h.reports.told, err)
	}
	run, err := h.store.BeginReport(t.Context(), h.connectionID, time.Minute)
	if err == nil {
		err = h.store.SetExport(t.Context(), run.ID, "x1", time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	h.reports.err = errors.New("Temporal is away")
	if err := h.pass(t.Context()); err == nil {
		t.Error("the failure is not told")
	}
	h.reports.err = nil
	for range 3 {
		if err := h.pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(h.reports.told, []int64{run.ID, run.ID}) {
		t.Errorf("told %v, want run %d once in vain and once more", h.reports.told, run.ID)
	}
	if ready, err := h.store.ReadyExports(t.Context(), 0); err != nil || len(ready) != 0 {
		t.Errorf("left: %v %v", ready, err)
	}
}
