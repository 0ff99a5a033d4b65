package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// HubSpot's own ceiling: 10 requests in flight, 100 events each. All are
// acknowledged, and each event is durable before. The times are printed.
func TestIntakeUnderTheLoadThatHubSpotCanSend(t *testing.T) {
	const inFlight, rounds, events = 10, 10, 100
	s := start(t, stack.Options{ReportInterval: time.Hour})
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		took []time.Duration
	)
	for sender := range inFlight {
		wg.Go(func() {
			for round := range rounds {
				began := time.Now()
				status, err := s.HubSpot.Webhooks().Send(t.Context(), s.creations((sender*rounds+round)*events, events)...)
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
				if err != nil || status != 200 {
					t.Errorf("request answered %d, %v", status, err)
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	t.Logf("%d requests of %d events, %d in flight, relay at work beside them: p50 %d ms, p99 %d ms",
		len(took), events, inFlight, took[len(took)/2].Milliseconds(), took[len(took)*99/100].Milliseconds())
	if got := s.inboxRows(t); got != inFlight*rounds*events {
		t.Errorf("%d events are durable, want all %d that were acknowledged", got, inFlight*rounds*events)
	}
}

func (s *system) inboxRows(t *testing.T) (rows int) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), s.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM inbox").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// creations are events of contacts that exist nowhere.
func (s *system) creations(first, n int) []hubspottest.Event {
	all := make([]hubspottest.Event, n)
	for i := range all {
		id := int64(900_000_000 + first + i)
		all[i] = hubspottest.Event{
			EventID: id, SubscriptionID: 1, PortalID: s.portal.ID(), AppID: s.HubSpot.App().ID,
			OccurredAt: time.Now().UnixMilli(), SubscriptionType: "contact.creation", ObjectID: id,
			ChangeFlag: "CREATED", ChangeSource: "CRM_UI", SourceID: "userId:1",
		}
	}
	return all
}
