package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
)

// Worker and starter are stopped with SIGTERM in the midst of a mass sync, and
// of people who come. Each ends by itself and without complaint, and whatever it
// had begun is finished: Temporal never waits in vain for an answer.
func TestStoppedProcesses_cutNothingInHalf(t *testing.T) {
	const people, stops, calls = 9000, 3, 60
	m := startMass(t, people, stack.Options{RatePer10s: calls, Limits: &hubspottest.Limits{PerTenSeconds: calls}})
	m.begin(t)
	for range stops {
		m.progresses(t, "the start of a worker")
		m.restart(t)
	}
	const quarter = people / 4
	m.ended(t, 2*patience, store.Counts{Total: people, Updated: 2 * quarter, Matched: quarter, Created: quarter})
	m.everybodyInStep(t)

	const visitors = 12
	ids := map[string]string{}
	for i := range visitors {
		email := person(people + i) // the seed has the others
		ids[email] = m.createContact(t, map[string]string{"email": email})
		if i%(visitors/stops) == 1 {
			m.restart(t)
		}
	}
	for email, id := range ids {
		eventually(t, patience, "a visitor is in step", func() bool { return m.inStep(id, email) })
	}
	m.quiet(t)
	m.wantNothingCutOff(t)
}

// restart stops worker and starter as a supervisor does, and starts them again.
func (s *system) restart(t *testing.T) {
	t.Helper()
	for _, err := range []error{s.StopWorker(), s.StopStarter(), s.StartStarter(t.Context()), s.StartWorker(t.Context())} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantNothingCutOff wants every attempt of an activity to have ended by itself:
// with success, or with the answer that the rest has to wait. HubSpot may say so, too:
// on a busy machine calls bunch up between the budget and the stand-in.
func (s *system) wantNothingCutOff(t *testing.T) {
	t.Helper()
	attempts := 0
	for name, text := range s.histories(t) {
		var history struct {
			Events []struct {
				Started *struct {
					LastFailure *struct {
						Message string `json:"message"`
						Info    struct {
							Type string `json:"type"`
						} `json:"applicationFailureInfo"`
					} `json:"lastFailure"`
				} `json:"activityTaskStartedEventAttributes"`
			} `json:"events"`
		}
		if err := json.Unmarshal([]byte(text), &history); err != nil {
			t.Fatal(err)
		}
		for _, e := range history.Events {
			if e.Started == nil {
				continue
			}
			attempts++
			if failure := e.Started.LastFailure; failure != nil && !slices.Contains([]bridge.Kind{bridge.Pending, bridge.Throttled}, bridge.Kind(failure.Info.Type)) {
				t.Errorf("%s: an attempt ended with %q", name, failure.Message)
			}
		}
	}
	if attempts == 0 {
		t.Error("nothing was tried")
	}
}
