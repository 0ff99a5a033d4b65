// Package workflows tells what happens in the long run: the life of a contact,
// and the passes that carry what changed in Advocate over to HubSpot. The work
// itself is done by activities; here is order, waiting and giving up.
package workflows

import (
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

// These name activities in workflow code; they are never called.
var (
	contacts    *activities.Contacts
	exports     *activities.Exports
	pages       *activities.Pages
	retries     *activities.Retries
	housekeeper *activities.Housekeeping
	programs    *activities.Programs
	tracking    *activities.Tracking
	reconciles  *activities.Reconciles
)

// Names that are written into histories, schedules and client calls. They are
// never renamed.
const (
	// TaskQueue carries workflows and live activities.
	TaskQueue = "advocate-sync"
	// BulkTaskQueue carries the set path's activities, so that a stalled
	// report or mass sync cannot take the slots of live work.
	BulkTaskQueue = "advocate-sync-bulk"
	// ImpactTaskQueue carries calls to impact.com, as many at a time as it is to
	// see.
	ImpactTaskQueue = "advocate-sync-impact"

	ContactLifecycleName = "ContactLifecycle"
	ReportSyncName       = "ReportSync"
	RetryParkedName      = "RetryParked"
	HousekeepingName     = "Housekeeping"
	ProgramSwitchName    = "ProgramSwitch"
	MassSyncName         = "MassSync"
	TrackEventName       = "TrackEvent"
	TrackRoundName       = "TrackRound"
	ReconcileName        = "Reconcile"

	// SignalHints carries bridge.Hints to a ContactLifecycle.
	SignalHints = "hints"
	// SignalChanges carries bridge.ObjectHints to a TrackEvent.
	SignalChanges = "changes"
	// SignalDesired tells a MassSync that the operator wants something else of it.
	// It carries nothing: the desired state is in the database.
	SignalDesired = "wish"
	// SignalExportReady tells whoever waits for an export that Advocate says it
	// is there. It carries nothing: Advocate is asked.
	SignalExportReady = "export-ready"
	// QueryProgress asks a MassSync for its MassSyncProgress.
	QueryProgress = "progress"
)

// ContactLifecycleID is the workflow id of one contact's life.
func ContactLifecycleID(connectionID, contactID string) string {
	return "contact/" + connectionID + "/" + contactID
}

// ConnectionOfContact is the connection that the id of a contact's life names.
func ConnectionOfContact(workflowID string) (connectionID string, is bool) {
	rest, is := strings.CutPrefix(workflowID, "contact/")
	connectionID, _, more := strings.Cut(rest, "/")
	return connectionID, is && more
}

// ReportSyncID is the id of a connection's report schedule and the prefix of
// its runs.
func ReportSyncID(connectionID string) string {
	return "report-sync/" + connectionID
}

// TrackEventID is the workflow id of what triggers make of one record.
func TrackEventID(connectionID string, t bridge.ObjectType, objectID string) string {
	return "track/" + connectionID + "/" + string(t) + "/" + objectID
}

// TrackRoundID is the id of the schedule that looks after a connection's
// triggers, and the prefix of its runs.
func TrackRoundID(connectionID string) string {
	return "track-round/" + connectionID
}

// RetryParkedID is the workflow id of one retry of parked participants.
func RetryParkedID(connectionID string, runID int64) string {
	return "parked-retry/" + connectionID + "/" + strconv.FormatInt(runID, 10)
}

// HousekeepingID is the id of the installation's housekeeping schedule and the
// prefix of its runs.
const HousekeepingID = "housekeeping"

// Search attributes, registered with the namespace before the first start.
var (
	SearchConnectionID = temporal.NewSearchAttributeKeyKeyword("ConnectionId")
	SearchContactID    = temporal.NewSearchAttributeKeyKeyword("ContactId")
)

// ContactLifecycleInput starts one contact's life, and carries it over
// continue-as-new.
type ContactLifecycleInput struct {
	ConnectionID string `json:"connection_id"`
	ContactID    string `json:"contact_id"`

	// Carried over continue-as-new only.
	Hints  bridge.Hints `json:"hints,omitzero"`  // heard, not yet acted on
	Misses int          `json:"looks,omitempty"` // times HubSpot did not show the contact

	HoldUntil time.Time `json:"hold_until,omitzero"` // a deletion is held until then

	ErasureHeldSince time.Time `json:"erasure_held_since,omitzero"` // a privacy deletion that HubSpot does not bear out is held
	NextSync         time.Time `json:"next_sync,omitzero"`          // when to look for what HubSpot does not show, or goes on showing

	Last activities.SyncContactResult `json:"last,omitzero"` // what was decided last
}

// ReportSyncInput names the connection to report on.
type ReportSyncInput struct {
	ConnectionID string `json:"connection_id"`

	// Carried over continue-as-new only.
	RunID int64 `json:"run_id,omitempty"` // planned
	Pages int   `json:"pages,omitempty"`  // of the plan
	Next  int   `json:"next,omitempty"`   // pages up to here are done
}

// RetryParkedInput names a run of the store over parked participants.
type RetryParkedInput struct {
	ConnectionID string `json:"connection_id"`
	RunID        int64  `json:"run_id"`

	// Carried over continue-as-new only.
	Planned bool `json:"planned,omitempty"`
	Pages   int  `json:"pages,omitempty"` // of the plan
	Next    int  `json:"next,omitempty"`  // pages up to here are done
}
