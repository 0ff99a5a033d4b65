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
	Contacts   []bridge.Contact // with bridge.ReadProperties, ascending by id
	Unreadable []string         // ids of contacts that are there, but shown in no form that can be read
	After      string           // leads to the next page; empty: this was the last

	// Unlisted is a part of the list, before the page's contacts, that HubSpot fails to
	// show; nil as a rule.
	Unlisted *bridge.Unlisted
}

// ListContacts reads a page of the portal's contacts, live ones or those in the
// recycle bin, in the bulk lane, each with bridge.PropMerged as well. A page that
// HubSpot fails on again and again (see WithTries) is read around the record that it
// cannot show.
func (p *Portal) ListContacts(ctx context.Context, archived bool, after string) (ContactPage, error) {
	l := listing{portal: p, archived: archived}
	page, err := l.read(ctx, after, hubspot.MaxBatch)
	if fault(err) && tries(ctx) >= suspectFrom {
		page, err = l.around(ctx, after)
	}
	if err != nil {
		return ContactPage{}, fmt.Errorf("portal %d: list contacts: %w", p.id, err)
	}
	return page, nil
}

// listing is the list of live contacts, or of those in the recycle bin.
type listing struct {
	portal   *Portal
	archived bool
}

// read makes one call.
func (l listing) read(ctx context.Context, after string, limit int) (ContactPage, error) {
	page, err := call(ctx, l.portal, &turn{lane: bridge.LaneBulk}, opList, true, func(ctx context.Context) (hubspot.ContactPage, error) {
		return l.portal.client.ListContacts(ctx, l.archived, after, limit, append(bridge.ReadProperties(), bridge.PropMerged))
	})
	if err != nil {
		return ContactPage{}, err
	}
	out := ContactPage{After: page.After}
	for _, c := range page.Contacts {
		switch {
		case c.Err == nil:
			out.Contacts = append(out.Contacts, contact(c))
		case c.ID != "": // one without an id cannot even be told from others
			out.Unreadable = append(out.Unreadable, c.ID)
		}
	}
	return out, nil
}

// ReadArchivedContacts reads any number of contacts from the recycle bin, as
// ReadContacts reads live ones.
func (p *Portal) ReadArchivedContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error) {
	found, refused, err := p.lookUp(ctx, &turn{lane: lane}, opReadArchived, p.client.BatchReadArchivedContacts, ids)
	if err == nil {
		err = refused
	}
	return found, err
}
