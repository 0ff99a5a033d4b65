package workflows_test

import (
	"slices"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger/triggertest"
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

// Whatever became of deals before they are merged, the merge counts nothing, and what
// was counted is taken back once.
func TestTrackEvent_aMergeCountsNothingTwice(t *testing.T) {
	t.Parallel()
	counted := func(t *testing.T, s *wiringtest.System, contact string) string {
		t.Helper()
		deal := record(t, s, "deals", won(), contact)
		heard(t, s, bridge.ObjectDeal, deal, stageChanged())
		look(t, s)
		return deal
	}
	tests := map[string]struct {
		merge   func(t *testing.T, s *wiringtest.System, contact string) (survivor string)
		counted int
	}{
		"the other one waits for a buyer": {func(t *testing.T, s *wiringtest.System, contact string) string {
			t.Helper()
			waiting := record(t, s, "deals", won())
			heard(t, s, bridge.ObjectDeal, waiting, stageChanged())
			return mergeDeals(t, s, counted(t, s, contact), waiting)
		}, 1},
		"the other one was never heard of": {func(t *testing.T, s *wiringtest.System, contact string) string {
			t.Helper()
			return mergeDeals(t, s, counted(t, s, contact), record(t, s, "deals", won(), contact))
		}, 1},
		"the other one was taken back": {func(t *testing.T, s *wiringtest.System, contact string) string {
			t.Helper()
			lost := counted(t, s, contact)
			heard(t, s, bridge.ObjectDeal, lost, stage(t, s, lost, "closedlost"))
			look(t, s)
			return mergeDeals(t, s, counted(t, s, contact), lost)
		}, 2},
		"three, one after the other": {func(t *testing.T, s *wiringtest.System, contact string) string {
			t.Helper()
			first := mergeDeals(t, s, counted(t, s, contact), counted(t, s, contact))
			heard(t, s, bridge.ObjectDeal, first, stageChanged())
			return mergeDeals(t, s, first, counted(t, s, contact))
		}, 3},
		"three, and nothing is heard in between": {func(t *testing.T, s *wiringtest.System, contact string) string {
			t.Helper()
			third := counted(t, s, contact)
			return mergeDeals(t, s, mergeDeals(t, s, counted(t, s, contact), counted(t, s, contact)), third)
		}, 3},
		"the part that is gone is told of first": {func(t *testing.T, s *wiringtest.System, contact string) string {
			t.Helper()
			primary, other := counted(t, s, contact), counted(t, s, contact)
			survivor := mergeDeals(t, s, primary, other)
			heard(t, s, bridge.ObjectDeal, other, stageChanged())
			heard(t, s, bridge.ObjectDeal, primary, stageChanged())
			return survivor
		}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, dealReversed)
			survivor := tt.merge(t, s, buyer(t, s, ann))
			heard(t, s, bridge.ObjectDeal, survivor, stageChanged(), stageChanged())
			look(t, s)
			if conversions, _ := outcomes(s); conversions != tt.counted {
				t.Errorf("%d conversions after the merge, want %d", conversions, tt.counted)
			}
			heard(t, s, bridge.ObjectDeal, survivor, stage(t, s, survivor, "closedlost"))
			look(t, s)
			if conversions, reversals := outcomes(s); conversions != tt.counted || reversals != tt.counted {
				t.Errorf("%d conversions and %d reversals, want %d of each", conversions, reversals, tt.counted)
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
	apply(t, s, triggertest.DealWon)
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
	apply(t, s, triggertest.DealWon)
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

// The wait is long: whoever has the buyer's place by then must not have to sit it out.
func TestTrackEvent_aDealGoesOnWithTheContactThatItsBuyerWasMergedInto(t *testing.T) {
	t.Parallel()
	for name, merges := range map[string]int{"once": 1, "twice": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			nameless := s.CreateContact(t, map[string]string{"firstname": "Ann"})
			deal := record(t, s, "deals", won(), nameless)
			heard(t, s, bridge.ObjectDeal, deal, stageChanged())
			wantTracked(t, s, "deal-won: waiting")

			survivor := nameless
			for i := range merges {
				other := mappedContact(t, s, []string{ann, "ben@shop.example"}[i])
				into, err := s.Portal.Person(1).Merge("contacts", other, survivor)
				if err != nil {
					t.Fatal(err)
				}
				live(t, s, other, merged())
				live(t, s, survivor, merged())
				live(t, s, into, merged())
				survivor = into
			}
			look(t, s)
			look(t, s) // for the verdict
			wantTracked(t, s, "deal-won: complete")
			if conversions, _ := outcomes(s); conversions != 1 {
				t.Errorf("%d conversions, want 1", conversions)
			}
		})
	}
}

// HubSpot shows no associations with contacts in the recycle bin, and tells nothing of
// them once a contact is restored.
func TestTrackEvent_aDealWithoutAContactIsEvaluatedEveryDay(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	deal := record(t, s, "deals", won(), contact)
	person := s.Portal.Person(1)
	if err := person.Archive("contacts", contact); err != nil {
		t.Fatal(err)
	}
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	if err := person.Restore("contacts", contact); err != nil {
		t.Fatal(err)
	}
	look(t, s)
	wantTracked(t, s, "deal-won: waiting")

	s.Exec(t, "UPDATE tracked_event SET recorded_at = recorded_at - interval '25 hours', woken_at = woken_at - interval '25 hours'")
	look(t, s)
	look(t, s) // for the verdict
	wantTracked(t, s, "deal-won: complete")
}
