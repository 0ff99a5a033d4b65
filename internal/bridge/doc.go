// Package bridge is the vocabulary of the sync and its rules: plain data in,
// plain data out, nothing but the standard library. Everything else in the
// program is an adapter around it.
//
// Two records describe one person: a HubSpot [Contact] and an Advocate
// [Participant]. A [Mapping] pairs them. What happens on either side is looked
// at as a snapshot of the current state, never as a message to be replayed:
// [DecideContact] answers for one contact, [DecideParticipant] for one row of
// an Advocate export. The field maps ([NewParticipant], [SharedProperties] and
// their neighbours) say which field travels in which direction.
package bridge
