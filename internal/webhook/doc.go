// Package webhook takes in what HubSpot tells us and hands it to the workflows,
// in two steps that fail apart from each other.
//
// The [Handler] verifies a request, reduces its events to "contact X was
// created" (deleted, merged and so on) or "property P of record X changed",
// appends them to an inbox table and only then answers 2xx. No value of a
// property is kept. There are two inboxes: what concerns a contact's life, and
// what triggers watch; one event may go to both. A [Relay] folds an inbox per
// contact, or per record, and sends each one's workflow one signal; it may run
// in any number of processes. A crash between a signal and its mark in the
// inbox means a second signal, which is harmless: hints say only that there is
// something to look at.
package webhook
