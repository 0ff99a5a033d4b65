package wiring_test

import (
	"sync/atomic"
	"testing"

	"go.temporal.io/sdk/testsuite"
	"golang.org/x/sync/errgroup"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring"
)

// Runs that are planned, staged or finished may hold a connection to the database
// for minutes. Single contacts, events and metrics do not wait for one.
func TestLiveWork_goesOnWhileSixteenBulkUsersOfTheDatabaseStall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run, _, err := l.Store.BeginMass(t.Context(), l.Connection.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	release := l.Lock(t, "SELECT FROM sync_run WHERE id = $1 FOR UPDATE", run.ID)
	var exports *activities.Exports // names the activity
	var suite testsuite.WorkflowTestSuite
	var ended atomic.Int32
	var stalled errgroup.Group
	for range 16 {
		env := suite.NewTestActivityEnvironment()
		for _, a := range wiring.NewActivities(l.Connections, l.Store, wiring.ActivityOptions{}).Bulk {
			env.RegisterActivity(a)
		}
		stalled.Go(func() error {
			_, err := env.ExecuteActivity(exports.CancelRun, activities.Run{ID: run.ID})
			ended.Add(1)
			return err
		})
	}
	l.AwaitLocked(t, 8) // the others wait for a connection

	if result, err := l.look(created); err != nil || result.State != bridge.StateMapped {
		t.Errorf("the contact is %s, error %v", result.State, err)
	}
	if _, err := l.Store.Metrics().ConnectionMetrics(t.Context()); err != nil {
		t.Error(err)
	}
	if n := ended.Load(); n != 0 {
		t.Errorf("%d bulk users had ended by then: they were not in the way", n)
	}
	release()
	if err := stalled.Wait(); err != nil {
		t.Error(err)
	}
}
