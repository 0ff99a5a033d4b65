package trigger_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

// sendingAmount is the won deal's definition with another expression for its amount.
func sendingAmount(expression string) string {
	return edited("deal.amount > 100", "true", amount, "    Amount: '= "+expression+"'\n")
}

func decide(t testing.TB, source string, f trigger.Facts) trigger.Decision {
	t.Helper()
	tr, err := trigger.Load([]byte(source), schema)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Decide(f)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDecide_amountsAreExact(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ amount, expression, want, blocked string }{
		"more digits than a float holds":     {"12345678901234567.89", "deal.amount", "12345678901234567.89", ""},
		"a whole number beyond 2^53":         {"9007199254740993", "deal.amount", "9007199254740993", ""},
		"a whole number beyond 64 bits":      {"123456789012345678901234567890", "deal.amount", "123456789012345678901234567890", ""},
		"many decimals":                      {"0.1234567890123456789", "deal.amount", "0.1234567890123456789", ""},
		"an exponent":                        {"1.5E7", "deal.amount", "15000000", ""},
		"a small exponent":                   {"1e-7", "deal.amount", "0.0000001", ""},
		"zeros at the end":                   {"1200.50", "deal.amount", "1200.5", ""},
		"a sum of tenths":                    {"0.1", "deal.amount + 0.2", "0.3", ""},
		"a product":                          {"12345678901234567.89", "deal.amount * 1.19", "14691357892469135.7891", ""},
		"a literal of many digits":           {"0", "deal.amount + 12345678901234567.89", "12345678901234567.89", ""},
		"a difference":                       {"12345678901234567.89", "deal.amount - 12345678901234567.88", "0.01", ""},
		"a quotient that ends":               {"10", "deal.amount / 4.0", "2.5", ""},
		"a quotient that comes back":         {"10", "deal.amount / 3.0 * 3.0", "10", ""},
		"a quotient that never ends":         {"10", "deal.amount / 3.0", "", "a number's decimals never end: say where to round it, as in round(x, 2)"},
		"it is rounded where that is said":   {"10", "round(deal.amount / 3.0, 2)", "3.33", ""},
		"a half goes away from zero":         {"0.125", "round(deal.amount, 2)", "0.13", ""},
		"below zero, too":                    {"-0.125", "round(deal.amount, 2)", "-0.13", ""},
		"whole numbers with a remainder":     {"7", "double(int(deal.amount) / 2)", "", "a number has decimals, which a whole number would lose: round it first, as in int(round(x, 0))"},
		"whole numbers without one":          {"8", "int(deal.amount) / 2", "4", ""},
		"decimals that int() would drop":     {"99.99", "int(deal.amount)", "", "a number has decimals, which a whole number would lose: round it first, as in int(round(x, 0))"},
		"a text as a number":                 {"1", `deal.amount * double("12345678901234567.89")`, "12345678901234567.89", ""},
		"a way through text and back":        {"12345678901234567.89", "double(string(deal.amount))", "12345678901234567.89", ""},
		"a default":                          {"", "deal.?amount.orValue(12345678901234567.89)", "12345678901234567.89", ""},
		"a negation":                         {"12345678901234567.89", "-deal.amount", "-12345678901234567.89", ""},
		"a bound":                            {"12345678901234567.89", "deal.amount > 12345678901234567.88 && 12345678901234567 < deal.amount ? 1.0 : 0.0", "1", ""},
		"equality":                           {"12345678901234567.89", "deal.amount == 12345678901234567.88 || deal.amount in [1.0, 12345678901234567.9] ? 1.0 : 0.0", "0", ""},
		"grouped digits":                     {"1,200.50", "deal.amount", "", "deal.amount does not hold a number"},
		"a decimal comma":                    {"1200,50", "deal.amount", "", "deal.amount does not hold a number"},
		"a plus sign":                        {"+100.5", "deal.amount", "100.5", ""},
		"grouped by a space":                 {"1 200", "deal.amount", "", "deal.amount does not hold a number"},
		"grouped by an apostrophe":           {"1'200", "deal.amount", "", "deal.amount does not hold a number"},
		"grouped by underscores":             {"1_200", "deal.amount", "", "deal.amount does not hold a number"},
		"a minus of a typist":                {"\u2212" + "5", "deal.amount", "", "deal.amount does not hold a number"},
		"digits of another script":           {"\u0663", "deal.amount", "", "deal.amount does not hold a number"},
		"fullwidth digits":                   {"\uff11\uff12", "deal.amount", "", "deal.amount does not hold a number"},
		"a currency sign":                    {"$100", "deal.amount", "", "deal.amount does not hold a number"},
		"a currency behind it":               {"100 EUR", "deal.amount", "", "deal.amount does not hold a number"},
		"a fraction":                         {"1/3", "deal.amount", "", "deal.amount does not hold a number"},
		"in brackets":                        {"(5)", "deal.amount", "", "deal.amount does not hold a number"},
		"a point alone":                      {".", "deal.amount", "", "deal.amount does not hold a number"},
		"two points":                         {"1.200.50", "deal.amount", "", "deal.amount does not hold a number"},
		"a sign that nobody sees":            {"1\u200b00", "deal.amount", "", "deal.amount does not hold a number"},
		"infinity":                           {"Infinity", "deal.amount", "", "deal.amount does not hold a number"},
		"no number":                          {"NaN", "deal.amount", "", "deal.amount does not hold a number"},
		"another base":                       {"0x10", "deal.amount", "", "deal.amount does not hold a number"},
		"an exponent that would fill a disk": {"1e999999999", "deal.amount", "", "deal.amount does not hold a number"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := decide(t, sendingAmount(tt.expression), facts(map[string]string{"dealstage": "closedwon", "amount": tt.amount}))
			if tt.blocked != "" {
				if want := "it matches, but cannot be sent: Amount cannot be computed: " + tt.blocked; got.Verdict != trigger.Blocked || got.Why != want {
					t.Errorf("%s: %s", got.Verdict, got.Why)
				}
				return
			}
			if got.Verdict != trigger.Send || got.Conversion.Fields["Amount"] != tt.want {
				t.Errorf("%s: %s: %+v, want %s", got.Verdict, got.Why, got.Conversion, tt.want)
			}
		})
	}
}

func TestDecide_literalAmountsStayAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"12345678901234567.89": "12345678901234567.89", "10.50": "10.50", "9007199254740993": "9007199254740993", "-5": "-5",
	} {
		source := edited(amount, "    Amount: "+written+"\n")
		if got := decide(t, source, facts(won())); got.Verdict != trigger.Send || got.Conversion.Fields["Amount"] != want {
			t.Errorf("%s: %+v", written, got)
		}
	}
	for _, written := range []string{"1e3", "1_000", "0x10", "1,5", "NaN", ".inf"} {
		if got := mistakes(t, edited(amount, "    Amount: "+written+"\n")); len(got) != 1 {
			t.Errorf("%s: %q", written, got)
		}
	}
}

func TestDecide_anEventsNumbersAreExact(t *testing.T) {
	t.Parallel()
	source := "id: x\nobject: deal\nevent: {type: created}\nadvocate_event:\n  key: k\n  fields:\n" +
		"    computed: = deal.amount\n    written: 12345678901234567.89\n    whole: 123456789012345678901234567890\n    hex: 0x10\n"
	got := decide(t, source, facts(map[string]string{"amount": "12345678901234567.89"}))
	if got.Event == nil {
		t.Fatal(got.Why)
	}
	want := "map[computed:12345678901234567.89 hex:16 whole:123456789012345678901234567890 written:12345678901234567.89]"
	if said := fmt.Sprint(got.Event.Fields); said != want {
		t.Errorf("got %s\nwant %s", said, want)
	}
}

func TestDecide_theCurrencyIsNeverAGuess(t *testing.T) {
	t.Parallel()
	const (
		own      = "deal.?deal_currency_code.orValue(portal.currency)"
		unstated = "CurrencyCode is not the currency in which HubSpot keeps Amount: it is the deal's own (deal.deal_currency_code), else the portal's (portal.currency)"
		unknown  = "the currency of Amount is unknown: the deal names none, and HubSpot does not tell the portal's"
	)
	tests := map[string]struct{ field, amount, deals, portals, want, blocked string }{
		"the deal's own":                             {"= " + own, "deal.amount", "USD", "EUR", "USD", ""},
		"the portal's":                               {"= " + own, "deal.amount", "", "JPY", "JPY", ""},
		"the portal's is unknown":                    {"= " + own, "deal.amount", "", "", "", "CurrencyCode is empty, and Amount needs it"},
		"the portal's is none":                       {"= " + own, "deal.amount", "", "EURO", "", "CurrencyCode is longer than 3 characters"},
		"there is no such currency":                  {"= " + own, "deal.amount", "ABC", "EUR", "", "CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"one that is no more":                        {"= " + own, "deal.amount", "DEM", "EUR", "", "CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"gold":                                       {"= " + own, "deal.amount", "XAU", "EUR", "", "CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"a code for tests":                           {"= " + own, "deal.amount", "XTS", "EUR", "", "CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"no state's money":                           {"= " + own, "deal.amount", "BTC", "EUR", "", "CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"a code and a space":                         {"= " + own, "deal.amount", "EUR ", "EUR", "", unstated},
		"small letters":                              {"= " + own, "deal.amount", "eur", "EUR", "", "CurrencyCode is no ISO 4217 code, as EUR and USD are"},
		"a default that is the portal's":             {`= deal.?deal_currency_code.orValue("EUR")`, "deal.amount", "", "EUR", "EUR", ""},
		"a default that is not":                      {`= deal.?deal_currency_code.orValue("EUR")`, "deal.amount", "", "USD", "", unstated},
		"a default, and the portal's is unknown":     {`= deal.?deal_currency_code.orValue("EUR")`, "deal.amount", "", "", "", unknown},
		"a fixed one that the deal has":              {"EUR", "deal.amount", "EUR", "USD", "EUR", ""},
		"a fixed one that the deal has not":          {"EUR", "deal.amount", "USD", "EUR", "", unstated},
		"the portal's for an amount in the deal's":   {"= portal.currency", "deal.amount", "USD", "EUR", "", unstated},
		"the portal's for an amount in the portal's": {"= portal.currency", "deal.amount_in_home_currency", "USD", "EUR", "EUR", ""},
		"the deal's for an amount in the portal's":   {"= " + own, "deal.amount_in_home_currency", "USD", "EUR", "", unstated},
		"an operator's own rate":                     {"EUR", "deal.amount * 0.5", "USD", "USD", "EUR", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := edited("deal.amount > 100", "true", amount, "    Amount: '= "+tt.amount+"'\n", currency, "    CurrencyCode: '"+tt.field+"'\n")
			f := facts(map[string]string{"dealstage": "closedwon", "amount": "100", "amount_in_home_currency": "90", "deal_currency_code": tt.deals})
			f.Portal.Currency = tt.portals
			got := decide(t, source, f)
			if tt.blocked != "" {
				if got.Verdict != trigger.Blocked || got.Why != "it matches, but cannot be sent: "+tt.blocked {
					t.Errorf("%s: %s", got.Verdict, got.Why)
				}
				return
			}
			if got.Verdict != trigger.Send || got.Conversion.Fields["CurrencyCode"] != tt.want {
				t.Errorf("%s: %s: %+v", got.Verdict, got.Why, got.Conversion)
			}
		})
	}
}

func TestDecide_momentsThatAreNone(t *testing.T) {
	t.Parallel()
	const (
		unreadable = "EventDate cannot be computed: deal.closedate does not hold a date"
		never      = "EventDate is not a date between 1900 and 2199"
		ahead      = "EventDate is more than a day ahead"
		old        = "EventDate is more than 87 days ago, and impact.com does not take events that old"
	)
	tests := map[string]struct{ closedate, want, blocked string }{
		"ISO 8601":                      {"2026-11-20T08:15:30.123Z", "2026-11-20T08:15:30Z", ""},
		"another zone":                  {"2026-11-20T08:15:30+02:00", "2026-11-20T06:15:30Z", ""},
		"a day":                         {"2026-11-20", "2026-11-20T00:00:00Z", ""},
		"milliseconds":                  {"1794729600000", "2026-11-15T08:00:00Z", ""},
		"tomorrow, somewhere":           {"2026-11-27T11:00:00Z", "2026-11-27T11:00:00Z", ""},
		"seconds":                       {"1778457600", "", unreadable},
		"microseconds":                  {"1794729600000000", "", unreadable},
		"nanoseconds":                   {"1794729600000000000", "", unreadable},
		"the beginning of time":         {"0", "", unreadable},
		"before it":                     {"-62135596800000", "", unreadable},
		"a year alone":                  {"2026", "", unreadable},
		"a day of a spreadsheet":        {"46346", "", unreadable},
		"another order":                 {"20/11/2026", "", unreadable},
		"a month that is none":          {"2026-13-01", "", unreadable},
		"a year of a typist":            {"0206-11-20", "", never},
		"a sentinel":                    {"9999-12-31", "", never},
		"a close that is only expected": {"2026-12-24T00:00:00Z", "", ahead},
		"too old":                       {"2026-08-01", "", old},
		"a day that no month has":       {"2026-02-30", "", unreadable},
		"no zone":                       {"2026-11-20T08:15:30", "", unreadable},
		"an hour that no day has":       {"2026-11-20T24:00:00Z", "", unreadable},
		"a leap second":                 {"2026-11-20T23:59:60Z", "", unreadable},
		"a week":                        {"2026-W47-5", "", unreadable},
		"milliseconds with an exponent": {"1.7947296e12", "", unreadable},
		"ten times the milliseconds":    {"17947296000000", "", unreadable},
		"digits of another width":       {"\uff12\uff10\uff12\uff16-11-20", "", unreadable},
		"a sign that nobody sees":       {"2026-11-20\u200b", "", unreadable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := edited("    Text1: HubSpot\n", "    EventDate: = deal.closedate\n")
			got := decide(t, source, facts(map[string]string{"dealstage": "closedwon", "amount": "200", "closedate": tt.closedate}))
			if tt.blocked != "" {
				if got.Verdict != trigger.Blocked || got.Why != "it matches, but cannot be sent: "+tt.blocked {
					t.Errorf("%s: %s", got.Verdict, got.Why)
				}
				return
			}
			if got.Verdict != trigger.Send || got.Conversion.Fields["EventDate"] != tt.want {
				t.Errorf("%s: %s: %+v", got.Verdict, got.Why, got.Conversion)
			}
		})
	}
}

func TestDecide_theAgeOfWhatIsSentCounts(t *testing.T) {
	t.Parallel()
	closed := edited("    Text1: HubSpot\n", "    EventDate: = deal.closedate\n")
	days := func(n int) time.Time { return happened.Add(-time.Duration(n) * 24 * time.Hour) }
	tests := map[string]struct {
		source           string
		occurred, closed time.Time
		verdict          trigger.Verdict
	}{
		"an old change of a deal that closed lately":      {closed, days(100), days(1), trigger.Send},
		"a late change of a deal that closed long ago":    {closed, days(1), days(100), trigger.Blocked},
		"a media partner's site has more time":            {closed + "    MediaId: 7\n", days(1), days(100), trigger.Send},
		"but not for ever":                                {closed + "    MediaId: 7\n", days(1), days(398), trigger.Blocked},
		"the change itself, where there is no other date": {dealWon, days(100), days(1), trigger.Blocked},
	}
	for name, tt := range tests {
		f := facts(map[string]string{"dealstage": "closedwon", "amount": "200", "closedate": tt.closed.Format(time.RFC3339)})
		f.Change.OccurredAt = tt.occurred
		if got := decide(t, tt.source, f); got.Verdict != tt.verdict {
			t.Errorf("%s: %s: %s", name, got.Verdict, got.Why)
		}
	}
}

func TestConversionRequest_isDatedWhenItIsSent(t *testing.T) {
	t.Parallel()
	sent := decide(t, dealWon, facts(won())).Conversion
	if problem := sent.Dated(happened.Add(86 * 24 * time.Hour)); problem != "" {
		t.Error(problem)
	}
	if problem := sent.Dated(happened.Add(88 * 24 * time.Hour)); problem == "" {
		t.Error("it may be sent after 88 days")
	}
	lost := facts(map[string]string{"dealstage": "closedlost"})
	lost.Sent = true
	if problem := decide(t, dealWon, lost).Conversion.Dated(happened.Add(88 * 24 * time.Hour)); problem != "" {
		t.Errorf("a reversal: %s", problem)
	}
}

func TestDecide_customerIdNeverNamesAPerson(t *testing.T) {
	t.Parallel()
	text := func(expression string) string {
		return edited("    Text1: HubSpot\n", "    CustomerId: '"+expression+"'\n")
	}
	for expression, want := range map[string]string{
		"= contact.email":                        "line 16, column 20: conversion.fields.CustomerId: would be the customer's email: leave CustomerId out, and it is a hash of the customer's email",
		`= contact.email.lowerAscii() + "-1"`:    "line 16, column 20: conversion.fields.CustomerId: would be the customer's email: leave CustomerId out, and it is a hash of the customer's email",
		"= contact.phone":                        "line 16, column 20: conversion.fields.CustomerId: would be the customer's phone: leave CustomerId out, and it is a hash of the customer's email",
		`= contact.firstname + contact.lastname`: "line 16, column 20: conversion.fields.CustomerId: would be the customer's firstname: leave CustomerId out, and it is a hash of the customer's email",
		"= contact.customer_number":              "",
		"C-1001":                                 "",
	} {
		var all []string
		if want != "" {
			all = []string{want}
		}
		if diff := cmp.Diff(all, mistakes(t, text(expression))); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
	}
	person := bridge.Properties{
		"firstname": "Zoë", "lastname": "Weiß", "phone": "+49 (89) 123 45-67", "mobilephone": "0170 7654321", "hs_linkedin_url": "https://linkedin.example/in/zoe",
		"hs_whatsapp_phone_number": "110", "work_email": "\u200b",
	}
	decided := func(number string) trigger.Decision {
		f := facts(won())
		f.Customer.Properties = bridge.Properties{"customer_number": number}
		maps.Copy(f.Customer.Properties, person)
		return decide(t, text("= contact.customer_number"), f)
	}
	for _, number := range []string{
		"ada@example.org", "Ada@Example.org", "x@y", "mailto:ada@example.org", "ada%40example.org", "ada&#64;example.org", "YWRhQGV4YW1wbGUub3Jn",
		"+49 (89) 123 45-67", "+49891234567", "0049 89 1234567", "089/1234567", "89.123.45.67", "1234567", "tel:+49891234567", "+49 170 7654321", "110",
		"Weiß", "WEISS, Zoe\u0308", "Zoë Weiß", "zoë.weiß", "Zoe\u0308", "https://linkedin.example/in/zoe",
	} {
		if got := decided(number); got.Verdict != trigger.Blocked || strings.Contains(got.Why, number) {
			t.Errorf("%q: %s: %s: %+v", number, got.Verdict, got.Why, got.Conversion)
		}
	}
	for _, number := range []string{"C-1001", "1001", "9912345", "49", "W", "7f0c5e9e-8d1b-4a53-9d7b-1f2d3c4b5a69", "4d186321c1a7f0f354b297e8914ab240"} {
		if got := decided(number); got.Verdict != trigger.Send || got.Conversion.Fields["CustomerId"] != number {
			t.Errorf("%q: %s: %s", number, got.Verdict, got.Why)
		}
	}
	for _, nothing := range []string{"", " "} {
		if got := decided(nothing); got.Verdict == trigger.Send && got.Conversion.Fields["CustomerId"] != "" || strings.Contains(got.Why, "is an email") {
			t.Errorf("%q: %s: %s", nothing, got.Verdict, got.Why)
		}
	}
	// What is to be told apart has to be read.
	read := load(t, text("= contact.customer_number")).Reads()[bridge.ObjectContact]
	for name := range person {
		if !slices.Contains(read, name) {
			t.Errorf("%s is not read: %v", name, read)
		}
	}
	if read := load(t, dealWon).Reads()[bridge.ObjectContact]; slices.Contains(read, "phone") {
		t.Errorf("%v is read although nobody needs it", read)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const (
		often = "once: change\n"
		ofAny = `line 17, column 7: once: every change of dealstage or amount counts while the condition holds, so one deal can count several times: leave once out, or add event.property == "dealstage" to the condition`
	)
	tests := map[string]struct{ source, want string }{
		"nothing to say":            {dealWon, ""},
		"a state of several":        {edited("property: dealstage", "property: [dealstage, amount]") + often, ofAny},
		"a state of something else": {edited("property: dealstage", "property: dealname") + often, "line 17, column 7: once: every change of dealname counts while the condition holds, so one deal can count several times: leave once out, or watch what the condition is about"},
		"the change is asked for":   {edited("property: dealstage", "property: [dealstage, amount]", "deal.amount > 100", `event.property == "dealstage"`) + often, ""},
		"one change is left":        {edited("property: dealstage", "property: [dealstage, amount]", "deal.amount > 100", `event.property != "amount"`) + often, ""},
		"each change is asked for":  {edited("property: dealstage", "property: [dealstage, amount]", "deal.amount > 100", `event.property in ["dealstage", "amount"]`) + often, ofAny},
		"a change, or a state":      {edited("property: dealstage", "property: [dealstage, amount]", "deal.amount > 100", `(event.property == "dealstage" || deal.amount > 100)`) + often, ofAny},
		"the moment is asked for":   {edited("property: dealstage", "property: [dealstage, amount]", "deal.amount > 100", `event.occurred_at > timestamp("2026-01-01T00:00:00Z")`) + often, ofAny},
		"a state of the customer":   {edited("property: dealstage", "property: [dealstage, amount]", whenWon, `when: contact.customer_number == "1"`) + often, ofAny},
		"one property":              {dealWon + often, ""},
		"once for each record":      {edited("property: dealstage", "property: [dealstage, amount]"), ""},
		"no condition":              {edited(whenWon, "", "property: dealstage", "property: [dealstage, amount]") + often, ""},
		"a currency by default":     {edited("portal.currency", `"EUR"`), "line 15, column 21: conversion.fields.CurrencyCode: EUR is right only for deals in that currency, and others are parked: write = deal.?deal_currency_code.orValue(portal.currency)"},
		"a fixed currency":          {edited(currency, "    CurrencyCode: EUR\n"), "line 15, column 19: conversion.fields.CurrencyCode: EUR is right only for deals in that currency, and others are parked: write = deal.?deal_currency_code.orValue(portal.currency)"},
	}
	for name, tt := range tests {
		var got []string
		for _, w := range load(t, tt.source).Warnings() {
			got = append(got, w.String())
		}
		if said := strings.Join(got, "\n"); said != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", name, said, tt.want)
		}
	}
}

// TestDecide_noMoneyIsEverRoundedOrDefaulted: whatever the record and the portal
// hold, an amount that is sent is the record's to the last digit, in the
// record's own currency, and dated within what the vendor takes.
func TestDecide_noMoneyIsEverRoundedOrDefaulted(t *testing.T) {
	t.Parallel()
	expressions := map[string]func(x *big.Rat) *big.Rat{
		"deal.amount":             func(x *big.Rat) *big.Rat { return x },
		"deal.amount + 0.1 - 0.1": func(x *big.Rat) *big.Rat { return x },
		"deal.amount / 7.0 * 7.0": func(x *big.Rat) *big.Rat { return x },
		"deal.amount * 1.19":      func(x *big.Rat) *big.Rat { return new(big.Rat).Mul(x, big.NewRat(119, 100)) },
		"deal.amount / 3.0":       func(x *big.Rat) *big.Rat { return new(big.Rat).Quo(x, big.NewRat(3, 1)) },
		"-deal.amount":            func(x *big.Rat) *big.Rat { return new(big.Rat).Neg(x) },
	}
	currencies := []string{"", "EUR", "USD", "JPY", "XXX", "usd", "€"}
	rapid.Check(t, func(t *rapid.T) {
		expression := rapid.SampledFrom([]string{"deal.amount", "deal.amount + 0.1 - 0.1", "deal.amount / 7.0 * 7.0", "deal.amount * 1.19", "deal.amount / 3.0", "-deal.amount"}).Draw(t, "expression")
		held := rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,30}(\.[0-9]{0,20})?`), rapid.StringMatching(`[0-9]{1,3}[.,eE+x ][0-9]{1,3}`), rapid.Just("")).Draw(t, "amount")
		own, portals := rapid.SampledFrom(currencies).Draw(t, "currency"), rapid.SampledFrom(currencies).Draw(t, "portal's")
		field := rapid.SampledFrom([]string{"= deal.?deal_currency_code.orValue(portal.currency)", `= deal.?deal_currency_code.orValue("EUR")`, "EUR", "= portal.currency"}).Draw(t, "field")
		f := facts(map[string]string{"dealstage": "closedwon", "amount": held, "deal_currency_code": own})
		f.Portal.Currency = portals
		source := edited("deal.amount > 100", "true", amount, "    Amount: '= "+expression+"'\n", currency, "    CurrencyCode: '"+field+"'\n")
		tr, err := trigger.Load([]byte(source), schema)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Decide(f)
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != trigger.Send {
			return
		}
		x, readable := new(big.Rat).SetString(strings.TrimSpace(held))
		if !readable {
			t.Fatalf("%q is sent as %s", held, got.Conversion.Fields["Amount"])
		}
		sent, _ := new(big.Rat).SetString(got.Conversion.Fields["Amount"])
		if sent == nil || sent.Cmp(expressions[expression](x)) != 0 {
			t.Fatalf("%s of %q is sent as %s", expression, held, got.Conversion.Fields["Amount"])
		}
		actual := own
		if actual == "" {
			actual = portals
		}
		converts := strings.ContainsAny(expression, "*/")
		if code := got.Conversion.Fields["CurrencyCode"]; !converts && code != actual || code == "XXX" || len(code) != 3 {
			t.Fatalf("%s %s is sent as %s", held, actual, code)
		}
	})
}

// FuzzDecide_amountsAndDates: whatever text a record holds, what is sent is the
// same number and a date that the vendor takes, or nothing is sent.
func FuzzDecide_amountsAndDates(f *testing.F) {
	for _, seed := range [][2]string{
		{"12345678901234567.89", "2026-11-20T08:15:30.123Z"}, {"1e999999999", "1778457600"}, {"-0", "0"}, {"1,5", "1794729600000"},
		{"0x1p-2", "2026-11-20"}, {"٣", "9999-12-31"}, {"1/3", "-1"}, {" 7 ", " 2026-11-20 "}, {"1_000", "2026-W47"}, {"+.5", "+002026-11-20"},
	} {
		f.Add(seed[0], seed[1])
	}
	source := edited("deal.amount > 100", "true", "    Text1: HubSpot\n", "    EventDate: = deal.closedate\n")
	tr, err := trigger.Load([]byte(source), schema)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, held, closed string) {
		got, err := tr.Decide(facts(map[string]string{"dealstage": "closedwon", "amount": held, "closedate": closed}))
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != trigger.Send {
			return
		}
		want, ok := new(big.Rat).SetString(strings.TrimSpace(held))
		sent, plain := new(big.Rat).SetString(got.Conversion.Fields["Amount"])
		if !ok || !plain || want.Cmp(sent) != 0 || strings.ContainsAny(got.Conversion.Fields["Amount"], "eE/xX_") {
			t.Errorf("%q is sent as %q", held, got.Conversion.Fields["Amount"])
		}
		at, err := time.Parse(time.RFC3339, got.Conversion.Fields["EventDate"])
		if now := happened.Add(time.Minute); err != nil || at.After(now.Add(24*time.Hour)) || at.Before(now.Add(-87*24*time.Hour)) {
			t.Errorf("%q is sent as %q", closed, got.Conversion.Fields["EventDate"])
		}
	})
}
