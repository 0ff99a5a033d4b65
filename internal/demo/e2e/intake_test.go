package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// HubSpot's own ceiling: 10 requests in flight, 100 events each. All are
// acknowledged, and each event is durable before. The times are printed.
func TestIntakeUnderTheLoadThatHubSpotCanSend(t *testing.T) {
	const inFlight, rounds, events = 10, 10, 100
	s := start(t, stack.Options{ReportInterval: time.Hour})
	if err := s.StopWorker(); err != nil { // what is measured is the intake
		t.Fatal(err)
	}
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
	eventually(t, patience, "every contact has a workflow", func() bool {
		return s.count(t, "WorkflowType = 'ContactLifecycle'") == inFlight*rounds*events
	})
	if err := s.StartWorker(t.Context()); err != nil { // so that the stack can stop in good order
		t.Fatal(err)
	}
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
