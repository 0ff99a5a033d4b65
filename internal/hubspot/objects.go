package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// Object is a record of any type: all have the shape of a contact.
type Object = Contact

// plural is how paths name a record type.
func plural(t bridge.ObjectType) string {
	switch t {
	case bridge.ObjectCompany:
		return "companies"
	default:
		return string(t) + "s"
	}
}

func objectsPath(t bridge.ObjectType) string { return "/crm/objects/" + Version + "/" + plural(t) }

// ObjectID returns the id under which a record lives: its own, or that of the one
// that it was merged into, which HubSpot tells on single reads only. A record that
// is archived or gone is NotFound.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide
func (c *Client) ObjectID(ctx context.Context, t bridge.ObjectType, id string) (string, error) {
	var out contactJSON
	const op = "hubspot.object"
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: objectsPath(t) + "/" + url.PathEscape(id), about: aboutRecord}, &out); err != nil {
		return "", err
	}
	now, ok := out.ID.ID()
	if !ok || now == "" {
		return "", unreadable(op, "its id")
	}
	return now, nil
}

// BatchReadObjects reads up to MaxBatch live records of one type by id, in any
// order. Found is keyed by id. Missing ids are archived, gone, merged away or
// too new to be visible.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide
func (c *Client) BatchReadObjects(ctx context.Context, t bridge.ObjectType, ids, props []string) (found map[string]Object, missing []string, err error) {
	return c.readByID(ctx, "hubspot.batch_read_objects", t, ids, props)
}

// AssociationInput asks for the records that one record is associated with.
type AssociationInput struct {
	ID    string
	After string // from the page before; empty for the first
}

// Associations are associated records, one page of them, each once.
type Associations struct {
	IDs   []string
	After string // asks for the next page; empty on the last
	Err   error  // as for a Contact
}

type associationInputJSON struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

type associationsJSON struct {
	From struct {
		ID lenient.Text `json:"id"`
	} `json:"from"`
	To lenient.List[struct {
		ID lenient.Text `json:"toObjectId"`
	}] `json:"to"`
	Paging paging `json:"paging"`
}

// BatchReadAssociations reads which records of type to up to MaxBatch records of type
// from are associated with, by the latter's id. A record without any, also
// because it does not exist, is absent.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associations-v4/guide
func (c *Client) BatchReadAssociations(ctx context.Context, from, to bridge.ObjectType, in []AssociationInput) (map[string]Associations, error) {
	const op = "hubspot.batch_read_associations"
	if len(in) == 0 {
		return nil, nil
	}
	if err := checkSize(op, len(in)); err != nil {
		return nil, err
	}
	body := struct {
		Inputs []associationInputJSON `json:"inputs"`
	}{make([]associationInputJSON, len(in))}
	for i, one := range in {
		body.Inputs[i] = associationInputJSON(one)
	}
	var out struct {
		Results lenient.List[associationsJSON] `json:"results"`
		Errors  lenient.List[vendorError]      `json:"errors"`
	}
	path := strings.Join([]string{"/crm/associations", Version, plural(from), plural(to), "batch/read"}, "/")
	if err := c.do(ctx, request{op: op, method: http.MethodPost, path: path, in: body, about: aboutBatch}, &out); err != nil {
		return nil, err
	}
	if out.Results == nil {
		return nil, outbound.Unreadable(op, http.StatusOK)
	}
	for _, v := range out.Errors {
		if e := v.item(op); e.Kind != bridge.NotFound {
			return nil, e
		}
	}
	associations := make(map[string]Associations, len(out.Results))
	for _, one := range out.Results {
		id, _ := one.From.ID.ID() // one that is none has no asker
		associations[id] = one.associations(op)
	}
	if _, nameless := associations[""]; nameless {
		for _, one := range in {
			if _, known := associations[one.ID]; !known {
				associations[one.ID] = Associations{Err: unreadable(op, "its id")}
			}
		}
	}
	return associations, nil
}

// associations leaves out the repetitions of a record that is associated under several
// labels.
func (j associationsJSON) associations(op string) Associations {
	out := Associations{After: j.Paging.after}
	switch {
	case j.To == nil: // not an empty list: there may be some
		out.Err = unreadable(op, "the list of what it is associated with")
	case j.Paging.odd:
		out.Err = unreadable(op, "the end of the list of what it is associated with")
	}
	seen := make(map[string]bool, len(j.To))
	for _, one := range j.To {
		id, ok := one.ID.ID()
		switch {
		case !ok || id == "":
			out.Err = unreadable(op, "the id of a record that it is associated with")
		case !seen[id]:
			seen[id] = true
			out.IDs = append(out.IDs, id)
		}
	}
	return out
}
