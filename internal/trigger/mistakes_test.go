package trigger_test

import (
	"errors"
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
		`line 6, column 1: whem: there is no such setting (did you mean "when"?); there are advocate_event, conversion, description, enabled, event, id, object, once, reverse_when, wait_for_contact, when`,
		`line 7, column 12: when: the portal has no property "amout" here (did you mean "amount"?)`,
		`line 7, column 41: when: > does not take text with a whole number (1)`,
		`line 7, column 48: when: there is no "sale"; there are contact, deal, event, now, and CEL's functions`,
		`line 8, column 15: reverse_when: a condition is true or false, but this gives a number`,
		`line 10, column 3: conversion.campaign_id: impact.com needs CampaignId: the program in which the event type was created`,
		`line 10, column 3: conversion: impact.com needs one of action_tracker_id, event_type_id and event_type_code, and 2 are given`,
		`line 10, column 3: conversion.action_tracker_id: impact.com reverses by action tracker: with reverse_when, name the event type by its action_tracker_id`,
		`line 10, column 3: conversion.disposition_code: impact.com wants a reason for reversals: with reverse_when, give one of the account's disposition codes`,
		`line 13, column 5: conversion.fields.CurrencyCode: impact.com needs the currency of Amount`,
		`line 13, column 15: conversion.fields.Amount: takes a number, but this gives text`,
		`line 14, column 13: conversion.fields.Colour: impact.com has no such field`,
		`line 15, column 14: conversion.fields.OrderId: is filled by the trigger itself, so that nothing counts twice`,
		`line 16, column 31: conversion.fields.Text1: there is no "missing"; there are contact, deal, event, now, and CEL's functions`,
		`line 17, column 14: conversion.fields.ClickID: impact.com has no such field (did you mean "ClickId"?)`,
		`line 18, column 17: conversion.fields.CustomerId: impact.com needs to know whose conversion it is: leave CustomerId to the customer's email, or fill one of ClickId, CustomerId, CustomProfileId, CustomClickId, OrderPromoCode, PromoCode, MediaId, MediaPartnerId, UniqueUrl, CallerId, GoogAId, AndroidId, AppleIfa, AppleIfv`,
		`line 19, column 15: conversion.fields.Numeric1: is not a number`,
		`line 20, column 14: conversion.fields.Note: this could take too long on a large record: leave out loops over texts of any length`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
