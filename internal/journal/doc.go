// Package journal follows HubSpot's webhooks journal: a second ear beside the
// webhooks that HubSpot pushes, for what those have lost.
//
// The journal is one row of files for all portals of an app, kept for three days. A
// [Reader] asks for the files behind a kept offset, hands their events to the intake
// of webhooks, which keeps each fact once whoever tells it, and moves the offset only
// then. If it dies in between it reads a file twice, and nothing counts twice.
//
// Any number of processes may run a reader; a lease in Postgres lets one of them
// read. It also keeps the app's subscriptions, one set for each connected portal.
// Where something may have been missed, because the offset is older than the journal,
// a file cannot be read, or somebody removed a subscription, it starts a reconcile of
// the portals concerned.
package journal
