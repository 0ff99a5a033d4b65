package trigger_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

// schema is what the tests' portal has.
var schema = trigger.Schema{
	bridge.ObjectDeal: {
		"dealname": of("string"), "amount": of("number"), "closedate": of("datetime"), "renewal": of("bool"), "hs_lastmodifieddate": of("datetime"),
		"deal_currency_code": of("enumeration"), "amount_in_home_currency": of("number"),
		"dealstage": {Type: "enumeration", Options: []string{"contractsent", "closedwon", "closedlost"}},
	},
	bridge.ObjectContact: {"email": of("string"), "lifecyclestage": of("enumeration"), "country": of("string"), "age": of("number"),
		"phone": of("string"), "firstname": of("string"), "lastname": of("string"), "customer_number": of("string")},
	bridge.ObjectCompany: {"name": of("string"), "lifecyclestage": of("enumeration"), "annualrevenue": of("number")},
}

func of(hubspotType string) trigger.Property { return trigger.Property{Type: hubspotType} }

const dealWon = `
id: deal-won
object: deal
event:
  type: property_changed
  property: dealstage
when: deal.dealstage == "closedwon" && deal.amount > 100
reverse_when: deal.dealstage == "closedlost"
conversion:
  campaign_id: 47255
  action_tracker_id: 30101
  disposition_code: ITEM_RETURNED
  fields:
    Amount: = deal.amount
    CurrencyCode: = deal.?deal_currency_code.orValue(portal.currency)
    Text1: HubSpot
`

func load(t *testing.T, source string) *trigger.Trigger {
	t.Helper()
	tr, err := trigger.Load([]byte(source), schema)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

var happened = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func facts(props map[string]string) trigger.Facts {
	return trigger.Facts{
		PortalID: 4711001, Now: happened.Add(time.Minute),
		Change:   trigger.Change{Property: "dealstage", OccurredAt: happened},
		Object:   bridge.Object{ID: "881", Properties: props},
		Portal:   trigger.Portal{Currency: "EUR"},
		Customer: &trigger.Customer{Email: " Ada@Example.org ", Properties: map[string]string{"email": "ada@example.org"}},
	}
}

func TestDecide_aWonDealIsAConversion(t *testing.T) {
	t.Parallel()
	got, err := load(t, dealWon).Decide(facts(map[string]string{"dealstage": "closedwon", "amount": "1200.50"}))
	if err != nil {
		t.Fatal(err)
	}
	const ada = "3c1b5f0cb91772d027dcdde8fb749091db780cbb"
	want := map[string]string{
		"CampaignId": "47255", "ActionTrackerId": "30101", "OrderId": got.OrderID, "EventDate": "2026-11-26T12:00:00Z",
		"CustomerId": ada, "CustomerEmail": ada, "Amount": "1200.5", "CurrencyCode": "EUR", "Text1": "HubSpot",
	}
	if got.Verdict != trigger.Send || got.Conversion == nil {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(want, got.Conversion.Fields); diff != "" {
		t.Error(diff)
	}
}

func TestRestore_needsOnlyWhatWasKept(t *testing.T) {
	t.Parallel()
	first := load(t, dealWon)
	kept, err := json.Marshal(first.Only(schema))
	if err != nil {
		t.Fatal(err)
	}
	again, err := trigger.Restore(dealWon, kept)
	if err != nil {
		t.Fatal(err)
	}
	f := facts(map[string]string{"dealstage": "closedwon", "amount": "1200.50"})
	want, err := first.Decide(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Decide(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first.Watches(), again.Watches()); diff != "" {
		t.Error(diff)
	}
}
