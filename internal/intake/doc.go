// Package intake receives the vendors' webhooks and stores them, and does nothing
// else.
//
// The [Handler] verifies a request from HubSpot, reduces its events to "contact X
// was created" (deleted, merged and so on) or "property P of record X changed",
// appends them to an inbox table, and only then answers 2xx. It keeps no value of a
// property. There are two inboxes: one for the sync of contacts, one for the
// records that triggers watch; an event may go to both. [Journal] stores the events
// of HubSpot's journal under the same keys. The [AdvocateHandler] does for Advocate
// what the Handler does for HubSpot. Package relay empties the inboxes, so that a
// Temporal outage never costs an event.
package intake
