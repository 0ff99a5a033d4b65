// Package relay hands what the inbox holds to the workflows.
//
// A [Relay] folds an inbox per contact, or per record, and sends each one's
// workflow one signal. It may run in any number of processes. A crash between a
// signal and its mark in the inbox means a second signal, which is harmless:
// hints say only that there is something to read. [Advocate] follows up what
// Advocate's webhooks announce.
package relay
