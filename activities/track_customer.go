package activities

import (
	"context"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

// customer is the contact to whom the success of a record belongs.
type customer struct {
	id         string // empty: none of the candidates is mapped
	properties bridge.Properties
	email      string
	candidates []string // the record's contacts
}

func (c *customer) facts() *trigger.Customer {
	if c.id == "" {
		return nil
	}
	return &trigger.Customer{Properties: c.properties, Email: c.email}
}

// findCustomer finds the record's customer, once for all triggers.
func (l *objectLook) findCustomer(ctx context.Context) (*customer, error) {
	if l.customer != nil {
		return l.customer, nil
	}
	candidates := []string{l.in.ObjectID}
	if l.in.ObjectType != bridge.ObjectContact {
		var err error
		if candidates, err = l.link.HubSpot.ContactsOf(ctx, l.in.ObjectType, l.in.ObjectID); err != nil {
			return nil, err
		}
	}
	mapped, err := l.events.MappedTo(ctx, l.in.ConnectionID, candidates)
	if err != nil {
		return nil, err
	}
	contacts, err := l.readContacts(ctx, mapped)
	if err != nil {
		return nil, err
	}
	c := &customer{candidates: candidates}
	if chosen, ok := trigger.ChooseCustomer(contacts); ok {
		c.id, c.properties = chosen.ID, chosen.Properties
		if c.email, err = l.customerEmail(ctx, chosen, mapped[chosen.ID]); err != nil {
			return nil, err
		}
	}
	l.customer = c
	return c, nil
}

// readContacts reads the mapped contacts; those that are gone are left out.
func (l *objectLook) readContacts(ctx context.Context, mapped map[string]bridge.Identity) ([]bridge.Object, error) {
	if l.in.ObjectType == bridge.ObjectContact && len(mapped) > 0 {
		return []bridge.Object{l.object}, nil
	}
	ids := make([]string, 0, len(mapped))
	for id := range mapped {
		ids = append(ids, id)
	}
	props := l.reads(bridge.ObjectContact)
	read := make([]*bridge.Object, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() error {
			contact, err := l.link.HubSpot.Object(ctx, bridge.ObjectContact, id, props)
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

// customerEmail is the email under which Advocate knows the customer: ids and
// email of a participant do not follow when a contact's email changes, and
// conversions are matched by it.
func (l *objectLook) customerEmail(ctx context.Context, contact bridge.Object, id bridge.Identity) (string, error) {
	p, err := l.link.Advocate.Participant(ctx, id.AccountID, id.UserID, l.link.Sharing.ID)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return "", err
	}
	if email := bridge.NormalEmail(p.Email); email != "" {
		return email, nil
	}
	return bridge.NormalEmail(contact.Properties[bridge.PropEmail]), nil
}
