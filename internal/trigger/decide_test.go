package trigger_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

// edited is the won deal's definition with some of its text replaced.
func edited(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(dealWon) }

const (
	whenWon  = `when: deal.dealstage == "closedwon" && deal.amount > 100`
	amount   = "    Amount: = deal.amount\n"
	currency = `    CurrencyCode: = deal.?deal_currency_code.orValue(portal.currency)` + "\n"
)

func won() map[string]string { return map[string]string{"dealstage": "closedwon", "amount": "1200.50"} }

func TestDecide_verdictsAndTheirReasons(t *testing.T) {
	t.Parallel()
	nobody := func(f *trigger.Facts) { f.Customer = nil }
	sent := func(f *trigger.Facts) { f.Sent = true }
	tests := map[string]struct {
		source  string
		props   map[string]string
		change  func(*trigger.Facts)
		verdict trigger.Verdict
		why     string
	}{
		"it matches":                 {dealWon, won(), nil, trigger.Send, "when holds"},
		"no condition is always met": {edited(whenWon, ""), won(), nil, trigger.Send, "there is no condition"},
		"the part that does not hold is named": {dealWon, map[string]string{"dealstage": "closedlost", "amount": "1200"}, nil,
			trigger.Skip, `this does not hold: deal.dealstage == "closedwon"`},
		"so is the last of several": {dealWon, map[string]string{"dealstage": "closedwon", "amount": "99"}, nil,
			trigger.Skip, `this does not hold: deal.amount > 100`},
		"an alternative as a whole": {edited(whenWon, `when: deal.renewal || deal.amount > 100`), map[string]string{"renewal": "false", "amount": "1"}, nil,
			trigger.Skip, `this does not hold: deal.renewal || deal.amount > 100`},
		"an empty number that matters": {dealWon, map[string]string{"dealstage": "closedwon"}, nil,
			trigger.Skip, "when cannot be evaluated: deal.amount is empty"},
		"an empty number that does not": {dealWon, map[string]string{"dealstage": "closedlost"}, nil,
			trigger.Skip, `this does not hold: deal.dealstage == "closedwon"`},
		"a number that is none": {dealWon, map[string]string{"dealstage": "closedwon", "amount": "lots"}, nil,
			trigger.Blocked, "when cannot be evaluated: deal.amount does not hold a number"},
		"has() asks first": {edited(whenWon, `when: "has(deal.amount) ? deal.amount > 100 : true"`, amount, "", currency, ""), map[string]string{}, nil,
			trigger.Send, "when holds"},
		"nobody to credit": {dealWon, won(), nobody, trigger.NoCustomer, "it matches, but none of its contacts is mapped to a participant"},
		"nobody to credit, and it does not matter": {dealWon, map[string]string{"dealstage": "closedlost"}, nobody,
			trigger.Skip, `this does not hold: deal.dealstage == "closedwon"`},
		"nobody to ask": {edited("deal.amount > 100", `contact.country == "DE"`), won(), nobody,
			trigger.NoCustomer, "when depends on the contact, and none is mapped to a participant"},
		"nobody to ask, and it does not matter": {edited("deal.amount > 100", `contact.country == "DE"`), map[string]string{"dealstage": "x"}, nobody,
			trigger.Skip, `this does not hold: deal.dealstage == "closedwon"`},
		"a customer without an email": {dealWon, won(), func(f *trigger.Facts) { f.Customer.Email = " " },
			trigger.Blocked, "it matches, but cannot be sent: the customer has no email"},
		"older than impact.com takes": {dealWon, won(), func(f *trigger.Facts) { f.Now = happened.Add(88 * 24 * time.Hour) },
			trigger.Blocked, "it matches, but cannot be sent: EventDate is more than 87 days ago, and impact.com does not take events that old"},
		"several values that do not do": {edited(whenWon, ""), map[string]string{"deal_currency_code": "euro"}, nil,
			trigger.Blocked, "it matches, but cannot be sent: Amount cannot be computed: deal.amount is empty; CurrencyCode is longer than 3 characters"},
		"a code in small letters": {dealWon, map[string]string{"dealstage": "closedwon", "amount": "101", "deal_currency_code": "eur"}, nil,
			trigger.Blocked, "it matches, but cannot be sent: CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"money without a currency": {edited(currency, "    CurrencyCode: = deal.deal_currency_code\n"), won(), nil,
			trigger.Blocked, "it matches, but cannot be sent: CurrencyCode is empty, and Amount needs it"},
		"a value that is too long": {edited("Text1: HubSpot", "Text1: = deal.dealname"),
			map[string]string{"dealstage": "closedwon", "amount": "101", "dealname": strings.Repeat("ä", 65)}, nil,
			trigger.Blocked, "it matches, but cannot be sent: Text1 is longer than 64 characters"},
		"a division by nothing": {edited("Text1: HubSpot", `Text1: "= string(100 / int(deal.amount - deal.amount))"`), won(), nil,
			trigger.Blocked, "it matches, but cannot be sent: Text1 cannot be computed: a division by zero"},
		"a text that is no number": {edited("Text1: HubSpot", `Text1: "= string(int(deal.dealname))"`), won(), nil,
			trigger.Blocked, "it matches, but cannot be sent: Text1 cannot be computed: a text is not what a conversion expects"},
		"sent, and never to be taken back": {edited(`reverse_when: deal.dealstage == "closedlost"`, ""), won(), sent, trigger.Skip, "it was sent already"},
		"sent, and still right":            {dealWon, won(), sent, trigger.Skip, `it was sent already; the reversal: this does not hold: deal.dealstage == "closedlost"`},
		"sent, and to be taken back": {dealWon, map[string]string{"dealstage": "closedlost"}, sent,
			trigger.Reverse, "it was sent already; the reversal: reverse_when holds"},
		"to be taken back without a customer": {dealWon, map[string]string{"dealstage": "closedlost"}, func(f *trigger.Facts) { f.Sent, f.Customer = true, nil },
			trigger.Reverse, "it was sent already; the reversal: reverse_when holds"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(tt.props)
			if tt.change != nil {
				tt.change(&f)
			}
			got, err := load(t, tt.source).Decide(f)
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != tt.verdict || got.Why != tt.why {
				t.Errorf("got %s: %s\nwant %s: %s", got.Verdict, got.Why, tt.verdict, tt.why)
			}
			if sends := tt.verdict == trigger.Send || tt.verdict == trigger.Reverse; (got.Conversion != nil) != sends {
				t.Errorf("the request is %+v", got.Conversion)
			}
		})
	}
}

func TestDecide_aReversalNamesWhatWasSent(t *testing.T) {
	t.Parallel()
	tr := load(t, dealWon)
	first, err := tr.Decide(facts(won()))
	if err != nil {
		t.Fatal(err)
	}
	f := facts(map[string]string{"dealstage": "closedlost"})
	f.Sent, f.Change.OccurredAt = true, happened.Add(time.Hour)
	got, err := tr.Decide(f)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"ActionTrackerId": "30101", "OrderId": first.OrderID, "DispositionCode": "ITEM_RETURNED", "Amount": "0",
	}
	if diff := cmp.Diff(want, got.Conversion.Fields); diff != "" {
		t.Error(diff)
	}
}

func TestDecide_emailForms(t *testing.T) {
	t.Parallel()
	const (
		sha1   = "3c1b5f0cb91772d027dcdde8fb749091db780cbb"
		sha256 = "cfe00dde46ef942601ffafb9e2825e802858b460e586b8305b344c1eb826357d"
	)
	for form, want := range map[string]struct{ email, id string }{
		"raw":    {"ada@example.org", sha1}, // the id never names a person
		"sha1":   {sha1, sha1},
		"sha256": {sha256, sha256},
	} {
		got, err := load(t, edited("  campaign_id", "  customer_email: "+form+"\n  campaign_id")).Decide(facts(won()))
		if err != nil {
			t.Fatal(err)
		}
		if got.Conversion.Fields["CustomerEmail"] != want.email || got.Conversion.Fields["CustomerId"] != want.id {
			t.Errorf("%s: %v", form, got.Conversion.Fields)
		}
	}
}

func TestDecide_fieldsOfEveryType(t *testing.T) {
	t.Parallel()
	source := edited("    Text1: HubSpot\n", `    Text1: 10.50
    Numeric1: = 7
    Numeric2: = deal.amount * 2.0
    Date1: = deal.closedate
    Text2: = deal.closedate
    Text3: = deal.?closedate
    Text4: = deal.?dealname
    Text5: ""
    Text6: = event.property
    GiftPurchase: = deal.renewal
    CustomerId: ""
    ClickId: abc
    EventDate: = deal.closedate
`)
	got, err := load(t, source).Decide(facts(map[string]string{
		"dealstage": "closedwon", "amount": "1200.50", "closedate": "2026-11-20T08:15:30.123Z", "renewal": "true",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"CampaignId": "47255", "ActionTrackerId": "30101", "OrderId": got.OrderID, "EventDate": "2026-11-20T08:15:30Z",
		"CustomerEmail": "3c1b5f0cb91772d027dcdde8fb749091db780cbb", "ClickId": "abc", "Amount": "1200.5", "CurrencyCode": "EUR",
		"Text1": "10.50", "Numeric1": "7", "Numeric2": "2401", "Date1": "2026-11-20T08:15:30Z", "Text2": "2026-11-20T08:15:30Z",
		"Text3": "2026-11-20T08:15:30Z", "Text6": "dealstage", "GiftPurchase": "true",
	}
	if got.Conversion == nil {
		t.Fatal(got.Why)
	}
	if diff := cmp.Diff(want, got.Conversion.Fields); diff != "" {
		t.Error(diff)
	}
}

const signup = `
id: newsletter
object: contact
event:
  type: form_submitted
  forms: [5f3a, 77bc]
when: form.topic == "news" && !("opt_out" in form)
once: change
advocate_event:
  key: signed_up
  fields:
    source: HubSpot
    year: 2026
    lead:
      topic: = form.topic
      age: = contact.?age
      country: = contact.?country
      at: = event.occurred_at
      fresh: = now - event.occurred_at < duration("1h")
`

func TestDecide_anAdvocateEventKeepsTypesAndNests(t *testing.T) {
	t.Parallel()
	f := trigger.Facts{
		PortalID: 1, Now: happened.Add(time.Minute),
		Change: trigger.Change{Form: "5f3a", Submission: "s1", OccurredAt: happened, Entered: map[string]string{"topic": "news"}},
		Object: bridge.Object{ID: "501", Properties: bridge.Properties{"age": "33"}}, Customer: &trigger.Customer{},
	}
	got, err := load(t, signup).Decide(f)
	if err != nil {
		t.Fatal(err)
	}
	want := &trigger.EventRequest{Key: "signed_up", TriggeredAt: happened, Fields: map[string]any{
		"source": "HubSpot", "year": json.Number("2026"),
		"lead": map[string]any{"topic": "news", "age": json.Number("33"), "at": "2026-11-26T12:00:00Z", "fresh": true},
	}}
	if diff := cmp.Diff(want, got.Event); diff != "" {
		t.Errorf("%s: %s", got.Why, diff)
	}
	f.Change.Entered = map[string]string{"topic": "news", "opt_out": "yes"}
	if got, err := load(t, signup).Decide(f); err != nil || got.Verdict != trigger.Skip {
		t.Errorf("%+v, %v", got, err)
	}
	f.Change.Entered = nil
	if got, err := load(t, signup).Decide(f); err != nil || got.Why != "when cannot be evaluated: a field is not there" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDecide_refusesARecordWithoutAnID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", strings.Repeat("1", 20)} {
		f := facts(won())
		f.Object.ID = id
		if _, err := load(t, dealWon).Decide(f); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestOrderID_oneForAllThatCountsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := trigger.Definition{
			ID: rapid.StringMatching(`[a-z][a-z0-9-]{0,39}`).Draw(t, "trigger"), Object: rapid.SampledFrom(bridge.ObjectTypes()).Draw(t, "type"),
			Once: rapid.SampledFrom([]trigger.Once{trigger.OncePerObject, trigger.OncePerChange}).Draw(t, "once"),
		}
		portal, object := rapid.Int64Min(1).Draw(t, "portal"), rapid.StringMatching(`[1-9][0-9]{0,18}`).Draw(t, "object")
		draw := func(name string) trigger.Change {
			if rapid.Bool().Draw(t, name+" is a form") {
				return trigger.Change{Form: rapid.SampledFrom([]string{"f1", "f2"}).Draw(t, name), Submission: rapid.SampledFrom([]string{"s", "s1"}).Draw(t, name),
					OccurredAt: time.UnixMilli(rapid.Int64Range(1, 2).Draw(t, name))}
			}
			return trigger.Change{Property: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, name), OccurredAt: time.UnixMilli(rapid.Int64Range(1, 3).Draw(t, name))}
		}
		one, two := draw("one"), draw("two")
		a, b := d.OrderID(portal, object, one), d.OrderID(portal, object, two)
		same := d.Once == trigger.OncePerObject ||
			one.Form == two.Form && one.Submission == two.Submission && (one.Form != "" || one.Property == two.Property && one.OccurredAt.Equal(two.OccurredAt))
		if (a == b) != same {
			t.Fatalf("%q and %q, of %+v and %+v", a, b, one, two)
		}
		if len(a) > 64 || len(a) < 8 || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Fatalf("%q is no order id", a)
		}
		for name, other := range map[string]string{
			"portal":  d.OrderID(portal-1, object, one),
			"object":  d.OrderID(portal, object+"0", one),
			"trigger": trigger.Definition{ID: d.ID + "0", Object: d.Object, Once: d.Once}.OrderID(portal, object, one),
		} {
			if other == a {
				t.Fatalf("another %s has the same id", name)
			}
		}
	})
}

func TestOrderID_staysWhatItWas(t *testing.T) {
	t.Parallel()
	// What was sent under these names must be known again by every later version.
	d := trigger.Definition{ID: "deal-won", Object: bridge.ObjectDeal, Once: trigger.OncePerObject}
	change := trigger.Change{Property: "dealstage", OccurredAt: happened}
	form := trigger.Change{Form: "5f3a", Submission: "s1", OccurredAt: happened}
	got := []string{d.OrderID(4711001, "881", change)}
	d.Once = trigger.OncePerChange
	got = append(got, d.OrderID(4711001, "881", change), d.OrderID(4711001, "881", form))
	want := []string{"deal-881-r3s7tgfhfjyjo43ph6dex5mrqi", "deal-881-fiuzfwidb2ldkfubdcno2tgqo4", "deal-881-sbnjo47cfgpip3vsdll3coc4xq"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecide_neverQuotesARecord(t *testing.T) {
	t.Parallel()
	const secret = "zzsecretzz"
	sources := []string{
		dealWon, signup,
		edited(whenWon, `when: int(deal.dealname) > 3 || timestamp(deal.dealname) < now || contact.email.startsWith(deal.dealname)`),
		edited("Text1: HubSpot", "Text1: = deal.dealname", currency, "    CurrencyCode: = deal.dealname\n"),
		edited("Text1: HubSpot", `Text1: "= string(duration(deal.dealname)) + string(bool(deal.dealname))"`),
	}
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom(sources).Draw(t, "source")
		tr, err := trigger.Load([]byte(source), schema)
		if err != nil {
			t.Fatal(err)
		}
		props := bridge.Properties{}
		for name := range schema[tr.Definition().Object] {
			props[name] = rapid.SampledFrom([]string{"", secret, secret + "1", "12", "closedwon", "(" + secret, "true"}).Draw(t, name)
		}
		f := facts(nil)
		f.Object.Properties, f.Change.Entered = props, map[string]string{"topic": rapid.SampledFrom([]string{"news", secret}).Draw(t, "topic")}
		f.Customer.Properties, f.Customer.Email = bridge.Properties{"email": secret, "age": secret}, secret
		got, err := tr.Decide(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got.Why, secret) {
			t.Fatal(got.Why)
		}
	})
}
