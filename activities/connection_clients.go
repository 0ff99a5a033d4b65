package activities

import (
	"context"

	"advocatesync/internal/bridge"
)

// ConnectionClients is one connection, open: its settings as they are now, and its vendors.
type ConnectionClients struct {
	bridge.Connection
	Sharing  bridge.Program // the connected program, as its links are built
	HubSpot  HubSpot
	Advocate Advocate
	Impact   Conversions
	Revision int // of the credentials that the vendors are called with
}

// HubSpot is the connection's portal: calls share its budget and, on the live
// path, travel in batches.
type HubSpot interface {
	liveContacts
	contactSets
	contactLists
	contactProperties
	records
}

// Advocate is the connection's tenant.
type Advocate interface {
	participants
	exports
	userEvents
}

// Connections opens connections. Their clients keep the connection's status true to
// what vendors answer.
type Connections interface {
	// Open reads the settings afresh, so that a rule change applies to what is
	// decided after it.
	Open(ctx context.Context, connectionID string) (ConnectionClients, error)
}

// hasher makes the keyed hashes that stand for personal data at rest.
type hasher interface {
	Properties(bridge.Properties) []byte
	Change(bridge.ParticipantChange) []byte
	Email(normal string) []byte
	Identity(bridge.Identity) []byte
	ContactID(id string) []byte
	UnreadableRowError(raw string) []byte
}
