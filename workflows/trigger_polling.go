package workflows

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// TrackRoundInput names the connection to poll for.
type TrackRoundInput struct {
	ConnectionID string `json:"connection_id"`
}

// TrackRoundResult says what a round found.
type TrackRoundResult struct {
	Submissions int   `json:"submissions"` // of forms, new
	Woken       int64 `json:"woken"`       // records that are evaluated again
	Asked       int   `json:"asked"`       // verdicts
	Decided     int   `json:"decided"`
}

// verdictPages bounds how many pages of verdicts one round asks for. It is more
// than the vendor's hourly quota allows.
const verdictPages = 12

// TrackRoundID returns the id of a connection's trigger polling schedule, which is
// the prefix of the ids of its runs.
func TrackRoundID(connectionID string) string {
	return "track-round/" + connectionID
}

// TrackRound polls for what a connection's triggers wait for: submissions of forms,
// contacts that have been mapped since, and verdicts. A schedule starts it every
// minute while a trigger is enabled, and skips a minute while one is running. The
// next round retries what failed.
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
