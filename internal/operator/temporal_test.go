package operator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/wiring/wiringtest"
)

// silent is a Temporal that takes calls and never answers: its client asks on for
// as long as its caller's context lasts.
type silent struct{ *wiringtest.Temporal }

func (silent) ListWorkflow(ctx context.Context, _ *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	<-ctx.Done()
	return nil, serviceerror.FromStatus(serviceerror.ToStatus(ctx.Err()))
}

// A person waits for a few seconds, whatever time is left for the request.
func TestOperator_waitsForTemporalForSecondsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := operator.Patient(silent{&wiringtest.Temporal{}}).ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
		if bridge.KindOf(err) != bridge.Unavailable || time.Since(began) > 15*time.Second { // of the bubble's clock
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestOperator_tellsThatTemporalIsAway(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Temporal.Die()
	if _, err := s.Operator.StartReconcile(t.Context(), s.Connection, true); bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("starting a reconcile: %v", err)
	}
	if err := s.Operator.PauseConnection(t.Context(), s.Connection); bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("pausing: %v", err)
	}
	status, err := s.Operator.ConnectionStatus(t.Context(), s.Connection)
	if err != nil || len(status.Unknown) != 2 || status.Unknown[0] != operator.PartSchedule || status.Unknown[1] != operator.PartStuck {
		t.Errorf("%v unknown, %v", status.Unknown, err)
	}
}
