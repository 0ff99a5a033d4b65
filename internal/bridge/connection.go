package bridge

import (
	"errors"
	"time"
)

// Rules are the sharing rules an operator may switch. A rule that is off also
// turns off matching in its direction. All are on by default.
type Rules struct {
	ParticipantCreated bool // a new participant makes a contact
	ParticipantUpdated bool // an update of an unmapped participant makes a contact
	ContactCreated     bool // a new contact makes a participant
	ContactUpdated     bool // an update of an unmapped contact makes a participant
}

// DefaultRules has every rule on.
var DefaultRules = Rules{ParticipantCreated: true, ParticipantUpdated: true, ContactCreated: true, ContactUpdated: true}

// RuleChanges are the switches of a connection that somebody sets. Those that
// are nil stay as they are.
type RuleChanges struct {
	ParticipantCreated *bool
	ParticipantUpdated *bool
	ContactCreated     *bool
	ContactUpdated     *bool
	SharePIIUpdates    *bool
}

// ConnectionStatus says whether a connection's work may go on.
type ConnectionStatus string

const (
	StatusActive       ConnectionStatus = "active"
	StatusUnauthorized ConnectionStatus = "unauthorized" // a vendor refuses the connection as a whole: its credentials, or the account at the address we call. Work waits until it accepts them
	StatusForbidden    ConnectionStatus = "forbidden"    // a vendor refuses part of the work (a scope, a permission); the rest goes on
)

// ErrSuspended is why work of a connection waits that is paused, or whose credentials
// a vendor refuses.
var ErrSuspended = errors.New("the connection's work waits")

// Connection joins one HubSpot portal to one Advocate tenant. It carries no
// credentials: those stay sealed in the store until a client is built.
type Connection struct {
	ID       string
	PortalID int64
	Tenant   string
	Program  string // id of the connected program

	// Switching: the program is being changed, so nothing of one may be
	// written to contacts right now.
	Switching bool

	Rules           Rules
	SharePIIUpdates bool // send name and email of mapped contacts too; off by default

	// ContactIDField is the participant's custom field that holds our contact id.
	ContactIDField string

	Status       ConnectionStatus
	StatusReason string    // why it is not active, in words for the operator
	Refusals     []Refusal // what vendors refuse to it; Status sums them up
	PausedAt     time.Time // when an operator had its work wait; zero: it goes on
	CreatedAt    time.Time
}

// suspendedRetry is after what time work that waits asks whether it may go on.
const suspendedRetry = time.Minute

// MayWork returns nil if the connection's work may go on, or why it waits: an
// error that is ErrSuspended.
func (c Connection) MayWork() error {
	const op = "connection.open"
	switch {
	case !c.PausedAt.IsZero():
		return &Error{Kind: Pending, Op: op, Code: "paused", RetryAfter: suspendedRetry, Err: ErrSuspended}
	case c.Status == StatusUnauthorized:
		return &Error{Kind: Pending, Op: op, Code: "unauthorized", RetryAfter: suspendedRetry, Err: ErrSuspended}
	default:
		return nil
	}
}

// Mapping pairs a HubSpot contact with an Advocate participant.
//
// After the first match the pair is held together by the ids alone: the two
// records may drift apart in name and email, and that is allowed. Writing
// other ids onto the contact is how an operator re-maps it. Several contacts
// may share one participant.
type Mapping struct {
	ConnectionID string
	ContactID    string
	AccountID    string
	UserID       string
}

// Identity returns the participant's side of the mapping.
func (m Mapping) Identity() Identity {
	return Identity{AccountID: m.AccountID, UserID: m.UserID}
}
