package trigger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/trigger"
)

// mistakes are what Load says about a definition, line by line.
func mistakes(t *testing.T, source string) []string {
	t.Helper()
	_, err := trigger.Load([]byte(source), schema)
	if err == nil {
		return nil
	}
	all, ok := errors.AsType[trigger.MistakesError](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	var out []string
	for _, m := range all {
		out = append(out, m.String())
	}
	return out
}

func TestLoad_reportsAllMistakesAtOnceEachInItsPlace(t *testing.T) {
	t.Parallel()
	got := mistakes(t, `id: Deal Won
object: deal
event:
  type: property_changed
  property: dealstge
whem: deal.amount > 1
when: deal.amout > 100 && deal.dealname > 5 && sale.amount > 1
reverse_when: deal.amount + 1.0
conversion:
  event_type_id: 7
  event_type_code: won
  fields:
    Amount: = deal.dealname
    Colour: red
    OrderId: "12"
    Text1: = deal.dealstage + missing
    ClickID: "1"
    CustomerId: ""
    Numeric1: "a lot"
    Note: '= deal.dealname.split(" ").map(x, deal.dealname.split(x)).size() > 3 ? "long" : "short"'
`)
	want := []string{
		`line 1, column 5: id: a trigger needs an id of lower-case letters, digits and dashes, at most 40, the first a letter`,
		`line 5, column 13: event.property: the portal has no deal property "dealstge" (did you mean "dealstage"?)`,
		`line 6, column 1: whem: there is no such setting (did you mean "when"?); there are advocate_event, at_once, conversion, description, enabled, event, id, object, once, reverse_when, wait_for_contact, when`,
		`line 7, column 12: when: the portal has no property "amout" here (did you mean "amount"?)`,
		`line 7, column 41: when: > does not take text with a whole number (1)`,
		`line 7, column 48: when: there is no "sale"; there are contact, deal, event, now, portal, and CEL's functions`,
		`line 8, column 15: reverse_when: a condition is true or false, but this gives a number`,
		`line 10, column 3: conversion.campaign_id: impact.com needs CampaignId: the program in which the event type was created`,
		`line 10, column 3: conversion: impact.com needs one of action_tracker_id, event_type_id and event_type_code, and 2 are given`,
		`line 10, column 3: conversion.action_tracker_id: impact.com reverses by action tracker: with reverse_when, name the event type by its action_tracker_id`,
		`line 10, column 3: conversion.disposition_code: impact.com wants a reason for reversals: with reverse_when, give one of the account's disposition codes`,
		`line 13, column 5: conversion.fields.CurrencyCode: impact.com needs the currency of Amount`,
		`line 13, column 15: conversion.fields.Amount: takes a number, but this gives text`,
		`line 14, column 13: conversion.fields.Colour: impact.com has no such field`,
		`line 15, column 14: conversion.fields.OrderId: is filled by the trigger itself, so that nothing counts twice`,
		`line 16, column 31: conversion.fields.Text1: there is no "missing"; there are contact, deal, event, now, portal, and CEL's functions`,
		`line 17, column 14: conversion.fields.ClickID: impact.com has no such field (did you mean "ClickId"?)`,
		`line 18, column 17: conversion.fields.CustomerId: impact.com needs to know whose conversion it is: leave CustomerId to the customer's email, or fill one of ClickId, CustomerId, CustomProfileId, CustomClickId, OrderPromoCode, PromoCode, MediaId, MediaPartnerId, UniqueUrl, CallerId, GoogAId, AndroidId, AppleIfa, AppleIfv`,
		`line 19, column 15: conversion.fields.Numeric1: is not a number, as 1200.50 is`,
		`line 20, column 14: conversion.fields.Note: this could take too long on a large record: leave out loops over texts of any length`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_boundsWhatAnExpressionMayCost(t *testing.T) {
	t.Parallel()
	const tooLong = "line 7, column 8: when: this could take too long on a large record: leave out loops over texts of any length"
	for expression, refused := range map[string]bool{
		`deal.dealname.lowerAscii().trim().contains("vip")`:                                 false,
		`deal.dealname.matches("^VIP-[0-9]+$")`:                                             false,
		`"renewal" in deal.dealname.split(";")`:                                             false,
		`deal.dealname.split(";").exists(x, x == "renewal")`:                                false,
		`string(deal.amount) + " " + deal.deal_currency_code == "100 EUR"`:                  false,
		`"%s-%s".format([deal.dealname, deal.dealstage]) == "x"`:                            false,
		`[1, 2, 3].exists(x, double(x) == deal.amount)`:                                     false,
		`deal.dealname.split("").exists(x, deal.dealname.split("").exists(y, x == y))`:      true,
		`deal.dealname.matches(deal.dealstage)`:                                             true,
		`deal.dealname.split("").map(x, deal.dealname.replace(x, x + x)).join("") == "x"`:   true,
		`deal.dealname.replace("", deal.dealname).replace("", deal.dealname).contains("x")`: true,
	} {
		got := mistakes(t, edited(whenWon, "when: '"+expression+"'"))
		var want []string
		if refused {
			want = []string{tooLong}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
	}
}

func TestLoad_refusesComparisonsThatNeverHold(t *testing.T) {
	t.Parallel()
	const values = "; its values are contractsent, closedwon, closedlost"
	for expression, want := range map[string]string{
		`deal.dealstage == "closedwon"`:                 "",
		`deal.dealstage == "" || "x" == deal.dealname`:  "",
		`deal.dealstage in ["closedwon", "closedlost"]`: "",
		`deal.dealstage == "Closed won"`:                `line 7, column 26: when: deal.dealstage is never "Closed won" (did you mean "closedwon"?)` + values,
		`"closedwin" != deal.dealstage`:                 `line 7, column 8: when: deal.dealstage is never "closedwin" (did you mean "closedwon"?)` + values,
		`deal.dealstage in ["closedwon", "lost"]`:       `line 7, column 40: when: deal.dealstage is never "lost"` + values,
	} {
		var all []string
		if want != "" {
			all = []string{want}
		}
		if diff := cmp.Diff(all, mistakes(t, edited(whenWon, "when: '"+expression+"'"))); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
	}
}

func TestLoad_refusals(t *testing.T) {
	t.Parallel()
	const deal = "id: x\nobject: deal\nevent: {type: created}\n"
	const target = "advocate_event: {key: k}\n"
	tests := map[string]struct {
		source string
		want   []string
	}{
		"nothing":                {"", []string{"there is nothing in it"}},
		"no YAML":                {"a: b: c", []string{"this is no YAML: mapping values are not allowed in this context; an expression with a colon has to stand in 'quotes'"}},
		"no settings":            {"- a", []string{"line 1, column 1: settings (name: value) are expected here"}},
		"two documents":          {deal + target + "---\nid: y\n", []string{"line 5, column 1: a file holds one definition"}},
		"a name twice":           {deal + target + "id: y\n", []string{"line 5, column 1: id: is there twice"}},
		"an anchor":              {"id: &id x\nobject: deal\nevent: {type: created}\n" + target, []string{"line 1, column 5: id: anchors and aliases (& and *) are not taken: write the value out"}},
		"two targets":            {deal + target + "conversion: {campaign_id: 1, event_type_id: 2}\n", []string{"line 4, column 17: advocate_event: a trigger has one target: a conversion or an Advocate event"}},
		"no target":              {deal, []string{"line 1, column 1: say where it leads to: conversion or advocate_event"}},
		"words":                  {"id: x\nobject: deals\nevent: {type: create}\nonce: never\nenabled: perhaps\n" + target, []string{`line 2, column 9: object: "deals" is not one of contact, deal, company (did you mean "deal"?)`, `line 3, column 15: event.type: "create" is not one of created, property_changed, form_submitted (did you mean "created"?)`, `line 4, column 7: once: "never" is not one of object, change`, "line 5, column 10: enabled: true or false is expected here"}},
		"a bound":                {deal + target + "at_once: many\n", []string{`line 5, column 10: at_once: "many" is not a whole number from 0 (any number) to 1000000`}},
		"a wait":                 {deal + target + "wait_for_contact: 100d\n", []string{`line 5, column 19: wait_for_contact: "100d" is not a time between 0 and 80 days: write it as 90m, 36h or 7d`}},
		"ids":                    {deal + "conversion: {campaign_id: -1, event_type_id: many}\n", []string{`line 4, column 27: conversion.campaign_id: "-1" is not a whole number above 0`, `line 4, column 46: conversion.event_type_id: "many" is not a whole number above 0`}},
		"a changed what":         {"id: x\nobject: deal\nevent: {type: property_changed}\n" + target, []string{"line 3, column 8: event.property: say which property has to change"}},
		"unheard of":             {"id: x\nobject: deal\nevent: {type: property_changed, property: hs_lastmodifieddate}\n" + target, []string{"line 3, column 43: event.property: HubSpot sends no webhook when hs_lastmodifieddate changes"}},
		"a deal's form":          {"id: x\nobject: deal\nevent: {type: form_submitted, property: amount}\n" + target, []string{"line 3, column 8: event.forms: say which forms count, by their ids", "line 3, column 15: event.type: forms are submitted by contacts, so that the object has to be contact", "line 3, column 41: event.property: belongs to property_changed"}},
		"no key":                 {deal + "advocate_event: {fields: {a: '=', b: [1], 'c.d': 1, e: = deal}}\n", []string{"line 4, column 17: advocate_event.key: an Advocate event needs a key, by which the program's rules know it", "line 4, column 30: advocate_event.fields.a: there is no expression after the =", "line 4, column 38: advocate_event.fields.b: a value, or an expression that begins with =, is expected here", "line 4, column 43: advocate_event.fields.c.d: a field's name is neither empty nor has it a dot", "line 4, column 58: advocate_event.fields.e: takes text, a number, a date or true or false, but this gives hubspot.deal"}},
		"a reversed event":       {deal + target + "reverse_when: deal.amount > 1\n", []string{"line 5, column 15: reverse_when: an Advocate event cannot be taken back: make a trigger of its own that sends a refund event"}},
		"an expression in lines": {deal + target + "when: >-\n  deal.amount > 1 &&\n  deal.amuont > 2\n", []string{`line 7, column 8: when: the portal has no property "amuont" here (did you mean "amount"?)`}},
		"lines that are kept":    {deal + target + "when: |\n  deal.amount > 1 &&\n  deal.amuont > 2\n", []string{`line 7, column 8: when: the portal has no property "amuont" here (did you mean "amount"?)`}},
		"brackets that are open": {deal + target + "when: (deal.amount > 1\n", []string{"line 5, column 23: when: Syntax error: missing ')' at '<EOF>'"}},
		"values": {deal + "conversion:\n  campaign_id: 1\n  event_type_id: 2\n  fields: {SubId1: a, ItemPrice1: 1, ItemSubTotal1: 2, CurrencyCode: euro, Date1: soon, GiftPurchase: maybe, Text1: " + strings.Repeat("x", 65) + "}\n",
			[]string{"line 7, column 20: conversion.fields.SubId1: needs MediaId", "line 7, column 35: conversion.fields.ItemPrice1: excludes ItemSubTotal1", "line 7, column 70: conversion.fields.CurrencyCode: is longer than 3 characters", "line 7, column 83: conversion.fields.Date1: is not an ISO 8601 date", "line 7, column 103: conversion.fields.GiftPurchase: is neither true nor false", "line 7, column 117: conversion.fields.Text1: is longer than 64 characters"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, mistakes(t, tt.source)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
