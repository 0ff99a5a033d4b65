package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger/triggertest"
	"advocatesync/internal/wiring/wiringtest"
)

// byImport are hints of changes that an import made.
func byImport(h bridge.ObjectHints) bridge.ObjectHints {
	h.Imported = h.Changed
	return h
}

// manyWon makes won deals of one buyer, and has the triggers hear of each.
func manyWon(t *testing.T, s *wiringtest.System, buyer string, n int, told func(bridge.ObjectHints) bridge.ObjectHints) (deals []string) {
	t.Helper()
	for range n {
		deal := record(t, s, "deals", won(), buyer)
		heard(t, s, bridge.ObjectDeal, deal, told(stageChanged()))
		deals = append(deals, deal)
	}
	return deals
}

func byHand(h bridge.ObjectHints) bridge.ObjectHints { return h }

func wantApprovals(t *testing.T, s *wiringtest.System, want ...store.TriggerApproval) {
	t.Helper()
	got, err := s.Store.TriggerApprovals(t.Context(), s.Connection.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].Since.IsZero() {
			t.Errorf("nobody knows since when %s waits", got[i].TriggerID)
		}
		got[i].Since, got[i].ObjectIDs = time.Time{}, nil
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("what waits for a person (-want +got)\n%s", diff)
	}
}

func approve(t *testing.T, s *wiringtest.System, why store.Guarded, want int64) {
	t.Helper()
	if n, err := s.Store.ApproveTracked(t.Context(), s.Connection.ID, "deal-won", why); err != nil || n != want {
		t.Fatalf("%d approved, want %d: %v", n, want, err)
	}
	relay(t, s)
}

func skip(t *testing.T, s *wiringtest.System, why store.Guarded, want int64) {
	t.Helper()
	if n, err := s.Store.SkipTracked(t.Context(), s.Connection.ID, "deal-won", why); err != nil || n != want {
		t.Fatalf("%d skipped, want %d: %v", n, want, err)
	}
	relay(t, s)
}

func wantConversions(t *testing.T, s *wiringtest.System, want int) {
	t.Helper()
	if n := len(s.Tenant.Conversions()); n != want {
		t.Fatalf("%d conversions, want %d", n, want)
	}
}

func TestTriggerGuard_whatAnImportMatchesWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	const many = 12
	manyWon(t, s, contact, many, byImport)
	wantConversions(t, s, 0)
	wantApprovals(t, s, store.TriggerApproval{TriggerID: "deal-won", Guarded: store.GuardedImport, Waiting: many})

	manyWon(t, s, contact, 1, byHand) // by somebody who is at work meanwhile
	wantConversions(t, s, 1)

	approve(t, s, "", many)
	wantConversions(t, s, many+1)
	wantApprovals(t, s)
}

func TestTriggerGuard_moreThanAtOnceWaitHoweverManyCome(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon+"at_once: 5\n")
	contact := buyer(t, s, ann)
	manyWon(t, s, contact, 12, byHand)
	wantConversions(t, s, 5)
	wantApprovals(t, s, store.TriggerApproval{TriggerID: "deal-won", Guarded: store.GuardedAtOnce, Waiting: 7})
	approve(t, s, store.GuardedImport, 0) // another question
	approve(t, s, store.GuardedAtOnce, 7)
	wantConversions(t, s, 12)
	wantApprovals(t, s)
}

func TestTriggerGuard_whatWaitsToBeSentWaitsWithItsBurst(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon+"at_once: 5\n")
	contact := buyer(t, s, ann)
	link, err := s.Connections.Open(t.Context(), s.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.RefuseImpact(t.Context(), link.ID, link.Revision, "closed"); err != nil { // so that nothing is sent
		t.Fatal(err)
	}
	manyWon(t, s, contact, 6, byHand)
	wantApprovals(t, s, store.TriggerApproval{TriggerID: "deal-won", Guarded: store.GuardedAtOnce, Waiting: 6})
}

func TestTriggerGuard_aBoundOfZeroLetsAnyNumberPass(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon+"at_once: 0\n")
	manyWon(t, s, buyer(t, s, ann), 3, byImport)
	wantConversions(t, s, 3)
}

func TestTriggerGuard_whatIsSkippedIsNeverSent(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	deal := record(t, s, "deals", won(), contact)
	change := byImport(stageChanged())
	heard(t, s, bridge.ObjectDeal, deal, change)
	skip(t, s, "", 1)
	heard(t, s, bridge.ObjectDeal, deal, change) // told again
	heard(t, s, bridge.ObjectDeal, deal, bridge.ObjectHints{RecheckAt: time.Now()})
	look(t, s)
	wantConversions(t, s, 0)
	wantTracked(t, s, "deal-won: skipped")
	wantApprovals(t, s)

	stage(t, s, deal, "closedlost")
	heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "closedwon")) // won again, by hand
	wantConversions(t, s, 1)
}

func TestTriggerGuard_whatMatchesNoMoreIsNotSentWhenItIsApproved(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	deals := manyWon(t, s, contact, 2, byImport)
	stage(t, s, deals[0], "closedlost")
	approve(t, s, "", 2)
	wantConversions(t, s, 1)
	wantTracked(t, s, "deal-won: sent", "deal-won: skipped")
}

func TestTriggerGuard_anEditOfWhatWaitsAsksNoSecondQuestion(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deals := manyWon(t, s, buyer(t, s, ann), 1, byImport)
	heard(t, s, bridge.ObjectDeal, deals[0], stage(t, s, deals[0], "closedwon"))
	wantConversions(t, s, 0)
	wantApprovals(t, s, store.TriggerApproval{TriggerID: "deal-won", Guarded: store.GuardedImport, Waiting: 1})
}

func TestTriggerGuard_anImportedDealThatWaitsForItsBuyerStillAsks(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := s.CreateContact(t, map[string]string{"email": ann})
	deals := manyWon(t, s, contact, 1, byImport)
	wantTracked(t, s, "deal-won: waiting")
	live(t, s, contact, created())
	look(t, s) // the buyer is mapped by now
	wantConversions(t, s, 0)
	wantApprovals(t, s, store.TriggerApproval{TriggerID: "deal-won", Guarded: store.GuardedImport, Waiting: 1})
	approve(t, s, "", 1)
	wantConversions(t, s, 1)
	if e := events(t, s)[0]; e.ObjectID != deals[0] || !e.Imported || e.ApprovedAt.IsZero() {
		t.Errorf("recorded %+v", e)
	}
}

func TestTriggerGuard_takingBackAsksNobody(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealReversed+"at_once: 2\n")
	contact := buyer(t, s, ann)
	deals := manyWon(t, s, contact, 2, byHand)
	look(t, s)
	for _, deal := range deals {
		heard(t, s, bridge.ObjectDeal, deal, byImport(stage(t, s, deal, "closedlost")))
	}
	look(t, s)
	wantTracked(t, s, "deal-won: reversed", "deal-won: reversed")
}

func TestTriggerGuard_oneTriggerHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon+"at_once: 1\n")
	apply(t, s, strings.Replace(triggertest.DealWon, "deal-won", "deal-too", 1))
	manyWon(t, s, buyer(t, s, ann), 3, byHand)
	wantConversions(t, s, 1+3)
	wantApprovals(t, s, store.TriggerApproval{TriggerID: "deal-won", Guarded: store.GuardedAtOnce, Waiting: 2})
}

func TestTriggerGuard_forgetsWhoIsErased(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	manyWon(t, s, contact, 2, byImport)
	erase(t, s, contact)
	live(t, s, contact, erased())
	wantTracked(t, s, "deal-won: skipped", "deal-won: skipped")
	approve(t, s, "", 0)
	wantConversions(t, s, 0)
}

func TestTriggerGuard_switchedOff_asksNobodyAnyMore(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deals := manyWon(t, s, buyer(t, s, ann), 1, byImport)
	if err := s.Store.EnableTrigger(t.Context(), s.Connection.ID, "deal-won", false); err != nil {
		t.Fatal(err)
	}
	heard(t, s, bridge.ObjectDeal, deals[0], bridge.ObjectHints{RecheckAt: time.Now()})
	wantTracked(t, s, "deal-won: skipped")
	wantApprovals(t, s)
}
