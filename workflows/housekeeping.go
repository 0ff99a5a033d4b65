package workflows

import (
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// Housekeeping deletes what has been kept long enough. A schedule starts it
// every day.
func Housekeeping(ctx workflow.Context) (activities.Purged, error) {
	var purged activities.Purged
	err := workflow.ExecuteActivity(bulk(ctx, "delete what has been kept long enough"), housekeeper.Purge).Get(ctx, &purged)
	return purged, err
}
