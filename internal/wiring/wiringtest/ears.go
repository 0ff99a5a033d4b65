package wiringtest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/intake"
	"advocatesync/internal/journal"
	"advocatesync/internal/wiring"
)

// Ears are both ways by which the system hears of HubSpot: webhooks, of which some
// may be lost, and the journal.
type Ears struct {
	Journal    *journal.Reader
	Reconciles int // that gaps in the journal have asked for

	system *System
	hook   *intake.Handler
}

// Ears opens both ears. From then on HubSpot keeps its webhooks until the test
// delivers them, and the journal records.
func (s *System) Ears(t *testing.T) *Ears {
	t.Helper()
	log, triggers, quiet := slog.New(slog.DiscardHandler), wiring.NewTriggers(s.Store, slog.New(slog.DiscardHandler)), func() {}
	e := &Ears{system: s}
	e.hook = intake.NewHandler(intake.HandlerConfig{
		ClientSecret: hubspottest.DefaultClientSecret, AppID: hubspottest.DefaultAppID, PublicURL: PublicURL,
		Inbox: s.Store, Triggers: triggers, Wake: quiet, WakeObjects: quiet, Metrics: prometheus.NewRegistry(), Log: log, Now: time.Now,
	})
	heard := intake.NewJournal(intake.JournalConfig{
		Inbox: s.Store, Triggers: triggers, Wake: quiet, WakeObjects: quiet, Metrics: prometheus.NewRegistry(), Now: time.Now,
	})
	app := hubspot.App{ClientID: hubspottest.DefaultClientID, ClientSecret: hubspottest.DefaultClientSecret}
	e.Journal = journal.New(journal.Config{
		HubSpot: hubspot.NewJournal(s.hubspotURL, app, http.DefaultClient, nil), Store: s.Store, Take: heard.Take, Watches: triggers.Watches,
		Reconcile: func(context.Context, string) error { e.Reconciles++; return nil },
		Metrics:   prometheus.NewRegistry(), Log: log, Now: time.Now,
	})
	s.HubSpot.Webhooks().Hold()
	_ = e.Journal.Pass(t.Context()) // it subscribes; what it meets is kept as the journal's state
	return e
}

// Listen reads the journal up to now.
func (e *Ears) Listen(t *testing.T) {
	t.Helper()
	if err := e.Journal.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Deliver brings the webhooks that HubSpot has kept, but for those that are lost for
// good. It returns how many were lost.
func (e *Ears) Deliver(t *testing.T, lost func(hubspottest.Event) bool) int {
	t.Helper()
	events := e.system.HubSpot.Webhooks().Take()
	all := len(events)
	events = slices.DeleteFunc(events, lost)
	for batch := range slices.Chunk(events, 100) {
		body, err := json.Marshal(batch)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, PublicURL+intake.Path, bytes.NewReader(body))
		r.RequestURI = intake.Path
		hubspottest.Sign(r, hubspottest.DefaultClientSecret, body, time.Now())
		answer := httptest.NewRecorder()
		if e.hook.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			t.Fatalf("the webhooks are refused: %d %s", answer.Code, answer.Body)
		}
	}
	return all - len(events)
}
