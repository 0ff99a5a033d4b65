package workflows

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// ContactBatchID returns a new workflow id for a page of a connection's contacts.
func ContactBatchID(connectionID string) string {
	return "contact-batch/" + connectionID + "/" + rand.Text()
}

// ContactBatchInput names up to a hundred contacts of a connection and what was heard
// of each.
type ContactBatchInput struct {
	ConnectionID string                    `json:"connection_id"`
	Contacts     []activities.HeardContact `json:"contacts"`
}

// ContactBatch syncs many contacts that were created, changed or deleted together,
// for example by an import: one page of calls instead of a workflow for each contact.
// It decides as a contact's own workflow does, and leaves contacts that need time to
// that workflow, except deletions: it holds those and then syncs them again. What is
// heard of a contact meanwhile goes to the contact's own workflow, and the page finds
// what came of it. A lease in the database keeps two pages, or a page and a workflow,
// from working on one contact at once. Its result counts the outcomes.
func ContactBatch(ctx workflow.Context, in ContactBatchInput) (activities.SyncContactsResult, error) {
	result, err := syncPage(ctx, activities.SyncContactsInput{ConnectionID: in.ConnectionID, Contacts: in.Contacts, MayHold: true})
	if err != nil || len(result.InGrace) == 0 { // histories from before pages held deletions end here
		return result, err
	}
	hold := workflow.NewTimerWithOptions(ctx, result.Grace, workflow.TimerOptions{
		Summary: "hold the deletions: privacy deletions, merges or restores may belong to them",
	})
	if err := hold.Get(ctx, nil); err != nil {
		return result, err
	}
	again, err := syncPage(ctx, activities.SyncContactsInput{
		ConnectionID: in.ConnectionID, Contacts: only(in.Contacts, result.InGrace), GraceElapsed: true,
	})
	return activities.SyncContactsResult{Settled: result.Settled + again.Settled, Deferred: result.Deferred + again.Deferred}, err
}

// only returns the contacts with the given ids.
func only(contacts []activities.HeardContact, ids []string) []activities.HeardContact {
	return slices.DeleteFunc(slices.Clone(contacts), func(c activities.HeardContact) bool { return !slices.Contains(ids, c.ContactID) })
}

func syncPage(ctx workflow.Context, in activities.SyncContactsInput) (result activities.SyncContactsResult, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:   fmt.Sprintf("sync %d contacts", len(in.Contacts)),
		TaskQueue: PagesTaskQueue,
		Priority:  temporal.Priority{PriorityKey: 2, FairnessKey: in.ConnectionID}, // connections take turns, if the server supports fairness
		// The activity waits for the vendors' limits itself.
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    activities.HeartbeatTimeout,
		// It fails only in an outage, or while the connection has many pages at work, and
		// gives up its contacts itself.
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
	err = workflow.ExecuteActivity(ctx, batches.SyncContacts, in).Get(ctx, &result)
	if err == nil {
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d settled, %d held, %d left to their own workflows", result.Settled, len(result.InGrace), result.Deferred))
	}
	return result, err
}
