package workflows_test

import (
	"slices"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

func mergeDeals(t *testing.T, s *wiringtest.System, primary, other string) string {
	t.Helper()
	survivor, err := s.Portal.Person(1).Merge("deals", primary, other)
	if err != nil {
		t.Fatal(err)
	}
	return survivor
}

// outcomes counts what the vendor has taken, by type.
func outcomes(s *wiringtest.System) (conversions, reversals int) {
	for _, c := range s.Tenant.Conversions() {
		switch {
		case c.ErrorType != "":
		case c.Type == "Reversal":
			reversals++
		default:
			conversions++
		}
	}
	return conversions, reversals
}

func TestTrackEvent_aMergedDealGoesOnWhereItsPartsAre(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"{type: property_changed, property: dealstage}", "{type: property_changed, property: [dealstage, amount]}", "{type: created}"} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, withEvent(event))
			hints := func() bridge.ObjectHints {
				h := stageChanged()
				h.CreatedAt, h.Changed["amount"] = h.Changed["dealstage"], h.Changed["dealstage"]
				return h
			}
			contact := buyer(t, s, ann)
			var deals []string
			for range 2 {
				deal := record(t, s, "deals", won(), contact)
				heard(t, s, bridge.ObjectDeal, deal, hints())
				deals = append(deals, deal)
			}
			look(t, s)
			wantTracked(t, s, "deal-won: complete", "deal-won: complete")

			survivor := mergeDeals(t, s, deals[0], deals[1])
			heard(t, s, bridge.ObjectDeal, survivor, hints())
			look(t, s)
			wantTracked(t, s, "deal-won: complete", "deal-won: complete")
			if conversions, _ := outcomes(s); conversions != 2 {
				t.Fatalf("%d conversions after the merge, want 2", conversions)
			}

			lost := stage(t, s, survivor, "closedlost")
			heard(t, s, bridge.ObjectDeal, survivor, lost)
			look(t, s)
			wantTracked(t, s, "deal-won: reversed", "deal-won: reversed")
			if conversions, reversals := outcomes(s); conversions != 2 || reversals != 2 {
				t.Errorf("%d conversions and %d reversals", conversions, reversals)
			}
			heard(t, s, bridge.ObjectDeal, survivor, stage(t, s, survivor, "closedwon"))
			if conversions, _ := outcomes(s); conversions != 2 {
				t.Errorf("%d conversions once it was won again", conversions)
			}
		})
	}
}

func withEvent(event string) string {
	return replaced(dealReversed, "{type: property_changed, property: dealstage}", event)
}

func TestTrackEvent_whatIsHeardOfAMergedDealIsItsSurvivors(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	waiting := record(t, s, "deals", won())
	heard(t, s, bridge.ObjectDeal, waiting, stageChanged())
	wantTracked(t, s, "deal-won: waiting")
	survivor := mergeDeals(t, s, record(t, s, "deals", won()), waiting)
	associate(t, s, "deals", survivor, buyer(t, s, ann))
	heard(t, s, bridge.ObjectDeal, waiting, bridge.ObjectHints{RecheckAt: time.Now()})
	relay(t, s)
	wantTracked(t, s, "deal-won: sent")
}

func TestTrackEvent_twoDealsThatWaitAndAreMergedCountOnce(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	var deals []string
	for range 2 {
		deal := record(t, s, "deals", won())
		heard(t, s, bridge.ObjectDeal, deal, stageChanged())
		deals = append(deals, deal)
	}
	survivor := mergeDeals(t, s, deals[0], deals[1])
	associate(t, s, "deals", survivor, buyer(t, s, ann))
	heard(t, s, bridge.ObjectDeal, survivor, stageChanged())
	got := tracked(t, s)
	slices.Sort(got)
	if !slices.Equal(got, []string{"deal-won: sent", "deal-won: skipped"}) {
		t.Errorf("tracked %v", got)
	}
	if conversions, _ := outcomes(s); conversions != 1 {
		t.Errorf("%d conversions", conversions)
	}
}
