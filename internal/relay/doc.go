// Package relay hands the events of the inbox to the workflows.
//
// A [Relay] folds the events per contact, or per record, and sends each workflow
// one signal. It may run in any number of processes. A crash between a signal and
// its mark in the inbox causes a second signal, which is harmless: hints say only
// that there is something to read. [Advocate] acts on Advocate's webhooks.
package relay
