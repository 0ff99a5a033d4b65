// Package intake takes in what the vendors' webhooks tell, and does nothing else.
//
// The [Handler] verifies a request from HubSpot, reduces its events to "contact
// X was created" (deleted, merged and so on) or "property P of record X
// changed", appends them to an inbox table, and only then answers 2xx. It keeps
// no value of a property. There are two inboxes: what concerns a contact's
// life, and what triggers watch; one event may go to both. The
// [AdvocateHandler] does the same for Advocate. Package relay carries the
// inboxes on, so that a Temporal outage never costs a intake.
package intake
