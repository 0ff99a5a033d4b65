package e2e

import (
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/workflows"
)

// What Temporal returns of a schedule has to compare equal to what was written,
// or else every start of every starter writes it again.
func TestSchedules_areNotWrittenAgainByTheSameRelease(t *testing.T) {
	o := &operating{system: start(t, stack.Options{ReportInterval: 24 * time.Hour})}
	o.done(t, "connection show") // which asks Temporal what is stuck
	updated := func() map[string]time.Time {
		t.Helper()
		at := map[string]time.Time{}
		for _, id := range []string{workflows.HousekeepingID, workflows.ReportSyncID(o.ConnectionID), workflows.ReconcileScheduleID(o.ConnectionID)} {
			is, err := o.Temporal.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			at[id] = is.Info.LastUpdateAt
		}
		return at
	}
	before := updated()
	if err := o.StopStarter(); err != nil {
		t.Fatal(err)
	}
	if err := o.StartStarter(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, at := range updated() {
		if !at.Equal(before[id]) {
			t.Errorf("%s was written again at %s", id, at)
		}
	}
}
