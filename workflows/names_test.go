package workflows_test

import (
	"testing"

	"advocatesync/workflows"
)

// Histories, schedules and clients of the releases before hold these names.
// Whoever finds better words changes the Go names alone.
func TestNamesInHistoriesNeverChange(t *testing.T) {
	t.Parallel()
	for name, got := range map[string]string{
		"advocate-sync": workflows.TaskQueue, "advocate-sync-bulk": workflows.BulkTaskQueue, "advocate-sync-impact": workflows.ImpactTaskQueue,
		"advocate-sync-pages": workflows.PagesTaskQueue, "ContactBatch": workflows.ContactBatchName,
		"ContactLifecycle": workflows.ContactLifecycleName, "ReportSync": workflows.ReportSyncName, "RetryParked": workflows.RetryParkedName,
		"Housekeeping": workflows.HousekeepingName, "ProgramSwitch": workflows.ProgramSwitchName, "MassSync": workflows.MassSyncName,
		"TrackEvent": workflows.TrackEventName, "TrackRound": workflows.TrackRoundName, "Reconcile": workflows.ReconcileName,
		"hints": workflows.SignalHints, "changes": workflows.SignalChanges, "wish": workflows.SignalDesired, "export-ready": workflows.SignalExportReady,
		"progress":        workflows.QueryProgress,
		"contact/c1/101":  workflows.ContactLifecycleID("c1", "101"),
		"report-sync/c1":  workflows.ReportSyncID("c1"),
		"mass-sync/c1/7":  workflows.MassSyncID("c1", 7),
		"track/c1/deal/9": workflows.TrackEventID("c1", "deal", "9"),
		"track-round/c1":  workflows.TrackRoundID("c1"), "parked-retry/c1/7": workflows.RetryParkedID("c1", 7),
		"program-switch/c1": workflows.ProgramSwitchID("c1"), "housekeeping": workflows.HousekeepingID,
		"reconcile/c1": workflows.ReconcileScheduleID("c1"), "reconcile/c1/7": workflows.ReconcileID("c1", 7),
		"ConnectionId": workflows.SearchConnectionID.GetName(), "ContactId": workflows.SearchContactID.GetName(),
	} {
		if got != name {
			t.Errorf("%q is now %q", name, got)
		}
	}
}
