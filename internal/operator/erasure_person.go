package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

// PersonToErase says what the erasure of a person would reach.
type PersonToErase struct {
	Shown        []string // contacts that HubSpot shows: they have to be deleted there first
	Contacts     []string // contacts that HubSpot no longer shows, and we know
	Participants int      // in Advocate
}

// normalPerson refuses what names nobody.
func normalPerson(p store.Person) (store.Person, error) {
	p.Email = bridge.NormalEmail(p.Email)
	switch {
	case p.Email != "" && !strings.Contains(p.Email, "@"):
		return p, refuse(bridge.Invalid, "not_an_email", "this is not an email address")
	case p.Email == "" && !p.Identity.Complete():
		return p, refuse(bridge.Invalid, "nobody_named", "name the person by an email, or by account id and user id of a participant")
	}
	return p, nil
}

// PlanErasePerson tells what ErasePerson would reach, and does nothing.
func (o *Operator) PlanErasePerson(ctx context.Context, c bridge.Connection, p store.Person) (PersonToErase, error) {
	var plan PersonToErase
	p, err := normalPerson(p)
	if err != nil {
		return plan, err
	}
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return plan, err
	}
	clients := o.clients(c, credentials)
	found, err := findPerson(ctx, clients.Advocate, p, c.Program)
	if err != nil {
		return plan, err
	}
	plan.Participants = len(found.participants)
	shown, _, err := clients.HubSpot.BatchReadContactsByEmail(ctx, found.emails, bridge.ReadProperties())
	if err != nil {
		return plan, fmt.Errorf("look the person up in HubSpot: %w", err)
	}
	for _, contact := range shown {
		plan.Shown = append(plan.Shown, contact.ID)
	}
	slices.Sort(plan.Shown)
	plan.Shown = slices.Compact(plan.Shown)
	for _, email := range found.emails {
		known, err := o.store.ContactsByEmail(ctx, c.ID, email)
		if err != nil {
			return plan, err
		}
		for _, id := range known {
			if !slices.Contains(plan.Shown, id) && !slices.Contains(plan.Contacts, id) {
				plan.Contacts = append(plan.Contacts, id)
			}
		}
	}
	return plan, nil
}

// ErasePerson has a person erased by email or as a participant, with or without a
// contact: the contacts that HubSpot no longer shows by their own lives, and whoever
// is in Advocate at once. It refuses while HubSpot shows a contact with one of the
// person's emails: the person would still be there. Where a vendor does not answer,
// the person is blocked all the same, and Watch attempts the rest until it is done.
func (o *Operator) ErasePerson(ctx context.Context, c bridge.Connection, p store.Person, by bridge.Caller) ([]store.ErasureRecord, error) {
	p, err := normalPerson(p)
	if err != nil {
		return nil, err
	}
	plan, err := o.PlanErasePerson(ctx, c, p)
	if err != nil && bridge.KindOf(err) != bridge.Unavailable && bridge.KindOf(err) != bridge.Throttled {
		return nil, err
	}
	if len(plan.Shown) > 0 {
		return nil, refuse(bridge.Conflict, "still_in_hubspot",
			"HubSpot still shows the person's contact %s: delete it for privacy there (\"Delete permanently\"); its webhook starts the erasure here",
			strings.Join(plan.Shown, ", "))
	}
	erasure, err := o.store.RequestPersonErasure(ctx, c.ID, p, by.Name, o.now())
	if err != nil {
		return nil, err
	}
	begun := []store.ErasureRecord{erasure}
	for _, contact := range plan.Contacts {
		e, err := o.Erase(ctx, c, contact, by)
		if refusal, is := errors.AsType[*Refusal](err); is && refusal.Code == "still_in_hubspot" {
			continue // it had the email once; now it is somebody else's
		}
		if err != nil {
			return begun, err
		}
		begun = append(begun, e)
	}
	if err := o.attemptErasure(ctx, erasure); err != nil {
		o.log.WarnContext(ctx, "an erasure is attempted again later", "erasure", erasure.ID, "err", err)
	}
	begun[0], err = o.store.Erasure(ctx, erasure.ID)
	return begun, err
}

// RetryErasures attempts again what ErasePerson has begun and is not done. One that
// fails keeps no other from being attempted.
func (o *Operator) RetryErasures(ctx context.Context, log *slog.Logger) error {
	due, err := o.store.DuePersonErasures(ctx, bridge.LongestErasurePause)
	if err != nil {
		return err
	}
	for _, e := range due {
		if err := o.attemptErasure(ctx, e); err != nil {
			log.WarnContext(ctx, "an erasure is attempted again later", "erasure", e.ID, "err", err)
		}
	}
	return nil
}

// attemptErasure carries out an erasure without a contact, or records why it could
// not.
func (o *Operator) attemptErasure(ctx context.Context, e store.ErasureRecord) error {
	err := o.carryOutErasure(ctx, e)
	if err == nil {
		return nil
	}
	return errors.Join(err, o.store.FailErasure(ctx, e.ConnectionID, e.ContactID, err))
}

func (o *Operator) carryOutErasure(ctx context.Context, e store.ErasureRecord) error {
	p, err := o.store.ErasurePerson(ctx, e.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return errors.New("whom to erase was lost with the encryption key: ask for the erasure again")
	}
	if err != nil {
		return err
	}
	c, err := o.store.Connection(ctx, e.ConnectionID)
	if err != nil {
		return err
	}
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return err
	}
	clients := o.clients(c, credentials)
	found, err := findPerson(ctx, clients.Advocate, p, c.Program)
	if err != nil {
		return err
	}
	if err := stillShown(ctx, clients.HubSpot, found.emails); err != nil {
		return err
	}
	erasure := found.erasure(c.ID, o.store)
	if err := o.store.AddTombstone(ctx, c.ID, found.keys(o.store)...); err != nil {
		return err
	}
	for _, id := range erasure.Identities {
		switch err := clients.Advocate.Delete(ctx, id.AccountID, id.UserID, true); {
		case err == nil:
			erasure.Deleted++
		case bridge.KindOf(err) != bridge.NotFound:
			return err
		}
	}
	check, err := checkPerson(ctx, clients.Advocate, erasure.Identities, c.Program)
	if err != nil {
		return err
	}
	if err := stillShown(ctx, clients.HubSpot, found.emails); err != nil {
		return err
	}
	check.HubSpot = store.AnswerNotFound
	return o.store.FinishPersonErasure(ctx, e.ID, erasure, check)
}

// stillShown fails while HubSpot shows a contact with one of the emails.
func stillShown(ctx context.Context, hub *hubspot.Client, emails []string) error {
	shown, _, err := hub.BatchReadContactsByEmail(ctx, emails, bridge.ReadProperties())
	if err != nil {
		return fmt.Errorf("look the person up in HubSpot: %w", err)
	}
	if len(shown) == 0 {
		return nil
	}
	var ids []string
	for _, contact := range shown {
		ids = append(ids, contact.ID)
	}
	return fmt.Errorf("HubSpot shows contact %s with the person's email: delete it for privacy there", strings.Join(ids, ", "))
}

// checkPerson asks Advocate again, which has to show nobody.
func checkPerson(ctx context.Context, tenant *advocate.Client, ids []bridge.Identity, program string) (store.ErasureCheck, error) {
	check := store.ErasureCheck{Identities: len(ids)}
	for _, id := range ids {
		_, err := tenant.Participant(ctx, id.AccountID, id.UserID, program)
		switch kind := bridge.KindOf(err); {
		case err == nil:
			return check, &bridge.Error{Kind: bridge.Unavailable, Op: "erasure.check", Err: errors.New("Advocate still shows a participant that it deleted")}
		case kind == bridge.DoNotTrack:
			check.Advocate = store.AnswerDoNotTrack
		case kind != bridge.NotFound:
			return check, err
		case check.Advocate == "":
			check.Advocate = store.AnswerNotFound
		}
	}
	return check, nil
}

// foundPerson is everybody in Advocate that an operator's words lead to, and under
// which emails.
type foundPerson struct {
	store.Person

	participants []bridge.Participant
	emails       []string
}

// findPerson asks Advocate for a person, and for the emails of whom it finds.
func findPerson(ctx context.Context, tenant *advocate.Client, p store.Person, program string) (foundPerson, error) {
	found := foundPerson{Person: p}
	if p.Identity.Complete() {
		named, err := readParticipant(ctx, tenant, p.Identity, program)
		if err != nil {
			return found, fmt.Errorf("look the participant up in Advocate: %w", err)
		}
		if named != nil {
			found.add(*named)
		}
	}
	if p.Email != "" {
		found.emails = append(found.emails, p.Email)
	}
	err := found.findByEmails(ctx, tenant, program)
	return found, err
}

// findByEmails finds everybody in Advocate with one of the emails, and with those
// of whom it finds.
func (f *foundPerson) findByEmails(ctx context.Context, tenant *advocate.Client, program string) error {
	for i := 0; i < len(f.emails); i++ {
		byID, byEmail, err := tenant.Find(ctx, f.emails[i], program)
		if err != nil {
			return fmt.Errorf("look the person up in Advocate: %w", err)
		}
		if byID != nil {
			f.add(*byID)
		}
		for _, p := range byEmail {
			f.add(p)
		}
	}
	return nil
}

func (f *foundPerson) add(p bridge.Participant) {
	if slices.ContainsFunc(f.participants, func(other bridge.Participant) bool { return other.Identity() == p.Identity() }) {
		return
	}
	f.participants = append(f.participants, p)
	if email := bridge.NormalEmail(p.Email); email != "" && !slices.Contains(f.emails, email) {
		f.emails = append(f.emails, email)
	}
}

func (f foundPerson) identities() []bridge.Identity {
	ids := f.Identities()
	for _, email := range f.emails {
		ids = append(ids, bridge.Identity{AccountID: email, UserID: email})
	}
	for _, p := range f.participants {
		ids = append(ids, p.Identity())
	}
	var once []bridge.Identity
	for _, id := range ids {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return once
}

func (f foundPerson) erasure(connectionID string, s *store.Store) store.Erasure {
	e := store.Erasure{ConnectionID: connectionID, Identities: f.identities(), Advice: bridge.CauseParticipantErased.Advice()}
	for _, email := range f.emails {
		e.EmailHashes = append(e.EmailHashes, s.Hasher().Email(email))
	}
	return e
}

func (f foundPerson) keys(s *store.Store) (keys [][]byte) {
	for _, email := range f.emails {
		keys = append(keys, s.Hasher().Email(email))
	}
	for _, id := range f.identities() {
		keys = append(keys, s.Hasher().Identity(id))
	}
	return keys
}
