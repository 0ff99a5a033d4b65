package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// The worker is killed at random moments while contacts and participants
// stream in from both sides. Nothing is lost, nothing is doubled.
func TestKilledWorkers(t *testing.T) {
	const people, kills = 60, 4
	s := start(t, stack.Options{})
	random := rand.New(rand.NewPCG(1, 2))

	ids := map[string]string{} // email → contact id
	for i := range people {
		if i%2 == 0 {
			ids[person(i)] = s.createContact(t, map[string]string{"email": person(i), "firstname": "Person"})
		} else if _, err := s.tenant.Join(person(i), "Person", "Joined"); err != nil {
			t.Fatal(err)
		}
		if i%(people/kills) == people/kills-1 {
			pause(random, 700*time.Millisecond)
			s.restartWorker(t)
		}
	}
	for i := range people {
		eventually(t, patience, "both sides know "+person(i), func() bool {
			if ids[person(i)] == "" {
				ids[person(i)] = s.contactOf(person(i))
			}
			return ids[person(i)] != "" && s.inStep(ids[person(i)], person(i))
		})
	}
	s.quiet(t)
	if got := s.tenant.Count(); got != people {
		t.Errorf("%d participants for %d people", got, people)
	}
	if got := s.portal.Count("contacts"); got != people {
		t.Errorf("%d contacts for %d people", got, people)
	}
}

// pause lets the system get to a moment nobody chose.
func pause(random *rand.Rand, most time.Duration) {
	<-time.After(time.Duration(random.Int64N(int64(most))))
}

func (s *system) restartWorker(t *testing.T) {
	t.Helper()
	if err := s.KillWorker(); err != nil {
		t.Fatal(err)
	}
	if err := s.StartWorker(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A webhook is answered only once it is durable, so a starter that dies right
// after the answer, with no worker alive, loses nothing.
func TestKilledStarter(t *testing.T) {
	s := start(t, stack.Options{})
	if err := s.StopWorker(); err != nil {
		t.Fatal(err)
	}
	id := s.createContact(t, map[string]string{"email": person(0)})
	eventually(t, patience, "the webhook is acknowledged", func() bool {
		return s.HubSpot.Webhooks().Stats().Delivered > 0
	})
	if err := s.KillStarter(); err != nil {
		t.Fatal(err)
	}
	if err := s.StartStarter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.StartWorker(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the contact is in step", func() bool { return s.inStep(id, person(0)) })
}

// The database dies without a checkpoint and comes back: work goes on.
func TestCrashedDatabase(t *testing.T) {
	s := start(t, stack.Options{})
	// HubSpot repeats what is refused meanwhile, here within seconds, not a day.
	s.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) { k.RetryWithin = hubspottest.Duration(10 * time.Second) })
	before := s.createContact(t, map[string]string{"email": person(0)})
	if err := s.Database.Crash(); err != nil {
		t.Fatal(err)
	}
	during := s.createContact(t, map[string]string{"email": person(1)})
	if err := s.Database.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "both contacts are in step", func() bool {
		return s.inStep(before, person(0)) && s.inStep(during, person(1))
	})
}
