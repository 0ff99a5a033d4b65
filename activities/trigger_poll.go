package activities

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/impact"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// RoundInput names the connection whose triggers are looked after.
type RoundInput struct {
	ConnectionID string `json:"connection_id"`
}

const (
	// verdictsAtOnce bounds what one activity asks for; the account grants a
	// thousand calls an hour (impact.com docs: rate limits).
	verdictsAtOnce   = 100
	verdictsParallel = 4

	// A verdict is asked for after ten seconds, twenty, forty and so on.
	mostDoublings = 10
	longestPause  = time.Hour
	// noVerdict is when a verdict is not waited for any longer, notShown when a
	// submission that is not shown is not.
	noVerdict = 7 * 24 * time.Hour
	notShown  = 24 * time.Hour
)

// suspended makes a round of a connection whose work waits, or that is gone, one in
// which nothing was to do.
func suspended(err error) error {
	if errors.Is(err, bridge.ErrSuspended) || bridge.KindOf(err) == bridge.NotFound {
		return nil
	}
	return err
}

// PollVerdictsResult counts what was asked and what was answered.
type PollVerdictsResult struct {
	Asked   int  `json:"asked"`
	Decided int  `json:"decided"`
	More    bool `json:"more,omitempty"` // others are due
}

// PollVerdicts asks for the verdicts that are due, a hundred at most, and
// records them. One that cannot be had holds up none of the others. Where the
// vendor grants no more calls, or refuses the account, all wait.
func (a *Tracking) PollVerdicts(ctx context.Context, in RoundInput) (PollVerdictsResult, error) {
	due, err := a.events.DueVerdicts(ctx, in.ConnectionID, verdictsAtOnce)
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
		err = a.events.PostponeVerdicts(ctx, in.ConnectionID, max(e.RetryAfter, time.Minute))
	case refusesAccount(err):
		result.More = false
		err = errors.Join(a.events.RefuseImpact(ctx, conn.ID, conn.Revision, refusal(err)),
			a.events.PostponeVerdicts(ctx, in.ConnectionID, refusedVerdicts))
	}
	return result, retryable(err)
}

// refusedVerdicts is how long verdicts wait after impact.com refused the account.
const refusedVerdicts = 15 * time.Minute

// knownOrder tells the complaint that an order id was used before. Ours are used
// for nothing else: where an earlier attempt went without an answer, that one has
// counted. The vendor documents neither a name nor words for it.
var knownOrder = regexp.MustCompile(`(?i)\border ?id\b.*\b(used|duplicate|already|exists|unique)\b|\b(duplicate|already)\b.*\border ?id\b`)

// reversible are the triggers that may have to reverse what counts.
func (a *Tracking) reversible(ctx context.Context, connectionID string) (map[string]bool, error) {
	triggers, err := a.triggers.Active(ctx, connectionID)
	found := map[string]bool{}
	for _, t := range triggers {
		found[t.Definition().ID] = reversible(t)
	}
	return found, err
}

// askVerdict asks for one verdict. The error concerns all verdicts of the
// connection: what concerns this one alone is recorded with it.
func (a *Tracking) askVerdict(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, reversible bool) (decided bool, err error) {
	got, err := conn.Impact.Submission(ctx, e.Receipt)
	switch bridge.KindOf(err) {
	case bridge.Throttled, bridge.Unauthorized, bridge.Misdirected:
		return false, err
	case bridge.NotFound: // also while the vendor has queued it and shows it to nobody yet
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

// recordVerdict records a verdict. With the conversion complete, the record may have
// moved on already: then it is looked at again.
func (a *Tracking) recordVerdict(ctx context.Context, e store.TrackedEvent, got impact.Submission, reversible bool) (decided bool, err error) {
	switch known := got.Stage == impact.Queued || got.Stage == impact.InProgress; {
	case known:
		return a.undecided(ctx, e, noVerdict, "")
	case got.Failed() && e.Unanswered > 0 && knownOrder.MatchString(got.ErrorReason), !got.Failed() && got.Stage == impact.Complete:
		end := counted(e)
		end.Recheck = reversible && !e.Reversal
		return true, a.events.EndTracked(ctx, e.ID, end)
	case got.Failed():
		return true, a.refusedLater(ctx, e, cmp.Or(got.ErrorType, shownStage(got.Stage)), bridge.Redact(got.ErrorReason))
	default:
		return a.undecided(ctx, e, noVerdict, fmt.Sprintf("impact.com says %q", shownStage(got.Stage)))
	}
}

// stageName is what may be repeated of a stage that we do not know.
var stageName = regexp.MustCompile(`^[A-Za-z][A-Za-z _-]{0,39}$`)

func shownStage(s impact.Stage) string {
	if stageName.MatchString(string(s)) {
		return string(s)
	}
	return "something unreadable"
}

// undecided asks again later, until there has been no verdict for too long: then
// a person has to find out whether it counts.
func (a *Tracking) undecided(ctx context.Context, e store.TrackedEvent, patience time.Duration, reason string) (decided bool, err error) {
	if a.now().Sub(e.SentAt) <= patience {
		pause := min(a.verdict<<min(e.Polls, mostDoublings), longestPause)
		return false, a.events.PostponeVerdict(ctx, e.ID, pause, reason)
	}
	reason = cmp.Or(reason, "impact.com gave no verdict")
	return true, a.events.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: reason, Unanswered: true,
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent, Advice: advice[bridge.CauseEventUnsent], VendorMessage: reason},
	})
}

func (a *Tracking) refusedLater(ctx context.Context, e store.TrackedEvent, reason, words string) error {
	said := reason
	if words != "" {
		said += ": " + words
	}
	return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: reason, VendorMessage: words,
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventRefused, Advice: advice[bridge.CauseEventRefused], VendorMessage: said},
	})
}

// WakeWaitingResult counts the records that are looked at again.
type WakeWaitingResult struct {
	Records int64 `json:"records"`
}

// WakeWaiting has the records looked at again one of whose contacts is mapped
// by now, and those that have waited long enough.
func (a *Tracking) WakeWaiting(ctx context.Context, in RoundInput) (WakeWaitingResult, error) {
	n, err := a.events.WakeWaiting(ctx, in.ConnectionID)
	return WakeWaitingResult{Records: n}, retryable(err)
}

// PollFormsResult counts the submissions that were new.
type PollFormsResult struct {
	Submissions int `json:"submissions"`
}

// PollForms reads the forms that triggers watch, and has what was submitted
// looked at: HubSpot does not tell of submissions by itself.
func (a *Tracking) PollForms(ctx context.Context, in RoundInput) (PollFormsResult, error) {
	triggers, err := a.triggers.Active(ctx, in.ConnectionID)
	if err != nil {
		return PollFormsResult{}, retryable(err)
	}
	watching := map[string][]ActiveTrigger{}
	for _, t := range triggers {
		for _, form := range t.Definition().Event.Forms {
			watching[form] = append(watching[form], t)
		}
	}
	if len(watching) == 0 {
		return PollFormsResult{}, nil
	}
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	if err != nil {
		return PollFormsResult{}, retryable(suspended(err))
	}
	var result PollFormsResult
	var failed error
	for form, by := range watching {
		n, err := a.pollForm(ctx, conn, form, by)
		result.Submissions += n
		failed = errors.Join(failed, err) // one form's failure holds no other up
	}
	return result, retryable(failed)
}

const (
	// lateSubmission is how long a submission may be missing from HubSpot's
	// list, and how long its contact may be missing.
	lateSubmission = 10 * time.Minute
	// formsBefore is how far back a form is read the first time: the trigger may
	// have been enabled since the last round.
	formsBefore = 10 * time.Minute
)

// pollForm deals with what was submitted to one form since the last time.
func (a *Tracking) pollForm(ctx context.Context, conn ConnectionClients, form string, by []ActiveTrigger) (fresh int, err error) {
	from := a.now().Add(-formsBefore)
	for _, t := range by {
		from = latest(from, t.AppliedAt)
	}
	readTo, seen, err := a.events.FormCursor(ctx, conn.ID, form, from)
	if err != nil {
		return 0, err
	}
	submissions, err := a.source(conn).Submissions(ctx, form, readTo)
	if err != nil || len(submissions) == 0 {
		return 0, err
	}
	newest := submissions[0].SubmittedAt
	if now := a.now(); newest.After(now) {
		newest = now // by a clock of HubSpot's that is wrong: nothing may be left out until then
	}
	next := latest(readTo, newest.Add(-lateSubmission))
	submissions = slices.DeleteFunc(submissions, func(s hubspot.Submission) bool { return seen[a.submissionKey(form, s)] })
	contacts, err := a.submitters(ctx, conn, submissions)
	if err != nil {
		return 0, err
	}
	var entries []store.FormEntry
	for _, s := range submissions {
		entry, dealt := a.entry(conn, form, by, s, contacts)
		if !dealt {
			if s.SubmittedAt.Before(next) {
				next = latest(readTo, s.SubmittedAt) // to be read again
			}
			continue
		}
		entries = append(entries, entry)
	}
	return len(entries), a.events.TakeSubmissions(ctx, conn.ID, form, entries, next)
}

func (a *Tracking) submissionKey(form string, s hubspot.Submission) string {
	return hex.EncodeToString(a.hash.Submission(form, s.ConversionID, bridge.NormalEmail(s.Values[bridge.PropEmail]), s.SubmittedAt))
}

// submitters finds who submitted, by their email.
func (a *Tracking) submitters(ctx context.Context, conn ConnectionClients, submissions []hubspot.Submission) (map[string]bridge.Contact, error) {
	var emails []string
	for _, s := range submissions {
		if email := bridge.NormalEmail(s.Email); email != "" {
			emails = append(emails, email)
		}
	}
	return conn.HubSpot.FindContacts(ctx, bridge.LaneBulk, emails)
}

// entry is a submission as it is recorded. One whose contact is not there may
// just be early: then it is not dealt with yet.
func (a *Tracking) entry(conn ConnectionClients, form string, by []ActiveTrigger, s hubspot.Submission, contacts map[string]bridge.Contact) (e store.FormEntry, dealt bool) {
	e = store.FormEntry{Submission: a.submissionKey(form, s), SubmittedAt: s.SubmittedAt}
	email := bridge.NormalEmail(s.Email)
	contact, found := contacts[email]
	if !found {
		return e, email == "" || a.now().Sub(s.SubmittedAt) > lateSubmission
	}
	for _, t := range by {
		def := t.Definition()
		change := trigger.Change{OccurredAt: s.SubmittedAt, Form: form, Submission: e.Submission}
		e.Events = append(e.Events, store.Tracking{
			TrackedEvent: store.TrackedEvent{
				ConnectionID: conn.ID, TriggerID: def.ID, TriggerVersion: t.Version,
				ObjectType: bridge.ObjectContact, ObjectID: contact.ID, Form: form, Submission: e.Submission,
				OccurredAt: s.SubmittedAt, OrderID: def.OrderID(conn.PortalID, contact.ID, change),
				State: store.TrackedWaiting, Reason: "to be looked at", WaitUntil: latest(a.now().Add(time.Hour), s.SubmittedAt.Add(def.Wait)),
			},
			Candidates: []string{contact.ID},
		})
	}
	return e, true
}
