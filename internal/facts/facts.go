// Package facts gathers the facts that triggers decide by: the record, its
// customer, what was entered into a form, the portal's currency. The live path and
// the trial of a trigger both use it, so that the trial shows what the live path
// does.
package facts

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/trigger"
)

// HubSpot reads one portal.
type HubSpot interface {
	// Object reads a live record; a missing one is a not_found error.
	Object(ctx context.Context, t bridge.ObjectType, id string, props []string) (bridge.Object, error)
	// ContactsOf returns all contacts that a record is associated with.
	ContactsOf(ctx context.Context, t bridge.ObjectType, id string) ([]string, error)
	// Submissions returns a page of a form's submissions, the newest first; next
	// is empty on the last.
	Submissions(ctx context.Context, form, after string) (page []hubspot.Submission, next string, err error)
	// Currency returns the portal's currency; empty if HubSpot does not name one.
	Currency(ctx context.Context) (string, error)
}

// Advocate reads one tenant.
type Advocate interface {
	Participant(ctx context.Context, accountID, userID, programID string) (bridge.Participant, error)
}

// Mappings returns which contacts are mapped to participants; erased people are
// mapped to none.
type Mappings interface {
	MappedTo(ctx context.Context, connectionID string, contactIDs []string) (map[string]bridge.Identity, error)
}

// Source reads the facts about one connection's records.
type Source struct {
	Connection bridge.Connection
	HubSpot    HubSpot
	Advocate   Advocate
	Mappings   Mappings
}

// Customer is the contact who is credited for a record.
type Customer struct {
	ContactID  string          // empty: none of the candidates is mapped
	Identity   bridge.Identity // of the participant
	Candidates []string        // the record's contacts

	properties bridge.Properties
	email      string
}

// Facts returns the customer as a trigger sees it; nil if there is none.
func (c Customer) Facts() *trigger.Customer {
	if c.ContactID == "" {
		return nil
	}
	return &trigger.Customer{Properties: c.properties, Email: c.email}
}

// Customer finds the customer of a record. props are the properties of contacts
// that the decisions need; if the record is a contact, they were read with it.
func (s Source) Customer(ctx context.Context, record bridge.Object, props []string) (Customer, error) {
	c := Customer{Candidates: []string{record.ID}}
	if record.Type != bridge.ObjectContact {
		var err error
		if c.Candidates, err = s.HubSpot.ContactsOf(ctx, record.Type, record.ID); err != nil {
			return Customer{}, err
		}
	}
	mapped, err := s.Mappings.MappedTo(ctx, s.Connection.ID, c.Candidates)
	if err != nil {
		return Customer{}, err
	}
	contacts, err := s.contacts(ctx, record, mapped, props)
	if err != nil {
		return Customer{}, err
	}
	chosen, ok := trigger.ChooseCustomer(contacts)
	if !ok {
		return c, nil
	}
	c.ContactID, c.Identity, c.properties = chosen.ID, mapped[chosen.ID], chosen.Properties
	c.email, err = s.email(ctx, chosen, c.Identity)
	return c, err
}

// contacts reads the mapped contacts and leaves out those that are gone.
func (s Source) contacts(ctx context.Context, record bridge.Object, mapped map[string]bridge.Identity, props []string) ([]bridge.Object, error) {
	if record.Type == bridge.ObjectContact && len(mapped) > 0 {
		return []bridge.Object{record}, nil
	}
	ids := make([]string, 0, len(mapped))
	for id := range mapped {
		ids = append(ids, id)
	}
	read := make([]*bridge.Object, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() error {
			contact, err := s.HubSpot.Object(ctx, bridge.ObjectContact, id, props)
			if bridge.KindOf(err) == bridge.NotFound {
				return nil
			}
			read[i] = &contact
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var contacts []bridge.Object
	for _, contact := range read {
		if contact != nil {
			contacts = append(contacts, *contact)
		}
	}
	return contacts, nil
}

// email returns the email under which Advocate knows the customer. Conversions are
// matched by it, and a participant's ids and email do not follow a change of the
// contact's email.
func (s Source) email(ctx context.Context, contact bridge.Object, id bridge.Identity) (string, error) {
	p, err := s.Advocate.Participant(ctx, id.AccountID, id.UserID, s.Connection.Program)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return "", fmt.Errorf("read the participant of contact %s: %w", contact.ID, err)
	}
	if email := bridge.NormalEmail(p.Email); email != "" {
		return email, nil
	}
	return bridge.NormalEmail(contact.Properties[bridge.PropEmail]), nil
}

// Portal returns what triggers see of the portal. It reads it only if needed is
// set.
func (s Source) Portal(ctx context.Context, needed bool) (trigger.Portal, error) {
	if !needed {
		return trigger.Portal{}, nil
	}
	currency, err := s.HubSpot.Currency(ctx)
	return trigger.Portal{Currency: currency}, err
}

// Submissions reads a form's submissions since a time, the newest first. faulty are
// those with a Fault, which cannot be read.
func (s Source) Submissions(ctx context.Context, form string, since time.Time) (all, faulty []hubspot.Submission, err error) {
	for pages, more := (hubspot.Cursor{}), true; more; {
		page, next, err := s.HubSpot.Submissions(ctx, form, pages.After)
		if err != nil {
			return nil, nil, err
		}
		for _, one := range page {
			switch {
			case !one.SubmittedAt.IsZero() && one.SubmittedAt.Before(since):
				return all, faulty, nil
			case one.Fault != "":
				faulty = append(faulty, one)
			default:
				all = append(all, one)
			}
		}
		if more, err = pages.Next("hubspot.submissions", next); err != nil {
			return nil, nil, err
		}
	}
	return all, faulty, nil
}
