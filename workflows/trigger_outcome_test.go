package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger/triggertest"
	"advocatesync/internal/wiring/wiringtest"
)

func tracking(t *testing.T, s *wiringtest.System) *activities.Tracking {
	t.Helper()
	for _, a := range s.Activities() {
		if found, is := a.(*activities.Tracking); is {
			return found
		}
	}
	t.Fatal("there are no tracking activities")
	return nil
}

// wonDeals has n deals won, each with a buyer of its own.
func wonDeals(t *testing.T, s *wiringtest.System, n int) []string {
	t.Helper()
	var ids []string
	for i := range n {
		ids = append(ids, record(t, s, "deals", won(), buyer(t, s, string(rune('a'+i))+"@shop.example")))
		heard(t, s, bridge.ObjectDeal, ids[i], stageChanged())
	}
	return ids
}

func sentCalls(s *wiringtest.System) int { return s.Advocate.Calls(advocatetest.RouteConversion) }

func TestTrackEvent_anAccountThatIsRefusedHoldsConversionsAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]advocatetest.Fault{
		"a wrong token":   {Route: advocatetest.RouteConversion, Times: -1, Status: 401},
		"a missing scope": {Route: advocatetest.RouteConversion, Times: -1, Status: 403},
		"an unpaid bill":  {Route: advocatetest.RouteConversion, Times: -1, Status: 402},
		"another address": {Route: advocatetest.RouteConversion, Times: -1, Status: 302, Answer: fault.Answer{Location: "https://login.example/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			s.Advocate.Order(refuse)
			wonDeals(t, s, 3)
			look(t, s)
			wantTracked(t, s, "deal-won: pending", "deal-won: pending", "deal-won: pending")
			if calls := sentCalls(s); calls != 1 {
				t.Errorf("impact.com was asked %d times, want once", calls)
			}
			account, err := s.Store.ImpactAccount(t.Context(), s.Connection.ID)
			if err != nil || !account.Holds || account.Refusal == "" {
				t.Errorf("account: %+v, %v", account, err)
			}
			if c, err := s.Store.Connection(t.Context(), s.Connection.ID); err != nil || c.MayWork() != nil {
				t.Errorf("contacts wait for impact.com: the connection is %s, %v", c.Status, err)
			}
			s.Advocate.ClearFaults()
			s.Reconnect(t)
			look(t, s)
			wantTracked(t, s, "deal-won: sent", "deal-won: sent", "deal-won: sent")
			if ids := orderIDs(s); len(slices.Compact(ids)) != 3 || len(s.Tenant.Conversions()) != 3 {
				t.Errorf("orders %v", ids)
			}
			if account, err = s.Store.ImpactAccount(t.Context(), s.Connection.ID); err != nil || account.Refused() {
				t.Errorf("account: %+v, %v", account, err)
			}
		})
	}
}

func TestTrackEvent_whatWasGivenUpWithoutAnAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]advocatetest.Fault{
		"the answer was lost":      {Route: advocatetest.RouteConversion, DropAfter: true},
		"half an answer":           {Route: advocatetest.RouteConversion, Answer: fault.Answer{CutAfter: 20}},
		"a gateway gave up":        {Route: advocatetest.RouteConversion, Status: 504},
		"an answer of no meaning":  {Route: advocatetest.RouteConversion, Answer: fault.Answer{Body: `{"Status":"OK"}`}},
		"a page in place of JSON":  {Route: advocatetest.RouteConversion, Answer: fault.Answer{Page: true}},
		"a proxy's forbidden page": {Route: advocatetest.RouteConversion, Status: 403, Answer: fault.Answer{Page: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			deal := record(t, s, "deals", won(), buyer(t, s, ann))
			heardOnly(t, s, deal)
			id := events(t, s)[0].ID
			in := activities.TrackedEventInput{ConnectionID: s.Connection.ID, ID: id}
			s.Advocate.Order(lost)
			if err := tracking(t, s).SendEvent(t.Context(), in); err == nil {
				t.Fatal("nothing is wrong")
			}
			if err := tracking(t, s).AbandonEvent(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			wantTracked(t, s, "deal-won: error")
			parked := s.Parked(t)
			if len(parked) != 1 || parked[0].Cause != bridge.CauseEventUnsent {
				t.Fatalf("parked: %+v", parked)
			}
			// The record moves on; what may count is not decided anew.
			heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "closedlost"))
			wantTracked(t, s, "deal-won: error")
			if _, err := s.Operator.Retry(t.Context(), s.Connection.ID, []int64{parked[0].ID}); err != nil {
				t.Fatal(err)
			}
			relay(t, s)
			look(t, s)
			wantTracked(t, s, "deal-won: complete")
			if len(s.Parked(t)) != 0 {
				t.Errorf("still parked: %+v", s.Parked(t))
			}
			counted := 0
			for _, c := range s.Tenant.Conversions() {
				if c.ErrorType == "" {
					counted++
				}
			}
			if ids := slices.Compact(orderIDs(s)); counted != 1 || len(ids) != 1 {
				t.Errorf("%d conversions counted, under %v", counted, ids)
			}
		})
	}
}

// heardOnly records what triggers decide of a deal that was won, without sending.
func heardOnly(t *testing.T, s *wiringtest.System, deal string) {
	t.Helper()
	_, err := tracking(t, s).LookAtObject(t.Context(), activities.LookAtObjectInput{
		ConnectionID: s.Connection.ID, ObjectType: bridge.ObjectDeal, ObjectID: deal, Hints: stageChanged(),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSendEvent_whatIsTooOldIsNotSent(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, strings.Replace(triggertest.DealWon, "fields:", "fields:\n    EventDate: = deal.closedate", 1))
	values := won()
	values["closedate"] = time.Now().Add(-100 * 24 * time.Hour).UTC().Format(time.RFC3339)
	deal := record(t, s, "deals", values, buyer(t, s, ann))
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	wantTracked(t, s, "deal-won: error")
	if parked := s.Parked(t); len(parked) != 1 || !strings.Contains(parked[0].VendorMessage, "87 days") || sentCalls(s) != 0 {
		t.Errorf("parked: %+v, %d calls", parked, sentCalls(s))
	}
}

func TestPollVerdicts_aSubmissionThatIsNotShownYetIsNoVerdict(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.VerdictHidden = advocatetest.Span(time.Hour) })
	wonDeals(t, s, 1)
	look(t, s)
	wantTracked(t, s, "deal-won: sent")
	if e := events(t, s)[0]; e.Reason != "impact.com does not show the submission" {
		t.Errorf("reason %q", e.Reason)
	}
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.VerdictHidden = 0 })
	look(t, s)
	wantTracked(t, s, "deal-won: complete")
}

func TestPollVerdicts_oneThatCannotBeHadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]advocatetest.Fault{
		"no JSON":            {Answer: fault.Answer{Body: "{"}},
		"a page":             {Answer: fault.Answer{Page: true}},
		"a fault":            {Status: 500},
		"no status":          {Answer: fault.Answer{Body: `{"OrderId":"x"}`}},
		"a status of a kind": {Answer: fault.Answer{Body: `{"Status":7}`}},
		"another order's":    {Answer: fault.Answer{Body: `{"Status":"Complete","OrderId":"deal-1-other"}`}},
		"a lost answer":      {DropAfter: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			wonDeals(t, s, 3)
			receipt := events(t, s)[2].Receipt // that is asked for first
			odd.Route, odd.Contains, odd.Times = advocatetest.RouteSubmission, receipt, -1
			s.Advocate.Order(odd)
			if got := look(t, s); got.Decided != 2 {
				t.Errorf("a round did %+v", got)
			}
			wantTracked(t, s, "deal-won: complete", "deal-won: complete", "deal-won: sent")
			if e := events(t, s)[2]; e.Reason == "" {
				t.Error("nobody sees why it has no verdict")
			}
			s.Advocate.ClearFaults()
			look(t, s)
			wantTracked(t, s, "deal-won: complete", "deal-won: complete", "deal-won: complete")
		})
	}
}

func TestPollVerdicts_saysWhatTheVendorSays(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verdict advocatetest.Verdict
		state   store.TrackedState
		reason  string
	}{
		"a status that nobody knows":         {advocatetest.Verdict{Status: "Deferred"}, store.TrackedSent, `impact.com says "Deferred"`},
		"one that might tell a person":       {advocatetest.Verdict{Status: "ann@shop.example"}, store.TrackedSent, `impact.com says "something unreadable"`},
		"a known one in small letters":       {advocatetest.Verdict{Status: "complete"}, store.TrackedSent, `impact.com says "complete"`},
		"still in progress, with an error":   {advocatetest.Verdict{Status: "In Progress", ErrorType: "CONV_MALFORMED"}, store.TrackedSent, `impact.com says "In Progress" and "CONV_MALFORMED"`},
		"queued, with a reason":              {advocatetest.Verdict{Status: "Queued", ErrorReason: "no contract"}, store.TrackedSent, `impact.com says "Queued" and an error`},
		"queued, with odd words":             {advocatetest.Verdict{Status: "Queued", ErrorType: "ann@shop.example"}, store.TrackedSent, `impact.com says "Queued" and an error`},
		"an unknown one with an error":       {advocatetest.Verdict{Status: "Failed", ErrorType: "CONV_MALFORMED"}, store.TrackedError, "CONV_MALFORMED"},
		"complete with an error":             {advocatetest.Verdict{Status: "Complete", ErrorType: "CONTRACT_NOT_FOUND"}, store.TrackedError, "CONTRACT_NOT_FOUND"},
		"complete with a reason only":        {advocatetest.Verdict{Status: "Complete", ErrorReason: "no contract"}, store.TrackedError, "Complete"},
		"an order id that is not ours twice": {advocatetest.Verdict{Status: "Complete", ErrorType: "CONV_MALFORMED", ErrorReason: "OrderId was used already"}, store.TrackedError, "CONV_MALFORMED"},
		"complete":                           {advocatetest.Verdict{Status: "Complete"}, store.TrackedComplete, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			wonDeals(t, s, 1)
			tt.verdict.OrderID = events(t, s)[0].OrderID
			s.Tenant.OrderVerdict(tt.verdict)
			look(t, s)
			if e := events(t, s)[0]; e.State != tt.state || e.Reason != tt.reason {
				t.Errorf("%s: %q, want %s: %q", e.State, e.Reason, tt.state, tt.reason)
			}
			if parked := s.Parked(t); (len(parked) == 1) != (tt.state == store.TrackedError) {
				t.Errorf("parked: %+v", parked)
			}
		})
	}
}
