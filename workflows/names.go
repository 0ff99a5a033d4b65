// Package workflows holds what happens over time: the lifecycle of a contact, and
// the passes that carry changes between Advocate and HubSpot. Activities do the
// work; workflows decide about order, waiting and giving up.
package workflows

import (
	"go.temporal.io/sdk/temporal"

	"advocatesync/activities"
)

// Workflow code names activities through these nil pointers; it never calls them.
var (
	contacts    *activities.Contacts
	batches     *activities.ContactBatches
	exports     *activities.Exports
	pages       *activities.Pages
	retries     *activities.Retries
	housekeeper *activities.Housekeeping
	programs    *activities.Programs
	tracking    *activities.Tracking
	reconciles  *activities.Reconciles
)

// Histories, schedules and client calls contain these names. They never change.
const (
	// TaskQueue carries workflows and live activities.
	TaskQueue = "advocate-sync"
	// BulkTaskQueue carries the set path's activities, so that a stalled
	// report or mass sync cannot take the slots of live work.
	BulkTaskQueue = "advocate-sync-bulk"
	// PagesTaskQueue carries pages of contacts. Its workers bound how many run at once:
	// the pages of an import wait on the server, not in slots that reports need.
	PagesTaskQueue = "advocate-sync-pages"
	// ImpactTaskQueue carries calls to impact.com. Its workers bound how many run at
	// once.
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
	ContactBatchName     = "ContactBatch"

	// SignalHints carries bridge.Hints to a ContactLifecycle.
	SignalHints = "hints"
	// SignalChanges carries bridge.ObjectHints to a TrackEvent.
	SignalChanges = "changes"
	// SignalDesired tells a run that its desired state has changed. It carries
	// nothing: the desired state is in the database.
	SignalDesired = "wish"
	// SignalExportReady tells a run that Advocate has announced its export. It carries
	// nothing: the run asks Advocate.
	SignalExportReady = "export-ready"
	// QueryProgress asks a MassSync for its MassSyncProgress.
	QueryProgress = "progress"
)

// Search attributes, registered with the namespace before the first start.
var (
	SearchConnectionID = temporal.NewSearchAttributeKeyKeyword("ConnectionId")
	SearchContactID    = temporal.NewSearchAttributeKeyKeyword("ContactId")
)
