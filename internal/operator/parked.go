package operator

import (
	"context"
	"slices"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// retryAtOnce is how many participants one retry reads again: small enough to
// be done in a minute, so that one among thousands that fails delays few.
const retryAtOnce = 1000

// Parked lists what waits for a person, the oldest first, at most limit items:
// those after the item with an id.
func (o *Operator) Parked(ctx context.Context, connectionID string, after int64, limit int) ([]bridge.ParkedItem, error) {
	return o.store.ParkedPage(ctx, connectionID, after, limit)
}

// Retried says what became of a request to retry.
type Retried struct {
	Contacts     []int64  // items of contacts: these are looked at again
	Participants []int64  // items of participants: these are read again
	Events       []int64  // items of what triggers sent: their records are looked at again
	Workflows    []string // ids of the workflows that read them
	NotOpen      []int64  // closed, or never there
}

// Retry has open items tried again. The item of a contact, or of what a trigger
// sent, is closed at once, and comes back if it fails again. The items of participants stay open
// until a workflow has read and applied them.
func (o *Operator) Retry(ctx context.Context, connectionID string, ids []int64) (Retried, error) {
	var r Retried
	open, missing, err := o.open(ctx, connectionID, ids)
	r.NotOpen = missing
	if err != nil {
		return r, err
	}
	err = o.retry(ctx, connectionID, open, &r)
	return r, err
}

// RetryAll is Retry of everything that is open.
func (o *Operator) RetryAll(ctx context.Context, connectionID string) (Retried, error) {
	var r Retried
	open, err := o.store.ParkedItems(ctx, connectionID)
	if err != nil {
		return r, err
	}
	err = o.retry(ctx, connectionID, open, &r)
	return r, err
}

func (o *Operator) retry(ctx context.Context, connectionID string, items []bridge.ParkedItem, r *Retried) error {
	var contacts, participants, events []int64
	for _, item := range items {
		switch {
		case item.Cause == bridge.CauseUnreadableRow:
			// Nobody can be asked about a row: the next mass sync reads it again.
		case item.TrackedEventID != 0:
			events = append(events, item.ID)
		case item.ContactID != "":
			contacts = append(contacts, item.ID)
		default:
			participants = append(participants, item.ID)
		}
	}
	if len(events) > 0 {
		retried, err := o.store.RetryTracked(ctx, connectionID, events)
		if err != nil {
			return err
		}
		r.Events = retried
	}
	if len(contacts) > 0 {
		retried, err := o.store.RetryContacts(ctx, connectionID, contacts, o.now())
		if err != nil {
			return err
		}
		r.Contacts = retried
	}
	for some := range slices.Chunk(participants, retryAtOnce) {
		if err := o.retryParticipants(ctx, connectionID, some, r); err != nil {
			return err
		}
	}
	return nil
}

// retryParticipants begins one run over all of them. If some were closed
// meanwhile, or are in a run that has not ended, it finds out which by halving.
func (o *Operator) retryParticipants(ctx context.Context, connectionID string, ids []int64, r *Retried) error {
	run, err := o.store.BeginRetry(ctx, connectionID, ids)
	kind := bridge.KindOf(err)
	switch {
	case err == nil:
		id, err := o.startRetry(ctx, run)
		if err != nil {
			return err
		}
		r.Participants = append(r.Participants, ids...)
		if !slices.Contains(r.Workflows, id) {
			r.Workflows = append(r.Workflows, id)
		}
	case len(ids) > 1 && (kind == bridge.Conflict || kind == bridge.NotFound):
		half := len(ids) / 2
		if err := o.retryParticipants(ctx, connectionID, ids[:half], r); err != nil {
			return err
		}
		return o.retryParticipants(ctx, connectionID, ids[half:], r)
	case kind == bridge.NotFound:
		r.NotOpen = append(r.NotOpen, ids...)
	default:
		return err
	}
	return nil
}

// startRetry starts the workflow of a run. One that is at work already goes on
// as it is.
func (o *Operator) startRetry(ctx context.Context, run store.Run) (workflowID string, err error) {
	workflowID = workflows.RetryParkedID(run.ConnectionID, run.ID)
	_, err = o.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                    workflowID,
		TaskQueue:             workflows.TaskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(run.ConnectionID)),
		StaticSummary:         "retry of parked participants of connection " + run.ConnectionID,
	}, workflows.RetryParkedName, workflows.RetryParkedInput{ConnectionID: run.ConnectionID, RunID: run.ID})
	return workflowID, err
}

// Discard gives open items up. It returns those that were not open.
func (o *Operator) Discard(ctx context.Context, connectionID string, ids []int64) (discarded, notOpen []int64, err error) {
	open, notOpen, err := o.open(ctx, connectionID, ids)
	if err != nil {
		return nil, notOpen, err
	}
	for _, item := range open {
		if err := o.store.CloseParked(ctx, item.ID, store.OutcomeDiscarded); err != nil {
			return discarded, notOpen, err
		}
		discarded = append(discarded, item.ID)
	}
	return discarded, notOpen, nil
}

// open reads the open items with the ids, each once, and lists the ids that
// name none of this connection.
func (o *Operator) open(ctx context.Context, connectionID string, ids []int64) (items []bridge.ParkedItem, missing []int64, err error) {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		item, err := o.store.ParkedItem(ctx, id)
		switch {
		case bridge.KindOf(err) == bridge.NotFound, err == nil && item.ConnectionID != connectionID:
			missing = append(missing, id)
		case err != nil:
			return nil, nil, err
		default:
			items = append(items, item)
		}
	}
	return items, missing, nil
}
