package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

// TrackEventInput names a record that triggers watch, and carries its state over
// continue-as-new.
type TrackEventInput struct {
	ConnectionID string            `json:"connection_id"`
	ObjectType   bridge.ObjectType `json:"object_type"`
	ObjectID     string            `json:"object_id"`

	// Carried over continue-as-new only.
	Hints  bridge.ObjectHints `json:"hints,omitzero"`
	Misses int                `json:"looks,omitempty"` // times HubSpot did not show the record

	Last activities.LookAtObjectResult `json:"last,omitzero"` // what was decided last
}

// TrackEventID returns the workflow id of a record that triggers watch.
func TrackEventID(connectionID string, t bridge.ObjectType, objectID string) string {
	return "track/" + connectionID + "/" + string(t) + "/" + objectID
}

// TrackEvent evaluates the triggers on one record: it reads the record as it is
// now, records what each trigger decides, then sends. Everything that happens to
// the record passes through it, one evaluation at a time, so the same change never
// counts twice. Verdicts take the vendor minutes and cost an hourly quota, so
// TrackRound asks for those. Its result is the last decision.
func TrackEvent(ctx workflow.Context, in TrackEventInput) (activities.LookAtObjectResult, error) {
	inbox := workflow.GetSignalChannel(ctx, SignalChanges)
	for {
		in.Hints = in.Hints.Merge(drain[bridge.ObjectHints](inbox))
		// Nothing may yield between the drain that found nothing and the return. The
		// server then rejects the completion if a hint has arrived meanwhile, and the
		// task runs again.
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

// track acts on the hints heard so far, and clears them unless the record has to be
// evaluated again. A permanent failure is recorded, never dropped, and never fails
// the workflow: hints that wait behind it would be lost with the run.
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

// send sends the recorded events concurrently; each is of another trigger.
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
