// Package trigger holds the rules by which a change in HubSpot becomes a
// conversion at impact.com or an Advocate user event.
//
// An operator writes a Definition in YAML. Load checks it against the portal's
// property definitions (Schema) and reports every mistake with its place; what
// comes out is a Trigger, whose Decide is a pure function: facts in, the exact
// request out. Nothing here reads, sends or waits.
//
// Conditions and computed values are CEL (https://cel.dev). They see
//
//	contact, deal, company   the object of the trigger, and in any case the contact that is its customer
//	event                    event.property and event.occurred_at
//	form                     the submitted values, for form submissions
//	now                      the moment of the decision
//
// Properties have the type that the portal gives them: text, number (double),
// true or false, timestamp. Text that is empty is "". Any other property that
// is empty has no value, and what needs it cannot be computed: has(deal.amount)
// and deal.?amount.orValue(0.0) say what to do then.
package trigger
