package workflows

import (
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// HousekeepingID is the id of the installation's housekeeping schedule and the
// prefix of its runs.
const HousekeepingID = "housekeeping"

// Housekeeping deletes records whose retention time has passed. A schedule starts
// it every day.
func Housekeeping(ctx workflow.Context) (activities.Purged, error) {
	var purged activities.Purged
	err := workflow.ExecuteActivity(bulk(ctx, "delete what has been kept long enough"), housekeeper.Purge).Get(ctx, &purged)
	if err != nil {
		return purged, err
	}
	for _, run := range purged.Expired {
		id := MassSyncID(run.ConnectionID, run.RunID)
		if run.Reconcile {
			id = ReconcileID(run.ConnectionID, run.RunID)
		}
		// The desired state is stored. If there is no workflow any more, the run ends a
		// day later by itself.
		if err := workflow.SignalExternalWorkflow(ctx, id, "", SignalDesired, nil).Get(ctx, nil); err != nil && ctx.Err() == nil {
			workflow.GetLogger(ctx).Warn("an expired run has no workflow", "run", run.RunID, "err", err)
		}
	}
	return purged, ctx.Err()
}
