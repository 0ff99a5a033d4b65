package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

const (
	// quiet is how long a contact's workflow stays open after its last hint: long
	// enough to take in the rest of a burst and the echo of our own write, short
	// enough that only contacts with work are open.
	quiet = 2 * time.Second

	// maxMisses bounds how often a contact is read that HubSpot announced but does not
	// show. The pauses double from one second, so the reads span four minutes.
	maxMisses = 8
)

// ContactLifecycleID returns the workflow id of one contact.
func ContactLifecycleID(connectionID, contactID string) string {
	return "contact/" + connectionID + "/" + contactID
}

// ConnectionOfContact returns the connection in the workflow id of a contact, or of a
// page of contacts; is is false for any other id.
func ConnectionOfContact(workflowID string) (connectionID string, is bool) {
	kind, rest, _ := strings.Cut(workflowID, "/")
	connectionID, _, more := strings.Cut(rest, "/")
	return connectionID, more && (kind == "contact" || kind == "contact-batch")
}

// ContactLifecycleInput starts one contact's workflow, and carries its state over
// continue-as-new.
type ContactLifecycleInput struct {
	ConnectionID string `json:"connection_id"`
	ContactID    string `json:"contact_id"`

	// Carried over continue-as-new only.
	Hints  bridge.Hints `json:"hints,omitzero"`  // heard, not yet acted on
	Misses int          `json:"looks,omitempty"` // times HubSpot did not show the contact

	HoldUntil time.Time `json:"hold_until,omitzero"` // a deletion is held until then

	ErasureHeldSince time.Time `json:"erasure_held_since,omitzero"` // since when an unconfirmed privacy deletion is held
	NextSync         time.Time `json:"next_sync,omitzero"`          // when to read the contact again that HubSpot does not show yet, or still shows

	Last activities.SyncContactResult `json:"last,omitzero"` // what was decided last
}

// ContactLifecycle keeps one contact and its participant in step, from the
// contact's creation to its deletion, erasure or merge. Everything that happens to
// the contact passes through it, one event at a time, so two webhooks about one
// person cannot race into two participants. The first hint starts it, a quiet spell
// ends it, and the next hint starts it again. Its result is the last decision.
func ContactLifecycle(ctx workflow.Context, in ContactLifecycleInput) (activities.SyncContactResult, error) {
	inbox := workflow.GetSignalChannel(ctx, SignalHints)
	for {
		in.Hints = in.Hints.Merge(drain[bridge.Hints](inbox))
		if in.Hints.Empty() {
			// Nothing may yield between a wait that found nothing and the return. The server
			// then rejects the completion if a hint has arrived meanwhile, and the task runs
			// again and sees it.
			if in.Hints = await[bridge.Hints](ctx, inbox, quiet, "wait for quiet"); in.Hints.Empty() {
				return in.Last, ctx.Err()
			}
			continue
		}
		if d, why := in.pause(ctx); d > 0 {
			in.Hints = in.Hints.Merge(await[bridge.Hints](ctx, inbox, d, why))
		}
		if err := syncOnce(ctx, &in); err != nil {
			return in.Last, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Hints = in.Hints.Merge(drain[bridge.Hints](inbox))
			return in.Last, workflow.NewContinueAsNewError(ctx, ContactLifecycleName, in)
		}
	}
}

// pause returns how long to wait before the next sync, and why.
func (in *ContactLifecycleInput) pause(ctx workflow.Context) (time.Duration, string) {
	now := workflow.Now(ctx)
	held, next := in.HoldUntil.Sub(now), in.NextSync.Sub(now) // negative: nothing is held
	switch {
	case next > 0 && !in.ErasureHeldSince.IsZero():
		return next, "hold the privacy deletion: HubSpot still shows the contact"
	case held > 0:
		return held, "hold the deletion: a privacy deletion, a merge or a restore may belong to it"
	case next > 0:
		// HubSpot announces a contact before it can be read.
		return next, "wait until HubSpot shows the contact"
	default:
		return 0, ""
	}
}

// syncOnce acts on the hints heard so far, and clears them unless the contact has
// to be synced again. Work that fails for good is parked, never dropped, and never
// fails the workflow: hints that wait behind it would be lost with the run.
func syncOnce(ctx workflow.Context, in *ContactLifecycleInput) error {
	result, err := syncContact(ctx, in)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return giveUp(ctx, in, bridge.CauseUnreachable)
	case result.Action == bridge.HoldErasure:
		in.holdErasure(workflow.Now(ctx), result.Hold)
		return nil
	case result.Action == bridge.DoubtErasure:
		// The privacy deletion is parked; the other hints are acted on next.
		in.Hints.ErasedAt, in.ErasureHeldSince, in.NextSync = time.Time{}, time.Time{}, time.Time{}
		return nil
	case result.Action == bridge.HoldDeletion:
		if in.HoldUntil.IsZero() {
			in.HoldUntil = workflow.Now(ctx).Add(result.Hold)
		}
		return nil
	case result.State != bridge.StateMissing:
		in.settled()
		return nil
	}
	if in.missed(workflow.Now(ctx)); in.Misses < maxMisses {
		return nil
	}
	return giveUp(ctx, in, bridge.CauseNotReadable)
}

// missed counts a sync that did not find the contact, but only if the pause before
// it has passed: hints that wake the workflow earlier do not use up its attempts.
func (in *ContactLifecycleInput) missed(now time.Time) {
	if now.Before(in.NextSync) {
		return
	}
	in.Misses++
	in.NextSync = now.Add(time.Second << (in.Misses - 1))
}

// holdErasure schedules the next sync after a pause. Its first call begins the
// hold.
func (in *ContactLifecycleInput) holdErasure(now time.Time, pause time.Duration) {
	if in.ErasureHeldSince.IsZero() {
		in.ErasureHeldSince = now
	}
	in.NextSync = now.Add(pause)
}

// giveUp parks the hints that were not acted on.
func giveUp(ctx workflow.Context, in *ContactLifecycleInput, cause bridge.Cause) error {
	heard := in.Hints
	in.settled()
	return park(ctx, in, cause, heard)
}

// settled clears the hints that were acted on.
func (in *ContactLifecycleInput) settled() {
	in.Hints, in.Misses, in.HoldUntil = bridge.Hints{}, 0, time.Time{}
	in.ErasureHeldSince, in.NextSync = time.Time{}, time.Time{}
}

func syncContact(ctx workflow.Context, in *ContactLifecycleInput) (activities.SyncContactResult, error) {
	var result activities.SyncContactResult
	err := workflow.ExecuteActivity(live(ctx, "sync contact "+in.ContactID), contacts.SyncContact, activities.SyncContactInput{
		ConnectionID: in.ConnectionID,
		ContactID:    in.ContactID,
		Hints:        in.Hints,
		Misses:       in.Misses,
		GraceElapsed: !in.HoldUntil.IsZero() && !workflow.Now(ctx).Before(in.HoldUntil),
		ErasureHeld:  in.erasureHeld(workflow.Now(ctx)),
	}).Get(ctx, &result)
	if err == nil {
		in.Last = result
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%s because %s: now %s", result.Action, result.Reason, result.State))
	}
	return result, err
}

func (in *ContactLifecycleInput) erasureHeld(now time.Time) time.Duration {
	if in.ErasureHeldSince.IsZero() {
		return 0
	}
	return now.Sub(in.ErasureHeldSince)
}

func park(ctx workflow.Context, in *ContactLifecycleInput, cause bridge.Cause, heard bridge.Hints) error {
	return workflow.ExecuteActivity(live(ctx, "park contact "+in.ContactID), contacts.ParkContact, activities.ParkContactInput{
		ConnectionID: in.ConnectionID,
		ContactID:    in.ContactID,
		Cause:        cause,
		Hints:        heard,
	}).Get(ctx, nil)
}
