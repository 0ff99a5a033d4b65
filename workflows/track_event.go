package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

// TrackEventInput names a record that triggers watch, and carries what was
// heard of it over continue-as-new.
type TrackEventInput struct {
	ConnectionID string            `json:"connection_id"`
	ObjectType   bridge.ObjectType `json:"object_type"`
	ObjectID     string            `json:"object_id"`

	// Carried over continue-as-new only.
	Hints  bridge.ObjectHints `json:"hints,omitzero"`
	Misses int                `json:"looks,omitempty"` // times HubSpot did not show the record

	Last activities.LookAtObjectResult `json:"last,omitzero"` // what was decided last
}

// TrackEvent carries what happens to one record over to impact.com, as the
// triggers want it: look at it as it is now, record what each trigger decides,
// then send. All that happens to the record passes through here, one look at a
// time, so the same change never counts twice. Verdicts take the vendor minutes
// and cost an hourly quota: TrackRound asks for those.
// Its result is what was decided last.
func TrackEvent(ctx workflow.Context, in TrackEventInput) (activities.LookAtObjectResult, error) {
	inbox := workflow.GetSignalChannel(ctx, SignalChanges)
	for {
		in.Hints = in.Hints.Merge(drain[bridge.ObjectHints](inbox))
		// Nothing may yield between a fruitless look into the inbox and the
		// return: a hint that arrives then makes the server redo this task.
		if in.Hints.Empty() {
			return in.Last, ctx.Err()
		}
		if in.Misses > 0 {
			in.Hints = in.Hints.Merge(await[bridge.ObjectHints](ctx, inbox, time.Second<<(in.Misses-1), "wait until HubSpot shows the record"))
		}
		if err := track(ctx, &in); err != nil {
			return in.Last, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Hints = in.Hints.Merge(drain[bridge.ObjectHints](inbox))
			return in.Last, workflow.NewContinueAsNewError(ctx, TrackEventName, in)
		}
	}
}

// track acts on what was heard so far, and forgets it unless the record has to
// be looked at again. What fails for good is recorded, never dropped, and never
// ends the run: hints that wait behind it would be lost with it.
func track(ctx workflow.Context, in *TrackEventInput) error {
	var result activities.LookAtObjectResult
	input := activities.LookAtObjectInput{
		ConnectionID: in.ConnectionID, ObjectType: in.ObjectType, ObjectID: in.ObjectID, Hints: in.Hints,
	}
	err := workflow.ExecuteActivity(live(ctx, fmt.Sprintf("evaluate %s %s", in.ObjectType, in.ObjectID)), tracking.LookAtObject, input).Get(ctx, &result)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return in.abandon(ctx, activities.AbandonLookInput{LookAtObjectInput: input, Reason: "it could not be looked at for a day"})
	case result.Missing:
		if in.Misses++; in.Misses >= maxMisses {
			return in.abandon(ctx, activities.AbandonLookInput{LookAtObjectInput: input, Reason: "HubSpot does not show the record", Missing: true})
		}
	default:
		in.settled(result)
	}
	return send(ctx, in.ConnectionID, result.Send)
}

func (in *TrackEventInput) settled(result activities.LookAtObjectResult) {
	in.Hints, in.Misses, in.Last = bridge.ObjectHints{}, 0, result
}

func (in *TrackEventInput) abandon(ctx workflow.Context, given activities.AbandonLookInput) error {
	in.settled(activities.LookAtObjectResult{Missing: true})
	return workflow.ExecuteActivity(live(ctx, "give the evaluation up"), tracking.AbandonLook, given).Get(ctx, nil)
}

// send sends what was recorded, all at once: they are of different triggers.
func send(ctx workflow.Context, connectionID string, ids []int64) error {
	sends := make([]workflow.Future, len(ids))
	for i, id := range ids {
		sends[i] = workflow.ExecuteActivity(sending(ctx, connectionID, fmt.Sprintf("send event %d", id)), tracking.SendEvent,
			activities.TrackedEventInput{ConnectionID: connectionID, ID: id})
	}
	for i, sent := range sends {
		err := sent.Get(ctx, nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			continue
		}
		input := activities.TrackedEventInput{ConnectionID: connectionID, ID: ids[i]}
		if err := workflow.ExecuteActivity(live(ctx, fmt.Sprintf("park event %d", ids[i])), tracking.AbandonEvent, input).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// sending sets the options of calls to impact.com. They have a queue of their
// own, whose workers take as many at a time as the vendor is to see: a burst
// waits on the server, not in slots that contacts need. Where the server shares a
// backlog fairly, each connection has its share.
func sending(ctx workflow.Context, connectionID, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              ImpactTaskQueue,
		Summary:                summary,
		Priority:               temporal.Priority{FairnessKey: connectionID},
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		ScheduleToCloseTimeout: 24 * time.Hour,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}
