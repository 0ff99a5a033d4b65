package activities

import (
	"context"
	"time"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/facts"
	"advocatesync/internal/impact"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// ActiveTrigger is an enabled trigger, ready to decide.
type ActiveTrigger struct {
	*trigger.Trigger

	Version   int
	AppliedAt time.Time
}

// activeTriggers gives access to the enabled triggers.
type activeTriggers interface {
	// Active returns the enabled triggers of a connection, as they are now.
	Active(ctx context.Context, connectionID string) ([]ActiveTrigger, error)
}

// records reads the HubSpot records that triggers watch.
type records interface {
	facts.HubSpot
	SurvivorID(ctx context.Context, t bridge.ObjectType, id string) (string, error)
	FindContacts(ctx context.Context, lane bridge.Lane, emails []string) (map[string]bridge.Contact, error)
}

// Conversions is the connection's account at impact.com.
type Conversions interface {
	Submit(ctx context.Context, fields map[string]string) (submissionID string, err error)
	Reverse(ctx context.Context, fields map[string]string) (submissionID string, err error)
	Submission(ctx context.Context, id string) (impact.Submission, error)
}

// userEvents is the part of the Advocate client that takes events.
type userEvents interface {
	LogEvent(ctx context.Context, id bridge.Identity, e advocate.UserEvent) error
}

// Tracking groups the activities that evaluate triggers and send their events.
type Tracking struct {
	connections Connections
	triggers    activeTriggers
	store       *store.Store
	hash        *seal.Hasher
	turns       *turns
	verdict     time.Duration
	now         func() time.Time
}

// VerdictAfter is how soon a verdict is first asked for. impact.com processes
// conversions within minutes.
const VerdictAfter = 10 * time.Second

// NewTracking returns the tracking activities over their dependencies. most is how
// many conversions of one connection are sent at a time, verdict how soon a verdict
// is first asked for.
func NewTracking(connections Connections, triggers activeTriggers, s *store.Store, most int, verdict time.Duration, now func() time.Time) *Tracking {
	return &Tracking{
		connections: connections, triggers: triggers, store: s, hash: s.Hasher(), turns: newTurns("activities.send_event", most), verdict: verdict, now: now,
	}
}

// source returns where the facts about a connection's records come from.
func (a *Tracking) source(conn ConnectionClients) facts.Source {
	return facts.Source{Connection: conn.Connection, HubSpot: conn.HubSpot, Advocate: conn.Advocate, Mappings: a.store}
}
