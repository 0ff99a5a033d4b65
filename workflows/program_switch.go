package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// ProgramSwitchID returns the workflow id of a connection's program switch. There
// is one at a time.
func ProgramSwitchID(connectionID string) string {
	return "program-switch/" + connectionID
}

// ProgramSwitchInput asks for another program.
type ProgramSwitchInput struct {
	ConnectionID string `json:"connection_id"`
	Program      string `json:"program"`
	InPlace      bool   `json:"in_place"`
	MassSync     bool   `json:"mass_sync"`
}

// ProgramSwitchResult says how a switch ended.
type ProgramSwitchResult struct {
	SwitchID int64 `json:"switch_id,omitempty"`
	// NotBegun says why no switch was begun; see activities.BeginSwitchResult.
	NotBegun  string                 `json:"not_begun,omitempty"`
	State     activities.SwitchState `json:"state,omitempty"` // done or refused
	Revisited int64                  `json:"revisited,omitempty"`
}

// ProgramSwitch connects another program of the tenant and gives all contacts its
// values. The properties that hold them are removed and created again, or stay
// where the switch is in place; meanwhile nothing is written to contacts. If
// HubSpot refuses to remove a property, those removed are restored and the old
// program stays. The database keeps each step of the switch, so asking for the same
// switch again resumes one that was stopped.
func ProgramSwitch(ctx workflow.Context, in ProgramSwitchInput) (ProgramSwitchResult, error) {
	// A half-done switch would leave contacts without values, so a cancellation takes
	// effect only once a program is connected.
	whole, release := workflow.NewDisconnectedContext(ctx)
	defer release()
	var begun activities.BeginSwitchResult
	request := activities.BeginSwitchInput(in)
	if err := workflow.ExecuteActivity(bulk(whole, "begin"), programs.BeginSwitch, request).Get(whole, &begun); err != nil {
		return ProgramSwitchResult{}, err
	}
	if begun.Refused != "" {
		return ProgramSwitchResult{NotBegun: begun.Refused}, nil
	}
	var connected activities.ConnectProgramResult
	if err := connectProgram(whole, begun.Switch, &connected); err != nil {
		return ProgramSwitchResult{}, err
	}
	if connected.State != activities.SwitchRefreshing {
		return ProgramSwitchResult{SwitchID: begun.ID, State: connected.State}, nil // no contact has lost anything
	}
	workflow.SetCurrentDetails(ctx, "refresh the contacts")
	refreshed, err := refresh(ctx, in.ConnectionID, begun.Switch)
	if err != nil {
		return ProgramSwitchResult{}, err
	}
	var finished activities.FinishSwitchResult
	end := activities.FinishSwitchInput{Switch: begun.Switch, Refreshed: refreshed}
	err = workflow.ExecuteActivity(bulk(whole, "finish"), programs.FinishSwitch, end).Get(whole, &finished)
	return ProgramSwitchResult{SwitchID: begun.ID, State: finished.State, Revisited: finished.Revisited}, err
}

// connectProgram runs the steps that must not stop half-way. A step that is done
// already does nothing.
func connectProgram(ctx workflow.Context, sw activities.Switch, connected *activities.ConnectProgramResult) error {
	for _, step := range []struct {
		name     string
		activity any
		result   any
	}{
		{"wait for pages that are being written", programs.StopWriters, nil},
		{"remove the properties", programs.ArchiveProperties, nil},
		{"create the properties", programs.CreateProperties, nil},
		{"connect the program", programs.ConnectProgram, connected},
	} {
		workflow.SetCurrentDetails(ctx, step.name)
		if err := workflow.ExecuteActivity(bulk(ctx, step.name), step.activity, sw).Get(ctx, step.result); err != nil {
			return err
		}
	}
	return nil
}

// refresh gives the contacts the connected program's values, by a mass sync. It
// reports whether it ran to its end; it is false if an operator cancelled the mass
// sync.
func refresh(ctx workflow.Context, connectionID string, sw activities.Switch) (bool, error) {
	var begun activities.BeginRefreshResult
	if err := workflow.ExecuteActivity(bulk(ctx, "begin the refresh"), programs.BeginRefresh, sw).Get(ctx, &begun); err != nil {
		return false, uncancelled(err)
	}
	if begun.Ended {
		return begun.Done, nil
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            MassSyncID(connectionID, begun.ID),
		TypedSearchAttributes: temporal.NewSearchAttributes(SearchConnectionID.ValueSet(connectionID)),
		StaticSummary:         "refresh of connection " + connectionID + " after a program switch",
		Priority:              temporal.Priority{PriorityKey: 5, FairnessKey: connectionID}, // behind everything else in the queue
	})
	var end MassSyncProgress
	input := MassSyncInput{ConnectionID: connectionID, RunID: begun.ID}
	err := workflow.ExecuteChildWorkflow(child, MassSyncName, input).Get(ctx, &end)
	var running *temporal.ChildWorkflowExecutionAlreadyStartedError
	if errors.As(err, &running) {
		// An operator has started a mass sync, which serves the purpose as well.
		var awaited activities.AwaitRefreshResult
		err = workflow.ExecuteActivity(polling(ctx), programs.AwaitRefresh, sw).Get(ctx, &awaited)
		return awaited.Done, uncancelled(err)
	}
	return end.State == MassSyncDone, uncancelled(err)
}

// uncancelled returns err, or nil if err only says that the refresh was cancelled.
func uncancelled(err error) error {
	if temporal.IsCanceledError(err) {
		return nil
	}
	return err
}
