package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// ProgramSwitchID is the workflow id of the change of a connection's program:
// one at a time.
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
	// NotBegun is why there was no switch; see activities.BeginSwitchResult.
	NotBegun  string                 `json:"not_begun,omitempty"`
	State     activities.SwitchState `json:"state,omitempty"` // done or refused
	Revisited int64                  `json:"revisited,omitempty"`
}

// ProgramSwitch connects another program of the tenant and gives all contacts
// its values. The properties that hold them are removed and created again, or
// stay where the switch is in place; meanwhile nobody writes to contacts. If
// HubSpot refuses to remove one, what was removed comes back and the old
// program stays. The switch is kept in the database, step by step: whatever
// stops the workflow, asking for the same switch again takes it up.
func ProgramSwitch(ctx workflow.Context, in ProgramSwitchInput) (ProgramSwitchResult, error) {
	// Half a switch helps nobody, so a cancellation counts from when a program
	// is connected.
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

// connectProgram does what must not stop half way. Each step does nothing if
// the switch is past it.
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
// reports whether all were reached that can be: not where an operator cancelled
// it.
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
		Priority:              temporal.Priority{PriorityKey: 5, FairnessKey: connectionID}, // behind all else in the queue
	})
	var end MassSyncProgress
	input := MassSyncInput{ConnectionID: connectionID, RunID: begun.ID}
	err := workflow.ExecuteChildWorkflow(child, MassSyncName, input).Get(ctx, &end)
	var running *temporal.ChildWorkflowExecutionAlreadyStartedError
	if errors.As(err, &running) {
		// An operator was faster: this mass sync serves as well.
		var awaited activities.AwaitRefreshResult
		err = workflow.ExecuteActivity(polling(ctx), programs.AwaitRefresh, sw).Get(ctx, &awaited)
		return awaited.Done, uncancelled(err)
	}
	return end.State == MassSyncDone, uncancelled(err)
}

// uncancelled is err, unless that only says that somebody cancelled the refresh.
func uncancelled(err error) error {
	if temporal.IsCanceledError(err) {
		return nil
	}
	return err
}
