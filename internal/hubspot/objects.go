package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"advocatesync/internal/bridge"
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
}

type associationInputJSON struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

type associationsJSON struct {
	From struct {
		ID textID `json:"id"`
	} `json:"from"`
	To []struct {
		ID textID `json:"toObjectId"`
	} `json:"to"`
	Paging paging `json:"paging"`
}

// textID is a record id, which HubSpot sends as a string or as a number,
// depending on the version of the API.
type textID string

// UnmarshalJSON takes both.
func (t *textID) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || raw[0] != '"' {
		*t = textID(raw)
		return nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	*t = textID(text)
	return err
}

// paging is how lists say that there is more.
type paging struct {
	Next struct {
		After textID `json:"after"`
	} `json:"next"`
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
		Results []associationsJSON `json:"results"`
		Errors  []vendorError      `json:"errors"`
	}
	path := strings.Join([]string{"/crm/associations", Version, plural(from), plural(to), "batch/read"}, "/")
	if err := c.do(ctx, request{op: op, method: http.MethodPost, path: path, in: body}, &out); err != nil {
		return nil, err
	}
	for _, v := range out.Errors {
		if e := v.item(op); e.Kind != bridge.NotFound {
			return nil, e
		}
	}
	associations := make(map[string]Associations, len(out.Results))
	for _, one := range out.Results {
		associations[string(one.From.ID)] = one.associations()
	}
	return associations, nil
}

// associations leaves out the repetitions of a record that is associated under several
// labels.
func (j associationsJSON) associations() Associations {
	out := Associations{After: string(j.Paging.Next.After)}
	seen := make(map[textID]bool, len(j.To))
	for _, one := range j.To {
		if !seen[one.ID] {
			seen[one.ID] = true
			out.IDs = append(out.IDs, string(one.ID))
		}
	}
	return out
}
