package activities

import (
	"context"

	"advocatesync/internal/bridge"
)

// ConnectionClients is an opened connection: its current settings and its vendors' clients.
type ConnectionClients struct {
	bridge.Connection
	Sharing  bridge.Program // the connected program, from which message links are built
	HubSpot  HubSpot
	Advocate Advocate
	Batched  Advocate // the same tenant for pages of contacts: calls are batched
	Impact   Conversions
	Revision int // of the credentials in use
}

// HubSpot is the connection's portal. Calls share its budget; those of the live
// path are batched.
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

// Connections opens connections. The clients update the connection's status from
// what the vendors answer.
type Connections interface {
	// Open reads the current settings, so that a rule change applies to every later
	// decision.
	Open(ctx context.Context, connectionID string) (ConnectionClients, error)
}
