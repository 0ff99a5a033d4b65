package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const contactsPath = "/crm/objects/" + Version + "/contacts"

// Contact is a contact as HubSpot shows it. Properties that were asked for and
// are empty are absent.
type Contact struct {
	ID         string
	Properties map[string]string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Archived   bool
}

// contactJSON is the wire form; a value is null where the property is empty.
type contactJSON struct {
	ID         string             `json:"id"`
	Properties map[string]*string `json:"properties"`
	CreatedAt  time.Time          `json:"createdAt"`
	UpdatedAt  time.Time          `json:"updatedAt"`
	Archived   bool               `json:"archived"`
	TraceID    string             `json:"objectWriteTraceId"`
}

func (j contactJSON) contact() Contact {
	out := Contact{ID: j.ID, Properties: make(map[string]string, len(j.Properties)),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, Archived: j.Archived}
	for name, v := range j.Properties {
		if v != nil && *v != "" {
			out.Properties[name] = *v
		}
	}
	return out
}

// Contact reads one live contact. The ID of the answer differs from id where
// the contact was merged: then it is the surviving record's. A contact that is
// archived or gone is NotFound, and so is, for about half a second, a new one.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
func (c *Client) Contact(ctx context.Context, id string, props []string) (Contact, error) {
	return c.contact(ctx, "hubspot.contact", id, url.Values{"properties": {strings.Join(props, ",")}})
}

// ArchivedContact reads a contact from the recycle bin, where HubSpot keeps it
// for 90 days. A contact that is live, erased or purged is NotFound.
func (c *Client) ArchivedContact(ctx context.Context, id string, props []string) (Contact, error) {
	return c.contact(ctx, "hubspot.archived_contact", id,
		url.Values{"properties": {strings.Join(props, ",")}, "archived": {"true"}})
}

func (c *Client) contact(ctx context.Context, op, id string, query url.Values) (Contact, error) {
	var out contactJSON
	if err := c.do(ctx, request{op: op, method: http.MethodGet,
		path: contactsPath + "/" + url.PathEscape(id), query: query}, &out); err != nil {
		return Contact{}, err
	}
	return out.contact(), nil
}
