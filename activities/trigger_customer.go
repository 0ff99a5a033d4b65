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
func (ev *evaluation) findCustomer(ctx context.Context) (*customer, error) {
	if ev.customer != nil {
		return ev.customer, nil
	}
	candidates := []string{ev.in.ObjectID}
	if ev.in.ObjectType != bridge.ObjectContact {
		var err error
		if candidates, err = ev.conn.HubSpot.ContactsOf(ctx, ev.in.ObjectType, ev.in.ObjectID); err != nil {
			return nil, err
		}
	}
	mapped, err := ev.events.MappedTo(ctx, ev.in.ConnectionID, candidates)
	if err != nil {
		return nil, err
	}
	contacts, err := ev.readContacts(ctx, mapped)
	if err != nil {
		return nil, err
	}
	c := &customer{candidates: candidates}
	if chosen, ok := trigger.ChooseCustomer(contacts); ok {
		c.id, c.properties = chosen.ID, chosen.Properties
		if c.email, err = ev.customerEmail(ctx, chosen, mapped[chosen.ID]); err != nil {
			return nil, err
		}
	}
	ev.customer = c
	return c, nil
}

// readContacts reads the mapped contacts; those that are gone are left out.
func (ev *evaluation) readContacts(ctx context.Context, mapped map[string]bridge.Identity) ([]bridge.Object, error) {
	if ev.in.ObjectType == bridge.ObjectContact && len(mapped) > 0 {
		return []bridge.Object{ev.object}, nil
	}
	ids := make([]string, 0, len(mapped))
	for id := range mapped {
		ids = append(ids, id)
	}
	props := ev.reads(bridge.ObjectContact)
	read := make([]*bridge.Object, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() error {
			contact, err := ev.conn.HubSpot.Object(ctx, bridge.ObjectContact, id, props)
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
func (ev *evaluation) customerEmail(ctx context.Context, contact bridge.Object, id bridge.Identity) (string, error) {
	p, err := ev.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, ev.conn.Sharing.ID)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return "", err
	}
	if email := bridge.NormalEmail(p.Email); email != "" {
		return email, nil
	}
	return bridge.NormalEmail(contact.Properties[bridge.PropEmail]), nil
}
