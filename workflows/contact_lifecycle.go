package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

const (
	// quiet is how long a contact's life lasts after its last hint: long
	// enough to take in the rest of a burst and the echo of our own write,
	// short enough that only contacts with work are open.
	quiet = 2 * time.Second

	// maxMisses bounds how often a contact that HubSpot announced but does not
	// show is looked for: with pauses doubling from a second, four minutes.
	maxMisses = 8
)

// ContactLifecycle keeps one contact and its participant in step, from the
// contact's creation to its deletion, erasure or merge. All that happens to
// the contact passes through it, one thing at a time, so two webhooks about one
// person cannot race into two participants. The first hint starts it, a quiet
// spell ends it, the next hint starts it again.
// Its result is what was decided last.
func ContactLifecycle(ctx workflow.Context, in ContactLifecycleInput) (activities.SyncContactResult, error) {
	inbox := workflow.GetSignalChannel(ctx, SignalHints)
	for {
		in.Hints = in.Hints.Merge(drain[bridge.Hints](inbox))
		if in.Hints.Empty() {
			// Nothing may yield between a fruitless wait and the return: a hint
			// that arrives then makes the server redo this task, and is seen.
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

// pause is how long to wait before the next look, and why.
func (in *ContactLifecycleInput) pause(ctx workflow.Context) (time.Duration, string) {
	now := workflow.Now(ctx)
	held, next := in.HoldUntil.Sub(now), in.NextSync.Sub(now) // negative where nothing is held
	switch {
	case next > 0 && !in.ErasureHeldSince.IsZero():
		return next, "hold the privacy deletion: HubSpot still shows the contact"
	case held > 0:
		return held, "hold the deletion: a privacy deletion, a merge or a restore may belong to it"
	case next > 0:
		// HubSpot tells of a contact before it can be read.
		return next, "wait until HubSpot shows the contact"
	default:
		return 0, ""
	}
}

// syncOnce acts on what was heard so far, and forgets it unless the contact has to
// be looked at again. Work that fails for good is parked, never dropped, and
// never ends the life: hints that wait behind it would be lost with the run.
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
		// The privacy deletion is parked; whatever else was heard is acted on next.
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

// missed counts a sync that did not find the contact, if the pause before it has
// passed: news that wakes it earlier, however much of it, uses nothing up.
func (in *ContactLifecycleInput) missed(now time.Time) {
	if now.Before(in.NextSync) {
		return
	}
	in.Misses++
	in.NextSync = now.Add(time.Second << (in.Misses - 1))
}

// holdErasure has the contact synced again after a pause. The first time counts as
// the beginning of the hold.
func (in *ContactLifecycleInput) holdErasure(now time.Time, pause time.Duration) {
	if in.ErasureHeldSince.IsZero() {
		in.ErasureHeldSince = now
	}
	in.NextSync = now.Add(pause)
}

// giveUp parks what was heard and not acted on.
func giveUp(ctx workflow.Context, in *ContactLifecycleInput, cause bridge.Cause) error {
	heard := in.Hints
	in.settled()
	return park(ctx, in, cause, heard)
}

// settled forgets what was heard: it has been acted on.
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

// live sets the options of activities that somebody waits for.
func live(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary: summary,
		// Waiting for the vendors' limits is part of the work, so the bound is
		// wide; a killed worker is noticed by its missing heartbeat.
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    activities.HeartbeatTimeout,
		// A vendor may be down for hours, and credentials may wait for a person
		// overnight. What still fails after a day is parked.
		ScheduleToCloseTimeout: 24 * time.Hour,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// hints are what signals carry, in any order and number.
type hints[H any] interface {
	Merge(H) H
	Empty() bool
}

// drain takes what has arrived, without waiting.
func drain[H hints[H]](inbox workflow.ReceiveChannel) H {
	var all H
	for {
		var hints H
		if !inbox.ReceiveAsync(&hints) {
			return all
		}
		all = all.Merge(hints)
	}
}

// await takes what has arrived, or waits at most d for the next hint.
func await[H hints[H]](ctx workflow.Context, inbox workflow.ReceiveChannel, d time.Duration, why string) H {
	if heard := drain[H](inbox); !heard.Empty() {
		return heard
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel() // a timer left behind would wake the workflow for nothing
	var hints H
	workflow.NewSelector(ctx).
		AddReceive(inbox, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &hints) }).
		AddFuture(workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: why}), func(workflow.Future) {}).
		Select(ctx)
	return hints.Merge(drain[H](inbox)) // a hint may have come with the timer
}
