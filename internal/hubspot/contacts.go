package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
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

	// Err is why nothing may be concluded from this contact: HubSpot shows a part of
	// it in a form that we cannot read. It is Invalid, and nil as a rule.
	Err error
}

// contactJSON is the wire form of a record; a value is null where the property is
// empty.
type contactJSON struct {
	ID         lenient.Text              `json:"id"`
	Properties lenient.Map[lenient.Text] `json:"properties"`
	CreatedAt  lenient.Moment            `json:"createdAt"`
	UpdatedAt  lenient.Moment            `json:"updatedAt"`
	Archived   lenient.Flag              `json:"archived"`
	TraceID    lenient.Text              `json:"objectWriteTraceId"`
}

// contact reads what can be read. A contact without an id that can be read cannot
// even be told from others: its ID is empty.
func (j contactJSON) contact(op string) Contact {
	out := Contact{
		Properties: make(map[string]string, len(j.Properties.Values)),
		CreatedAt:  j.CreatedAt.Time, UpdatedAt: j.UpdatedAt.Time, Archived: bool(j.Archived),
	}
	var ok bool
	if out.ID, ok = j.ID.ID(); !ok || out.ID == "" {
		out.Err = unreadable(op, "its id")
	}
	if j.Properties.Values == nil {
		out.Err = unreadable(op, "its properties")
	}
	for name, value := range j.Properties.Values {
		switch text := valueOf(name, value); {
		case value.Odd():
			out.Err = unreadable(op, "property "+name)
		case text != "":
			out.Properties[name] = text
		}
	}
	return out
}

// valueOf is a property's value. Of an id, nothing is taken away: it would be
// another one's.
func valueOf(name string, value lenient.Text) string {
	if name == bridge.PropUserID || name == bridge.PropAccountID {
		return value.Raw()
	}
	return value.String()
}

// unreadable is about one record of an answer, never about the others.
func unreadable(op, what string) *bridge.Error {
	return &bridge.Error{Kind: bridge.Invalid, Op: op, Status: http.StatusOK, Code: bridge.CodeUnreadable,
		Err: errors.New("HubSpot shows this record, but " + what + " in no form that can be read")}
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
	var answer contactJSON
	if err := c.do(ctx, request{op: op, method: http.MethodGet,
		path: contactsPath + "/" + url.PathEscape(id), query: query, about: aboutRecord}, &answer); err != nil {
		return Contact{}, err
	}
	out := answer.contact(op)
	return out, out.Err
}
