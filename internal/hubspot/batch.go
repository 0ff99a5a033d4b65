package hubspot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// ContactInput is one contact to create or to update.
type ContactInput struct {
	// ID of the contact to update; empty on create.
	ID string
	// TraceID comes back with the outcome; it must be unique within the call.
	// Where it is empty the position in the call is used.
	TraceID string
	// Properties to set; an empty value clears one, all others stay.
	Properties map[string]string
}

// ContactResult is the outcome of one ContactInput: a Contact or an error.
type ContactResult struct {
	TraceID string
	Contact *Contact
	Err     error
}

// inputJSON is one input of any batch.
type inputJSON struct {
	ID           string            `json:"id,omitempty"`
	TraceID      string            `json:"objectWriteTraceId,omitempty"`
	Properties   map[string]string `json:"properties,omitempty"`
	Associations *[]struct{}       `json:"associations,omitempty"`
}

// batchJSON is the answer to any batch. HubSpot says 200, 201 and 207 in turns;
// only the errors tell whether all went well.
type batchJSON struct {
	Results lenient.List[contactJSON] `json:"results"`
	Errors  lenient.List[vendorError] `json:"errors"`
}

// BatchReadContacts reads up to MaxBatch live contacts by id, in any order.
// Found is keyed by id, and may hold contacts with an Err. Missing ids are archived,
// gone, merged away (batch reads do not follow merges) or too new to be visible.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
func (c *Client) BatchReadContacts(ctx context.Context, ids, props []string) (found map[string]Contact, missing []string, err error) {
	const op = "hubspot.batch_read_contacts"
	return c.readByID(ctx, op, bridge.ObjectContact, ids, props)
}

func (c *Client) readByID(ctx context.Context, op string, t bridge.ObjectType, ids, props []string) (found map[string]Contact, missing []string, err error) {
	records, err := c.batchRead(ctx, op, t, "", ids, props)
	if err != nil {
		return nil, nil, err
	}
	found, missing = byID(op, ids, records)
	return found, missing, nil
}

func byID(op string, ids []string, records []Contact) (found map[string]Contact, missing []string) {
	have := make(map[string]Contact, len(records))
	nameless := false
	for _, one := range records {
		nameless = nameless || one.ID == ""
		have[one.ID] = one
	}
	return pick(op, ids, have, nameless)
}

// BatchReadContactsByEmail reads up to MaxBatch live contacts by primary or
// additional email. Found and missing are keyed by the emails in lower case.
// It reads the record store, not the lagging search index.
func (c *Client) BatchReadContactsByEmail(ctx context.Context, emails, props []string) (found map[string]Contact, missing []string, err error) {
	const op = "hubspot.batch_read_contacts_by_email"
	keys := make([]string, len(emails))
	for i, e := range emails {
		keys[i] = strings.ToLower(strings.TrimSpace(e)) // as HubSpot keeps it
	}
	// Both are needed to tell which of the emails a contact was found by.
	props = append(slices.Clone(props), "email", "hs_additional_emails")
	contacts, err := c.batchRead(ctx, op, bridge.ObjectContact, "email", keys, props)
	if err != nil {
		return nil, nil, err
	}
	byEmail := make(map[string]Contact, len(contacts))
	nameless := false
	for _, one := range contacts {
		nameless = nameless || one.Err != nil && one.Properties["email"] == ""
		byEmail[bridge.NormalEmail(one.Properties["email"])] = one
		for also := range strings.SplitSeq(one.Properties["hs_additional_emails"], ";") {
			if also != "" {
				byEmail[bridge.NormalEmail(also)] = one
			}
		}
	}
	// HubSpot may keep another spelling of an email than the one it was asked for.
	asked := make(map[string]Contact, len(keys))
	for _, key := range keys {
		if one, ok := byEmail[bridge.NormalEmail(key)]; ok {
			asked[key] = one
		}
	}
	found, missing = pick(op, keys, asked, nameless)
	return found, missing, nil
}

// pick sorts the wanted keys into found and missing. While the answer holds a
// record that cannot be told from others, nobody knows who is missing: it may be
// that one.
func pick(op string, wanted []string, have map[string]Contact, nameless bool) (found map[string]Contact, missing []string) {
	found = make(map[string]Contact, len(wanted))
	for _, key := range wanted {
		switch one, ok := have[key]; {
		case ok:
			found[key] = one
		case nameless:
			found[key] = Contact{Err: unreadable(op, "its id")}
		case !slices.Contains(missing, key):
			missing = append(missing, key)
		}
	}
	return found, missing
}

func (c *Client) batchRead(ctx context.Context, op string, t bridge.ObjectType, idProperty string, keys, props []string) ([]Contact, error) {
	return c.batchReadFrom(ctx, op, objectsPath(t)+"/batch/read", nil, idProperty, keys, props)
}

func (c *Client) batchReadFrom(ctx context.Context, op, path string, query url.Values, idProperty string, keys, props []string) ([]Contact, error) {
	unique := slices.Compact(slices.Sorted(slices.Values(keys))) // HubSpot refuses a batch that names one twice
	if len(unique) == 0 {
		return nil, nil
	}
	if err := checkSize(op, len(unique)); err != nil {
		return nil, err
	}
	in := struct {
		Properties []string    `json:"properties"`
		History    []string    `json:"propertiesWithHistory"`
		IDProperty string      `json:"idProperty,omitempty"`
		Inputs     []inputJSON `json:"inputs"`
	}{props, []string{}, idProperty, make([]inputJSON, len(unique))}
	if in.Properties == nil {
		in.Properties = []string{}
	}
	for i, key := range unique {
		in.Inputs[i].ID = key
	}
	var out batchJSON
	if err := c.do(ctx, request{op: op, method: http.MethodPost, path: path, query: query, in: in, about: aboutBatch}, &out); err != nil {
		return nil, err
	}
	if out.Results == nil { // not an empty list: nobody is missing
		return nil, outbound.Unreadable(op, http.StatusOK)
	}
	for _, v := range out.Errors {
		// Anything but "not found" leaves it open whether the contact exists.
		if e := v.item(op); e.Kind != bridge.NotFound {
			return nil, e
		}
	}
	contacts := make([]Contact, len(out.Results))
	for i, one := range out.Results {
		contacts[i] = one.contact(op)
	}
	return contacts, nil
}

func checkSize(op string, n int) error {
	if n <= MaxBatch {
		return nil
	}
	return &bridge.Error{Kind: bridge.Invalid, Op: op, Err: fmt.Errorf("%d inputs, at most %d are allowed", n, MaxBatch)}
}

// BatchCreateContacts creates up to MaxBatch contacts. The results are in the
// order of the inputs, each with its contact or its own error: Conflict where
// the email is taken (see ExistingID), Invalid for a refused value. The last
// return value is the failure of the call as a whole, say for an email that
// occurs twice in it; then nothing was created, unless it is Unavailable.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
func (c *Client) BatchCreateContacts(ctx context.Context, in []ContactInput) ([]ContactResult, error) {
	none := []struct{}{}
	return c.batchWrite(ctx, "hubspot.batch_create_contacts", "/batch/create", in, func(one ContactInput) inputJSON {
		return inputJSON{TraceID: one.TraceID, Properties: one.Properties, Associations: &none}
	})
}

// BatchUpdateContacts sets properties on up to MaxBatch contacts. The results
// are in the order of the inputs: NotFound where the contact is archived, gone
// or merged away, Invalid for a refused value, Conflict for an email that is
// taken. The last return value is the failure of the call as a whole.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
func (c *Client) BatchUpdateContacts(ctx context.Context, in []ContactInput) ([]ContactResult, error) {
	return c.batchWrite(ctx, "hubspot.batch_update_contacts", "/batch/update", in, func(one ContactInput) inputJSON {
		return inputJSON{ID: one.ID, TraceID: one.TraceID, Properties: one.Properties}
	})
}

func (c *Client) batchWrite(ctx context.Context, op, path string, in []ContactInput, wire func(ContactInput) inputJSON) ([]ContactResult, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if err := checkSize(op, len(in)); err != nil {
		return nil, err
	}
	traced := slices.Clone(in)
	inputs := make([]inputJSON, len(in))
	for i := range traced {
		if traced[i].TraceID == "" {
			traced[i].TraceID = strconv.Itoa(i)
		}
		inputs[i] = wire(traced[i])
	}
	body := struct {
		Inputs []inputJSON `json:"inputs"`
	}{inputs}
	var out batchJSON
	if err := c.do(ctx, request{op: op, method: http.MethodPost, path: contactsPath + path, in: body, about: aboutBatch}, &out); err != nil {
		return nil, err
	}
	if out.Results == nil && out.Errors == nil { // it tells of nobody, so no record is to blame
		return nil, outbound.Unreadable(op, http.StatusOK)
	}
	return join(op, traced, out), nil
}

// join gives each input its outcome: by trace id, else by id or email. The
// order of HubSpot's results means nothing.
func join(op string, in []ContactInput, out batchJSON) []ContactResult {
	by := make(map[string]ContactResult, len(in))
	for _, one := range out.Results {
		contact := one.contact(op)
		if contact.ID == "" {
			continue // nobody knows whose result it is
		}
		contact.Err = nil // it has been written, however it is shown
		result := ContactResult{Contact: &contact}
		for _, key := range []string{"trace:" + one.TraceID.String(), "id:" + contact.ID, "email:" + bridge.NormalEmail(contact.Properties["email"])} {
			by[key] = result
		}
	}
	for _, v := range out.Errors {
		for name, prefix := range map[string]string{"objectWriteTraceId": "trace:", "ids": "id:", "id": "id:"} {
			for _, key := range v.Context[name] {
				by[prefix+key] = ContactResult{Err: v.item(op)}
			}
		}
	}
	results := make([]ContactResult, len(in))
	for i, one := range in {
		results[i] = outcome(op, one, by)
		results[i].TraceID = one.TraceID
	}
	return results
}

func outcome(op string, in ContactInput, by map[string]ContactResult) ContactResult {
	keys := []string{"trace:" + in.TraceID}
	if in.ID != "" {
		keys = append(keys, "id:"+in.ID)
	} else if email := in.Properties["email"]; email != "" {
		keys = append(keys, "email:"+bridge.NormalEmail(email))
	}
	for _, key := range keys {
		if result, ok := by[key]; ok {
			return result
		}
	}
	return ContactResult{Err: &bridge.Error{Op: op, Status: http.StatusMultiStatus,
		Err: errors.New("the answer tells nothing about this input")}}
}
