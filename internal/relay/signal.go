package relay

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// Signaler is the part of Temporal's client that the relay calls.
type Signaler interface {
	SignalWithStartWorkflow(ctx context.Context, workflowID, signalName string, signalArg any,
		options client.StartWorkflowOptions, workflow any, workflowArgs ...any) (client.WorkflowRun, error)
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
}

// signalContact signals one contact's workflow, which is started if it is not
// running.
func signalContact(ctx context.Context, to Signaler, c store.ContactHints) error {
	options := client.StartWorkflowOptions{
		TaskQueue:     workflows.TaskQueue,
		StaticSummary: fmt.Sprintf("contact %s of connection %s", c.ContactID, c.ConnectionID),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.SearchConnectionID.ValueSet(c.ConnectionID),
			workflows.SearchContactID.ValueSet(c.ContactID),
		),
		// Somebody waits for the result. In a backlog the connections take turns, if the
		// server supports fairness.
		Priority: temporal.Priority{PriorityKey: 1, FairnessKey: c.ConnectionID},
	}
	if c.Bulk {
		options.Priority.PriorityKey = 2 // as pages
	}
	_, err := to.SignalWithStartWorkflow(ctx, workflows.ContactLifecycleID(c.ConnectionID, c.ContactID),
		workflows.SignalHints, c.Hints, options, workflows.ContactLifecycleName,
		workflows.ContactLifecycleInput{ConnectionID: c.ConnectionID, ContactID: c.ContactID})
	if err != nil {
		return fmt.Errorf("signal contact %s of connection %s: %w", c.ContactID, c.ConnectionID, err)
	}
	return nil
}

// signalObject signals the workflow of one record that triggers watch.
func signalObject(ctx context.Context, to Signaler, o store.ObjectHints) error {
	options := client.StartWorkflowOptions{
		TaskQueue:             workflows.TaskQueue,
		StaticSummary:         fmt.Sprintf("triggers of %s %s of connection %s", o.ObjectType, o.ObjectID, o.ConnectionID),
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(o.ConnectionID)),
		Priority:              temporal.Priority{PriorityKey: 2}, // after contacts: a conversion may come a little later
	}
	_, err := to.SignalWithStartWorkflow(ctx, workflows.TrackEventID(o.ConnectionID, o.ObjectType, o.ObjectID),
		workflows.SignalChanges, o.Hints, options, workflows.TrackEventName,
		workflows.TrackEventInput{ConnectionID: o.ConnectionID, ObjectType: o.ObjectType, ObjectID: o.ObjectID})
	if err != nil {
		return fmt.Errorf("signal %s %s of connection %s: %w", o.ObjectType, o.ObjectID, o.ConnectionID, err)
	}
	return nil
}

// unreachable reports whether a signal failed because the server is away or
// overloaded, not because of the contact.
func unreachable(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		late        *serviceerror.DeadlineExceeded
		busy        *serviceerror.ResourceExhausted
	)
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.As(err, &busy) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
