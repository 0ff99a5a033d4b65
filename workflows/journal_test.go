package workflows_test

import (
	"testing"
	"time"

	"advocatesync/internal/hubspot/hubspottest"
)

// toHear is how long the journal's reader may be behind what was published: by default
// it asks every fifteen seconds, and gives the webhooks a head start of ten.
const toHear = 25 * time.Second

// With the journal nobody misses lost webhooks, and nobody has to reconcile.
func TestJournal_makesUpForLostWebhooks(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(hubspottest.Event) bool{
		"three in ten are lost for good":  someOf(0.3),
		"starter serve is away for a day": everything,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t)
			s.Listen(t)
			if n := s.waiting(); n != 0 {
				t.Errorf("%d events count again that webhooks had told, or that our own writes have caused", n)
			}
			s.happen()
			if n := s.hear(lost); n < population/5 {
				t.Fatalf("only %d webhooks were lost", n)
			}
			if len(reconcile(t, s.System, true).Drift) == 0 {
				t.Fatal("nothing is missing, so nothing is tested")
			}

			s.Listen(t)
			if took := toHear + s.act(); took > 2*time.Minute {
				t.Errorf("it took %s", took)
			}

			s.wantDrift()
			if s.Reconciles != 0 {
				t.Errorf("%d reconciles were asked for", s.Reconciles)
			}
		})
	}
}
