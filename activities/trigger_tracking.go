package activities

import (
	"context"
	"time"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/impact"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// ActiveTrigger is an enabled trigger, ready to decide.
type ActiveTrigger struct {
	*trigger.Trigger

	Version   int
	AppliedAt time.Time
}

// activeTriggers are the rules by which changes become conversions.
type activeTriggers interface {
	// Active returns the enabled triggers of a connection, as they are now.
	Active(ctx context.Context, connectionID string) ([]ActiveTrigger, error)
}

// records is how what triggers look at is read.
type records interface {
	Object(ctx context.Context, t bridge.ObjectType, id string, props []string) (bridge.Object, error)
	ContactsOf(ctx context.Context, t bridge.ObjectType, id string) ([]string, error)
	Submissions(ctx context.Context, formID, after string) (portal.SubmissionPage, error)
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

// trackedEvents is what the store remembers of changes and what became of them.
type trackedEvents interface {
	AppendObjectEvents(ctx context.Context, events []store.ObjectEvent) (int, error)
	TrackedOf(ctx context.Context, connectionID string, t bridge.ObjectType, objectID string) ([]store.TrackedEvent, error)
	Track(ctx context.Context, t store.Tracking) (id int64, err error)
	MappedTo(ctx context.Context, connectionID string, contactIDs []string) (map[string]bridge.Identity, error)
	sending
	waiting
}

// sending is the store's side of what was recorded to be sent.
type sending interface {
	PendingRequest(ctx context.Context, id int64) (e store.TrackedEvent, request []byte, err error)
	MarkSent(ctx context.Context, id int64, receipt string, pollAt time.Time) error
	EndTracked(ctx context.Context, id int64, end store.TrackedEnd) error
	Erased(ctx context.Context, connectionID string, hashes ...[]byte) (bool, error)
}

// waiting is the store's side of what a round looks after.
type waiting interface {
	DueVerdicts(ctx context.Context, connectionID string, limit int) ([]store.TrackedEvent, error)
	PostponeVerdict(ctx context.Context, id int64, d time.Duration) error
	PostponeVerdicts(ctx context.Context, connectionID string, d time.Duration) error
	WakeWaiting(ctx context.Context, connectionID string) (int64, error)
	FormCursor(ctx context.Context, connectionID, form string, from time.Time) (readTo time.Time, seen map[string]bool, err error)
	TakeSubmissions(ctx context.Context, connectionID, form string, entries []store.FormEntry, readTo time.Time) error
}

// trackingHasher makes the keyed hashes that tracking keeps.
type trackingHasher interface {
	ContactID(id string) []byte
	Submission(form, conversionID, email string, at time.Time) []byte
}

// Tracking groups the activities that carry what happens in HubSpot over to
// impact.com, as triggers want it.
type Tracking struct {
	connections Connections
	triggers    activeTriggers
	events      trackedEvents
	hash        trackingHasher
	verdict     time.Duration
	now         func() time.Time
}

// VerdictAfter is how soon a verdict is asked for: conversions are processed
// within minutes.
const VerdictAfter = 10 * time.Second

// NewTracking returns the tracking activities over their dependencies. verdict
// is how soon a verdict is asked for.
func NewTracking(connections Connections, triggers activeTriggers, events trackedEvents, hash trackingHasher, verdict time.Duration, now func() time.Time) *Tracking {
	return &Tracking{connections: connections, triggers: triggers, events: events, hash: hash, verdict: verdict, now: now}
}
