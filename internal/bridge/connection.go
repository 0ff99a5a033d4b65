package bridge

import (
	"errors"
	"time"
)

// ConnectionStatus says whether a connection's work may go on.
type ConnectionStatus string

const (
	StatusActive       ConnectionStatus = "active"
	StatusUnauthorized ConnectionStatus = "unauthorized" // a vendor refuses the connection's credentials: work waits until it accepts them
	StatusMisdirected  ConnectionStatus = "misdirected"  // calls do not reach a vendor's API for this account: work waits until they do
	StatusForbidden    ConnectionStatus = "forbidden"    // a vendor refuses part of the work (a scope, a permission); the rest goes on
)

// Stopped reports that all work of the connection waits for a vendor.
func (s ConnectionStatus) Stopped() bool { return s == StatusUnauthorized || s == StatusMisdirected }

// ErrSuspended is the error of work that waits because its connection is paused or a
// vendor refuses its credentials.
var ErrSuspended = errors.New("the connection's work waits")

// Connection joins one HubSpot portal to one Advocate tenant. It carries no
// credentials: those stay sealed in the store until a client is built.
type Connection struct {
	ID       string
	PortalID int64
	Tenant   string
	Program  string // id of the connected program

	// Switching: a program switch is under way, so no program-sourced value may be
	// written to contacts.
	Switching bool

	Rules           Rules
	SharePIIUpdates bool // send name and email of mapped contacts too; off by default

	// ContactIDField is the participant's custom field that holds our contact id.
	ContactIDField string

	Status       ConnectionStatus
	StatusReason string    // why it is not active, for the operator
	Refusals     []Refusal // what vendors refuse; Status is derived from them
	PausedAt     time.Time // when an operator paused it; zero: not paused
	CreatedAt    time.Time
}

// suspendedRetry is how long suspended work waits before it asks again whether it
// may proceed.
const suspendedRetry = time.Minute

// MayWork returns nil if the connection's work may proceed. Otherwise it returns a
// Pending error that wraps ErrSuspended and says why the work waits.
func (c Connection) MayWork() error {
	const op = "connection.open"
	switch {
	case !c.PausedAt.IsZero():
		return &Error{Kind: Pending, Op: op, Code: "paused", RetryAfter: suspendedRetry, Err: ErrSuspended}
	case c.Status.Stopped():
		return &Error{Kind: Pending, Op: op, Code: string(c.Status), RetryAfter: suspendedRetry, Err: ErrSuspended}
	default:
		return nil
	}
}
