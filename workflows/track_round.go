package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// TrackRoundInput names the connection whose triggers are looked after.
type TrackRoundInput struct {
	ConnectionID string `json:"connection_id"`
}

// TrackRoundResult says what a round found.
type TrackRoundResult struct {
	Submissions int   `json:"submissions"` // of forms, new
	Woken       int64 `json:"woken"`       // records that are looked at again
	Asked       int   `json:"asked"`       // verdicts
	Decided     int   `json:"decided"`
}

// verdictPages is how many pages of verdicts one round asks for: more than the
// vendor grants in an hour.
const verdictPages = 12

// TrackRound looks after what a connection's triggers wait for: submissions of
// forms, contacts that are mapped by now, and verdicts. A schedule starts it
// every minute while a trigger is enabled, and skips a minute while one is
// still at work. The next round is its retry: nothing that fails is forgotten.
func TrackRound(ctx workflow.Context, in TrackRoundInput) (TrackRoundResult, error) {
	var result TrackRoundResult
	input := activities.RoundInput(in)

	var forms activities.PollFormsResult
	formsFailed := workflow.ExecuteActivity(round(ctx, BulkTaskQueue, "read forms"), tracking.PollForms, input).Get(ctx, &forms)
	result.Submissions = forms.Submissions

	var woken activities.WakeWaitingResult
	wakeFailed := workflow.ExecuteActivity(round(ctx, BulkTaskQueue, "wake what waits"), tracking.WakeWaiting, input).Get(ctx, &woken)
	result.Woken = woken.Records

	var verdictsFailed error
	for range verdictPages {
		var verdicts activities.PollVerdictsResult
		verdictsFailed = workflow.ExecuteActivity(round(ctx, ImpactTaskQueue, "ask for verdicts"), tracking.PollVerdicts, input).Get(ctx, &verdicts)
		result.Asked += verdicts.Asked
		result.Decided += verdicts.Decided
		if verdictsFailed != nil || !verdicts.More {
			break
		}
	}
	return result, errors.Join(formsFailed, wakeFailed, verdictsFailed)
}

// round sets the options of a round's activities, which a later round repeats.
func round(ctx workflow.Context, queue, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              queue,
		Summary:                summary,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		ScheduleToCloseTimeout: 10 * time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 3},
	})
}
