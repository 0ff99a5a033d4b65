package activities

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

const (
	// lateSubmission is how long a submission may be missing from HubSpot's
	// list, and how long its contact may be missing.
	lateSubmission = 10 * time.Minute
	// formsBefore is how far back a form is read the first time, because the trigger
	// may have been enabled since the last round.
	formsBefore = 10 * time.Minute
)

// PollFormsResult counts the submissions that were new.
type PollFormsResult struct {
	Submissions int `json:"submissions"`
}

// PollForms reads the forms that triggers watch, and has new submissions evaluated:
// HubSpot sends no webhooks about submissions.
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
		failed = errors.Join(failed, err) // a failing form does not stop the others
	}
	return result, retryable(failed)
}

// pollForm handles what was submitted to one form since the last round.
func (a *Tracking) pollForm(ctx context.Context, conn ConnectionClients, form string, by []ActiveTrigger) (fresh int, err error) {
	from := a.now().Add(-formsBefore)
	for _, t := range by {
		from = latest(from, t.AppliedAt)
	}
	readTo, seen, err := a.store.FormCursor(ctx, conn.ID, form, from)
	if err != nil {
		return 0, err
	}
	submissions, faulty, err := a.source(conn).Submissions(ctx, form, readTo)
	if err != nil {
		return 0, err
	}
	entries, err := a.parkFaulty(ctx, conn, form, faulty, seen)
	if err != nil || len(submissions)+len(entries) == 0 {
		return 0, err
	}
	next := readTo
	if len(submissions) > 0 {
		newest := submissions[0].SubmittedAt
		if now := a.now(); newest.After(now) {
			newest = now // the submission's time is in the future; nothing until then may be left out
		}
		next = latest(readTo, newest.Add(-lateSubmission))
	}
	submissions = slices.DeleteFunc(submissions, func(s hubspot.Submission) bool { return seen[a.submissionKey(form, s)] })
	contacts, err := a.submitters(ctx, conn, submissions)
	if err != nil {
		return 0, err
	}
	for _, s := range submissions {
		entry, dealt := a.entry(conn, form, by, s, contacts)
		if !dealt {
			if s.SubmittedAt.Before(next) {
				next = latest(readTo, s.SubmittedAt) // read again next time
			}
			continue
		}
		entries, fresh = append(entries, entry), fresh+1
	}
	return fresh, a.store.TakeSubmissions(ctx, conn.ID, form, entries, next)
}

// parkFaulty parks the submissions that cannot be read, each once. Their time is
// unknown, so they count as of now whenever they are seen: their hashes must be
// kept until HubSpot's list has moved past them.
func (a *Tracking) parkFaulty(ctx context.Context, conn ConnectionClients, form string, faulty []hubspot.Submission, seen map[string]bool) (entries []store.FormEntry, err error) {
	for _, s := range faulty {
		key := hex.EncodeToString(a.hash.FaultySubmission(form, s.Raw))
		if !seen[key] {
			item := parkedItem(bridge.CauseFaultySubmission, nil)
			item.ConnectionID, item.AccountID, item.UserID = conn.ID, bridge.SubmissionSubject, key
			item.VendorMessage = "a submission of form " + form + ": " + s.Fault
			if _, err := a.store.Park(ctx, *item); err != nil {
				return nil, err
			}
		}
		entries = append(entries, store.FormEntry{Submission: key, SubmittedAt: a.now()})
	}
	return entries, nil
}

func (a *Tracking) submissionKey(form string, s hubspot.Submission) string {
	return hex.EncodeToString(a.hash.Submission(form, s.ConversionID, bridge.NormalEmail(s.Values[bridge.PropEmail]), s.SubmittedAt))
}

// submitters finds the contacts that submitted, by email.
func (a *Tracking) submitters(ctx context.Context, conn ConnectionClients, submissions []hubspot.Submission) (map[string]bridge.Contact, error) {
	var emails []string
	for _, s := range submissions {
		if email := bridge.NormalEmail(s.Email); email != "" {
			emails = append(emails, email)
		}
	}
	return conn.HubSpot.FindContacts(ctx, bridge.LaneBulk, emails)
}

// entry returns a submission as it is recorded. If its contact does not exist yet,
// the submission may be early: it is then left for a later round.
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
