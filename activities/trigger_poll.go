package activities

import (
	"context"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/impact"
	"advocatesync/internal/portal"
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
	// noVerdict is when a verdict is not waited for any longer.
	noVerdict = 7 * 24 * time.Hour
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
// records them. Where the vendor grants no more calls, all wait until it does.
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
	var refusal *bridge.Error
	if errors.As(err, &refusal) && refusal.Kind == bridge.Throttled {
		result.More = false
		err = a.events.PostponeVerdicts(ctx, in.ConnectionID, max(refusal.RetryAfter, time.Minute))
	}
	return result, retryable(err)
}

// knownOrder tells the complaint that an order id was used before. Ours are used
// for nothing else: an earlier submission, whose answer was lost, has counted.
// The vendor documents neither a name nor words for it.
var knownOrder = regexp.MustCompile(`(?i)order ?id\b.*\b(used|duplicate|already|exists|unique)|\b(duplicate|already)\b.*\border ?id`)

// reversible are the triggers that may have to reverse what counts.
func (a *Tracking) reversible(ctx context.Context, connectionID string) (map[string]bool, error) {
	triggers, err := a.triggers.Active(ctx, connectionID)
	found := map[string]bool{}
	for _, t := range triggers {
		found[t.Definition().ID] = t.Definition().ReverseWhen != ""
	}
	return found, err
}

// askVerdict asks for one verdict. With the conversion complete, the record may
// have moved on already: then it is looked at again.
func (a *Tracking) askVerdict(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, reversible bool) (decided bool, err error) {
	got, err := conn.Impact.Submission(ctx, e.Receipt)
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return true, a.refusedLater(ctx, e, "impact.com knows nothing of the submission", "")
	case err != nil:
		return false, err
	case got.Stage == impact.Complete && got.ErrorType != "" && !knownOrder.MatchString(got.ErrorReason):
		return true, a.refusedLater(ctx, e, got.ErrorType, bridge.Redact(got.ErrorReason))
	case got.Stage == impact.Complete:
		end := store.TrackedEnd{State: store.TrackedComplete, Recheck: reversible}
		if e.Reversal {
			end = store.TrackedEnd{State: store.TrackedReversed}
		}
		return true, a.events.EndTracked(ctx, e.ID, end)
	case a.now().Sub(e.SentAt) > noVerdict:
		return true, a.refusedLater(ctx, e, "impact.com gave no verdict for a week", "")
	default:
		pause := min(a.verdict<<min(e.Polls, mostDoublings), longestPause)
		return false, a.events.PostponeVerdict(ctx, e.ID, pause)
	}
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
	submissions, err := newSubmissions(ctx, conn.HubSpot, form, readTo)
	if err != nil || len(submissions) == 0 {
		return 0, err
	}
	next := latest(readTo, submissions[0].SubmittedAt.Add(-lateSubmission))
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

// newSubmissions reads a form, the newest first, as far back as it was read.
func newSubmissions(ctx context.Context, from records, form string, readTo time.Time) ([]hubspot.Submission, error) {
	var all []hubspot.Submission
	for pages, more := (portal.Cursor{}), true; more; {
		page, err := from.Submissions(ctx, form, pages.After)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Submissions {
			if s.SubmittedAt.Before(readTo) {
				return all, nil
			}
			all = append(all, s)
		}
		if more, err = pages.Next("hubspot.submissions", page.Next); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (a *Tracking) submissionKey(form string, s hubspot.Submission) string {
	return hex.EncodeToString(a.hash.Submission(form, s.ConversionID, bridge.NormalEmail(s.Values[bridge.PropEmail]), s.SubmittedAt))
}

// submitters finds who submitted, by their email.
func (a *Tracking) submitters(ctx context.Context, conn ConnectionClients, submissions []hubspot.Submission) (map[string]bridge.Contact, error) {
	var emails []string
	for _, s := range submissions {
		if email := bridge.NormalEmail(s.Values[bridge.PropEmail]); email != "" {
			emails = append(emails, email)
		}
	}
	return conn.HubSpot.FindContacts(ctx, bridge.LaneBulk, emails)
}

// entry is a submission as it is recorded. One whose contact is not there may
// just be early: then it is not dealt with yet.
func (a *Tracking) entry(conn ConnectionClients, form string, by []ActiveTrigger, s hubspot.Submission, contacts map[string]bridge.Contact) (e store.FormEntry, dealt bool) {
	e = store.FormEntry{Submission: a.submissionKey(form, s), SubmittedAt: s.SubmittedAt}
	email := bridge.NormalEmail(s.Values[bridge.PropEmail])
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
