package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/bridge"
)

const (
	// leaseTime is longer than one attempt may take, so that nobody else begins while
	// this attempt is still at work.
	leaseTime = 6 * time.Minute
	// leaseRetry is the pause before a contact is tried again whose lease somebody
	// else holds. A page of contacts takes some seconds.
	leaseRetry = time.Second
)

// errLeased is the cause of the error that leased returns.
var errLeased = errors.New("another workflow works on the contact")

// leased returns the error of work that waits for a lease: pending, to be retried
// after leaseRetry.
func leased() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.lease_contact", RetryAfter: leaseRetry, Err: errLeased}
}

// holder names the workflow that an activity works for. Tests that call an activity
// directly get a name of their own.
func holder(ctx context.Context) string {
	if !activity.IsActivity(ctx) {
		return "called directly"
	}
	return activity.GetInfo(ctx).WorkflowExecution.ID
}
