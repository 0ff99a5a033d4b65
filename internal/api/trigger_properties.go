package api

import (
	"context"
	"net/url"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// Property is a property of HubSpot's records that triggers can use.
type Property struct {
	Name    string   `json:"name"`              // in expressions, after the object and a dot
	Label   string   `json:"label"`             // in HubSpot
	Type    string   `json:"type"`              // as expressions see it, for people: "text", "a number", "a date", "true or false"
	Options []string `json:"options,omitempty"` // the values of which it takes one; left out: any
}

func (h *Handler) listProperties(r *request) (any, error) {
	const name = "object"
	object := bridge.ObjectType(r.parameter(name))
	if !slices.Contains(bridge.ObjectTypes(), object) {
		r.mistake(name, "must be one of %v", bridge.ObjectTypes())
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	all, err := h.operator.ObjectProperties(r.Context(), c, object)
	return onePage(collect(all, func(p operator.ObjectProperty) Property {
		return Property{Name: p.Name, Label: p.Label, Type: p.Kind(), Options: p.Options}
	})), err
}

// Properties lists the properties of a type of record, which is contact, deal or
// company, by name.
func (c *Client) Properties(ctx context.Context, connection, object string) ([]Property, error) {
	page, err := send[Page[Property]](ctx, c, call{operation: "listProperties", path: []string{connection}, query: url.Values{"object": {object}}})
	return page.Items, err
}
