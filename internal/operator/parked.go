package operator

import (
	"context"
	"errors"
	"math"
	"slices"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// retryAtOnce is how many participants one retry reads: few enough to take a
// minute, so that a failing participant delays few others.
const retryAtOnce = 1000

// Parked returns at most limit open items, the oldest first: those with an id above
// after, of one cause, or of all causes for "".
func (o *Operator) Parked(ctx context.Context, connectionID string, cause bridge.Cause, after int64, limit int) ([]bridge.ParkedItem, error) {
	return o.store.ParkedPage(ctx, connectionID, cause, after, limit)
}

// ParkedCauses groups the open items by cause, the most frequent first.
func (o *Operator) ParkedCauses(ctx context.Context, connectionID string) ([]store.ParkedCause, error) {
	return o.store.ParkedCauses(ctx, connectionID)
}

// Retried is the outcome of a request to retry.
type Retried struct {
	Contacts     []int64  // items of contacts, which are synced again
	Participants []int64  // items of participants, which are read again
	Events       []int64  // items of events of triggers, whose records are evaluated again
	Workflows    []string // ids of the workflows that read the participants
	NotOpen      []int64  // closed or unknown
}

// Retry retries open items. The item of a contact, or of an event, is closed at once, and
// another is parked if the retry fails. The items of participants stay open until a workflow has
// read and applied them.
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

// RetryCause is Retry for all open items of a cause, or for all open items with "".
func (o *Operator) RetryCause(ctx context.Context, connectionID string, cause bridge.Cause) (Retried, error) {
	var r Retried
	open, err := o.store.ParkedPage(ctx, connectionID, cause, 0, math.MaxInt32)
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
		case item.Cause == bridge.CauseUnreadableRow, item.Cause == bridge.CauseFaultySubmission:
			// No vendor can be asked about these. The next mass sync reads an unreadable row
			// again.
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

// retryParticipants begins one run over all of them. If some were closed meanwhile,
// or are in another unfinished run, it finds out which by halving.
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

// RetryDue retries the items of participants that are due for an automatic retry;
// see store.DueRetries. A failure of one connection does not stop the others.
func (o *Operator) RetryDue(ctx context.Context) error {
	due, err := o.store.DueRetries(ctx, retryAtOnce)
	if err != nil {
		return err
	}
	var errs []error
	for connectionID, ids := range due {
		errs = append(errs, o.retryParticipants(ctx, connectionID, ids, &Retried{}))
	}
	return errors.Join(errs...)
}

// startRetry starts the workflow of a run. If it is running already, it continues
// unchanged.
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

// Discard discards open items. It also returns the ids of those that were not open.
func (o *Operator) Discard(ctx context.Context, connectionID string, ids []int64) (discarded, notOpen []int64, err error) {
	discarded, err = o.store.DiscardParked(ctx, connectionID, store.ParkedFilter{IDs: ids})
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if _, done := slices.BinarySearch(discarded, id); !done && err == nil {
			notOpen = append(notOpen, id)
		}
	}
	return discarded, notOpen, err
}

// DiscardCause discards all open items of a cause, or all open items with "", and
// returns their ids.
func (o *Operator) DiscardCause(ctx context.Context, connectionID string, cause bridge.Cause) ([]int64, error) {
	return o.store.DiscardParked(ctx, connectionID, store.ParkedFilter{Cause: cause})
}

// open reads the open items with the ids, each once, and also returns the ids that
// are no open item of this connection.
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
