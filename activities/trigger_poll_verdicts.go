package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/impact"
	"advocatesync/internal/store"
)

const (
	// verdictsAtOnce bounds how many verdicts one activity asks for; the account
	// grants a thousand calls an hour (impact.com docs: rate limits).
	verdictsAtOnce   = 100
	verdictsParallel = 4

	// A verdict is asked for after ten seconds, twenty, forty and so on.
	mostDoublings = 10
	longestPause  = time.Hour
	// noVerdict is how long we wait for a verdict, notShown how long we wait for
	// impact.com to show a submission.
	noVerdict = 7 * 24 * time.Hour
	notShown  = 24 * time.Hour
)

// PollVerdictsResult counts the verdicts asked for and received.
type PollVerdictsResult struct {
	Asked   int  `json:"asked"`
	Decided int  `json:"decided"`
	More    bool `json:"more,omitempty"` // others are due
}

// PollVerdicts asks for the verdicts that are due, at most a hundred, and records
// them. A verdict that is not available delays none of the others. If the vendor
// grants no more calls, or refuses the account, all of them wait.
func (a *Tracking) PollVerdicts(ctx context.Context, in RoundInput) (PollVerdictsResult, error) {
	due, err := a.store.DueVerdicts(ctx, in.ConnectionID, verdictsAtOnce)
	if err != nil || len(due) == 0 {
		return PollVerdictsResult{}, retryable(err)
	}
	reversible, err := a.reversible(ctx, in.ConnectionID)
	if err != nil {
		return PollVerdictsResult{}, retryable(err)
	}
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	if err != nil {
		return PollVerdictsResult{}, retryable(suspended(err))
	}
	result := PollVerdictsResult{More: len(due) == verdictsAtOnce}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(verdictsParallel)
	for _, e := range due {
		group.Go(func() error {
			decided, err := a.askVerdict(groupCtx, conn, e, reversible[e.TriggerID])
			mu.Lock()
			defer mu.Unlock()
			result.Asked++
			if decided {
				result.Decided++
			}
			return err
		})
	}
	err = group.Wait()
	switch {
	case bridge.KindOf(err) == bridge.Throttled:
		result.More = false
		e, _ := errors.AsType[*bridge.Error](err)
		err = a.store.PostponeVerdicts(ctx, in.ConnectionID, max(e.RetryAfter, time.Minute))
	case refusesAccount(err):
		result.More = false
		err = errors.Join(a.store.RefuseImpact(ctx, conn.ID, conn.Revision, refusal(err)),
			a.store.PostponeVerdicts(ctx, in.ConnectionID, refusedVerdicts))
	}
	return result, retryable(err)
}

// refusedVerdicts is how long verdicts wait after impact.com refused the account.
const refusedVerdicts = 15 * time.Minute

// knownOrder matches the error that an order id was used before. We use each order
// id for one event, so if an earlier attempt got no answer, that attempt counted.
// The vendor documents neither a code nor a text for this error.
var knownOrder = regexp.MustCompile(`(?i)\border ?id\b.*\b(used|duplicate|already|exists|unique)\b|\b(duplicate|already)\b.*\border ?id\b`)

// reversible returns the triggers that may have to reverse an event.
func (a *Tracking) reversible(ctx context.Context, connectionID string) (map[string]bool, error) {
	triggers, err := a.triggers.Active(ctx, connectionID)
	found := map[string]bool{}
	for _, t := range triggers {
		found[t.Definition().ID] = reversible(t)
	}
	return found, err
}

// askVerdict asks for one verdict. A returned error concerns all verdicts of the
// connection; a problem with this one alone is recorded with its event.
func (a *Tracking) askVerdict(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, reversible bool) (decided bool, err error) {
	got, err := conn.Impact.Submission(ctx, e.Receipt)
	switch bridge.KindOf(err) {
	case bridge.Throttled, bridge.Unauthorized, bridge.Misdirected:
		return false, err
	case bridge.NotFound: // also while the vendor has it in a queue and does not show it yet
		return a.undecided(ctx, e, notShown, "impact.com does not show the submission")
	}
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return a.undecided(ctx, e, noVerdict, "the verdict cannot be read")
	case got.OrderID != "" && got.OrderID != e.OrderID:
		return a.undecided(ctx, e, noVerdict, "impact.com answers with the verdict of another order")
	}
	return a.recordVerdict(ctx, e, got, reversible)
}

// recordVerdict records a verdict. If the conversion is complete and its trigger can
// reverse it, the record is evaluated again, because it may have changed meanwhile.
func (a *Tracking) recordVerdict(ctx context.Context, e store.TrackedEvent, got impact.Submission, reversible bool) (decided bool, err error) {
	switch known := got.Stage == impact.Queued || got.Stage == impact.InProgress; {
	case known:
		return a.undecided(ctx, e, noVerdict, beforehand(got))
	case got.Failed() && e.Unanswered > 0 && knownOrder.MatchString(got.ErrorReason), !got.Failed() && got.Stage == impact.Complete:
		end := counted(e)
		end.Recheck = reversible && !e.Reversal
		return true, a.store.EndTracked(ctx, e.ID, end)
	case got.Failed():
		return true, a.refusedLater(ctx, e, cmp.Or(got.ErrorType, shownStage(got.Stage)), bridge.Redact(got.ErrorReason))
	default:
		return a.undecided(ctx, e, noVerdict, fmt.Sprintf("impact.com says %q", shownStage(got.Stage)))
	}
}

// beforehand tells of an error that comes before the verdict; empty if there is none. It
// is no verdict: what is still under way may end well.
func beforehand(got impact.Submission) string {
	if !got.Failed() {
		return ""
	}
	problem := "an error"
	if stageName.MatchString(got.ErrorType) {
		problem = strconv.Quote(got.ErrorType)
	}
	return fmt.Sprintf("impact.com says %q and %s", shownStage(got.Stage), problem)
}

// stageName matches an unknown stage that is safe to show.
var stageName = regexp.MustCompile(`^[A-Za-z][A-Za-z _-]{0,39}$`)

func shownStage(s impact.Stage) string {
	if stageName.MatchString(string(s)) {
		return string(s)
	}
	return "something unreadable"
}

// undecided schedules the next question. If there has been no verdict for too long,
// it parks the event: a person has to find out whether it counts.
func (a *Tracking) undecided(ctx context.Context, e store.TrackedEvent, patience time.Duration, reason string) (decided bool, err error) {
	if a.now().Sub(e.SentAt) <= patience {
		pause := min(a.verdict<<min(e.Polls, mostDoublings), longestPause)
		return false, a.store.PostponeVerdict(ctx, e.ID, pause, reason)
	}
	reason = cmp.Or(reason, "impact.com gave no verdict")
	return true, a.store.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: reason, Unanswered: true,
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent, Advice: bridge.CauseEventUnsent.Advice(), VendorMessage: reason},
	})
}

func (a *Tracking) refusedLater(ctx context.Context, e store.TrackedEvent, reason, words string) error {
	said := reason
	if words != "" {
		said += ": " + words
	}
	return a.store.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: reason, VendorMessage: words,
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventRefused, Advice: bridge.CauseEventRefused.Advice(), VendorMessage: said},
	})
}
