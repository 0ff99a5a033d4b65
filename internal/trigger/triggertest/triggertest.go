// Package triggertest holds the trigger that tests and the demo's story apply.
package triggertest

// DealWon is a trigger file that makes one conversion of each deal that is won.
const DealWon = `id: deal-won
object: deal
event: {type: property_changed, property: dealstage}
when: deal.dealstage == "closedwon"
conversion:
  campaign_id: 47255
  action_tracker_id: 30101
  fields:
    Amount: = deal.amount
    CurrencyCode: = deal.deal_currency_code
`
