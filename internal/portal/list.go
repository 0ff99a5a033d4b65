package portal

import (
	"context"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const (
	opList         = "hubspot.list_contacts"
	opReadArchived = "hubspot.batch_read_archived_contacts"
)

// ContactPage is one page of the list of contacts.
type ContactPage struct {
	Contacts []bridge.Contact // with bridge.ReadProperties, ascending by id
	After    string           // leads to the next page; empty: this was the last
}

// ListContacts reads a page of the portal's contacts, live ones or those in the
// recycle bin, in the bulk lane.
func (p *Portal) ListContacts(ctx context.Context, archived bool, after string) (ContactPage, error) {
	page, err := call(ctx, p, &turn{lane: bridge.LaneBulk}, opList, true, func(ctx context.Context) (hubspot.ContactPage, error) {
		return p.client.ListContacts(ctx, archived, after, bridge.ReadProperties())
	})
	if err != nil {
		return ContactPage{}, fmt.Errorf("portal %d: list contacts: %w", p.id, err)
	}
	out := ContactPage{Contacts: make([]bridge.Contact, len(page.Contacts)), After: page.After}
	for i, c := range page.Contacts {
		out.Contacts[i] = contact(c)
	}
	return out, nil
}

// ReadArchivedContacts reads any number of contacts from the recycle bin, as
// ReadContacts reads live ones.
func (p *Portal) ReadArchivedContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error) {
	found, refused, err := p.lookUp(ctx, lane, opReadArchived, p.client.BatchReadArchivedContacts, ids)
	if err == nil {
		err = refused
	}
	return found, err
}
