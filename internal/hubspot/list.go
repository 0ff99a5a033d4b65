package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
)

// ContactPage is one page of the list of contacts.
type ContactPage struct {
	Contacts []Contact // ascending by id; of one with an Err nothing but its id, if any, is known
	After    string    // the id of the first contact of the next page; empty: this was the last
}

// ListContacts reads up to limit contacts, at most MaxBatch, in the order of their ids:
// live ones, or those in the recycle bin. after is ContactPage.After of the page
// before, or empty. Unlike search the list has no end at 10,000 and does not
// lag. A cursor that does not lead on is Unavailable: following it would list
// the same contacts for ever.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
func (c *Client) ListContacts(ctx context.Context, archived bool, after string, limit int, props []string) (ContactPage, error) {
	const op = "hubspot.list_contacts"
	query := url.Values{"limit": {strconv.Itoa(limit)}, "properties": {strings.Join(props, ",")}, "archived": {strconv.FormatBool(archived)}}
	if after != "" {
		query.Set("after", after)
	}
	var out struct {
		Results lenient.List[contactJSON] `json:"results"`
		Paging  paging                    `json:"paging"`
	}
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: contactsPath, query: query}, &out); err != nil {
		return ContactPage{}, err
	}
	next, err := out.Paging.next(op, out.Results != nil)
	if err != nil {
		return ContactPage{}, err
	}
	page := ContactPage{Contacts: make([]Contact, len(out.Results)), After: next}
	for i, one := range out.Results {
		page.Contacts[i] = one.contact(op)
	}
	if page.After != "" && !leadsOn(after, page.After) {
		return ContactPage{}, &bridge.Error{Kind: bridge.Unavailable, Op: op, Err: errors.New("the paging cursor does not lead on")}
	}
	return page, nil
}

// leadsOn tells a cursor that leads on from one that leads back, at once or by way of
// other pages. Cursors are record ids, and ids ascend; of a cursor that is no number
// nothing is known but whether it is the same.
func leadsOn(from, to string) bool {
	was, err := strconv.ParseUint(from, 10, 64)
	is, errTo := strconv.ParseUint(to, 10, 64)
	if err != nil || errTo != nil {
		return to != from
	}
	return is > was
}

// BatchReadArchivedContacts reads up to MaxBatch contacts from the recycle bin,
// where HubSpot keeps them for 90 days. Found is keyed by id. Missing ids are
// live, merged away, erased or purged.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
func (c *Client) BatchReadArchivedContacts(ctx context.Context, ids, props []string) (found map[string]Contact, missing []string, err error) {
	const op = "hubspot.batch_read_archived_contacts"
	contacts, err := c.batchReadFrom(ctx, op, objectsPath(bridge.ObjectContact)+"/batch/read", url.Values{"archived": {"true"}}, "", ids, props)
	if err != nil {
		return nil, nil, err
	}
	found, missing = byID(op, ids, contacts)
	return found, missing, nil
}
