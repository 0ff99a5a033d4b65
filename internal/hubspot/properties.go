package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

const propertiesPath = "/crm/properties/" + Version + "/contacts"

// Property is the definition of a contact property.
type Property struct {
	Name           string `json:"name"` // lower-case letters, digits, underscores; starts with a letter
	Label          string `json:"label"`
	GroupName      string `json:"groupName"` // the group must exist
	Type           string `json:"type"`      // "string", "enumeration", …
	FieldType      string `json:"fieldType"` // "text", "textarea", …
	Description    string `json:"description"`
	FormField      bool   `json:"formField"`      // forms can ask for it
	HasUniqueValue bool   `json:"hasUniqueValue"` // fixed at creation

	// Options are the values that an enumeration takes. HubSpot's answers only:
	// we make no enumerations.
	Options []PropertyOption `json:"options,omitempty"`

	// Modification says what may be done with it. HubSpot's answers only.
	Modification *PropertyModification `json:"modificationMetadata,omitempty"`
}

// propertyJSON is a definition in an answer of HubSpot's.
type propertyJSON struct {
	Name        lenient.Text `json:"name"`
	Label       lenient.Text `json:"label"`
	GroupName   lenient.Text `json:"groupName"`
	Type        lenient.Text `json:"type"`
	FieldType   lenient.Text `json:"fieldType"`
	Description lenient.Text `json:"description"`
	FormField   lenient.Flag `json:"formField"`
	Unique      lenient.Flag `json:"hasUniqueValue"`
	Options     lenient.List[struct {
		Value lenient.Text `json:"value"`
	}] `json:"options"`
	Modification lenient.Map[lenient.Flag] `json:"modificationMetadata"`
}

// definitions leaves out those without a name that can be read.
func definitions(all []propertyJSON) []Property {
	var out []Property
	for _, one := range all {
		p := Property{
			Name: one.Name.String(), Label: one.Label.String(), GroupName: one.GroupName.String(), Type: one.Type.String(),
			FieldType: one.FieldType.String(), Description: one.Description.String(),
			FormField: bool(one.FormField), HasUniqueValue: bool(one.Unique),
		}
		for _, option := range one.Options {
			if value := option.Value.String(); value != "" {
				p.Options = append(p.Options, PropertyOption{Value: value})
			}
		}
		if one.Modification.Values != nil {
			p.Modification = &PropertyModification{Archivable: bool(one.Modification.Values["archivable"])}
		}
		if p.Name != "" {
			out = append(out, p)
		}
	}
	return out
}

// PropertyOption is one value that an enumeration takes.
type PropertyOption struct {
	Value string `json:"value"` // what records hold; people see a label
}

// PropertyModification is what HubSpot lets be done with a property.
type PropertyModification struct {
	Archivable bool `json:"archivable"`
}

// PropertyResult is the outcome for one property of CreateProperties.
type PropertyResult struct {
	Name string
	Err  error
}

// CreateGroup creates a group of contact properties. One that exists already is
// a Conflict.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
func (c *Client) CreateGroup(ctx context.Context, name, label string) error {
	in := Group{Name: name, Label: label}
	return c.do(ctx, request{op: "hubspot.create_group", method: http.MethodPost, path: propertiesPath + "/groups", in: in}, nil)
}

type nameJSON struct {
	Name string `json:"name"`
}

func namesJSON(names []string) []nameJSON {
	out := make([]nameJSON, len(names))
	for i, n := range names {
		out[i].Name = n
	}
	return out
}

// ReadProperties reads the active definitions of up to MaxBatch contact
// properties; those that do not exist, or are archived, are left out.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
func (c *Client) ReadProperties(ctx context.Context, names []string) ([]Property, error) {
	const op = "hubspot.read_properties"
	if len(names) == 0 {
		return nil, nil
	}
	if err := checkSize(op, len(names)); err != nil {
		return nil, err
	}
	in := struct {
		Inputs      []nameJSON `json:"inputs"`
		Archived    bool       `json:"archived"`
		Sensitivity string     `json:"dataSensitivity"`
	}{namesJSON(names), false, "non_sensitive"}
	var out struct {
		Results lenient.List[propertyJSON] `json:"results"`
		Errors  lenient.List[vendorError]  `json:"errors"`
	}
	if err := c.do(ctx, request{op: op, method: http.MethodPost, path: propertiesPath + "/batch/read", in: in, about: aboutBatch}, &out); err != nil {
		return nil, err
	}
	if out.Results == nil { // not an empty list: none is missing
		return nil, outbound.Unreadable(op, http.StatusOK)
	}
	for _, v := range out.Errors {
		if e := v.item(op); e.Kind != bridge.NotFound {
			return nil, e
		}
	}
	return definitions(out.Results), nil
}

// CreateProperties creates up to MaxBatch contact properties. A name that was
// archived in the last 90 days comes back with its old definition, maybe with
// the old values of records. The results are in the order of the input, a name
// that is active already being a Conflict; the last return value is the failure
// of the call as a whole, which HubSpot may choose over single results.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
func (c *Client) CreateProperties(ctx context.Context, in []Property) ([]PropertyResult, error) {
	const op = "hubspot.create_properties"
	if len(in) == 0 {
		return nil, nil
	}
	if err := checkSize(op, len(in)); err != nil {
		return nil, err
	}
	body := struct {
		Inputs []Property `json:"inputs"`
	}{in}
	var out struct {
		Results lenient.List[propertyJSON] `json:"results"`
		Errors  lenient.List[vendorError]  `json:"errors"`
	}
	if err := c.do(ctx, request{op: op, method: http.MethodPost, path: propertiesPath + "/batch/create", in: body, about: aboutBatch}, &out); err != nil {
		return nil, err
	}
	results := make([]PropertyResult, len(in))
	for i, p := range in {
		results[i].Name = p.Name
		if !slices.ContainsFunc(out.Results, func(made propertyJSON) bool { return made.Name.String() == p.Name }) {
			results[i].Err = propertyError(op, p.Name, out.Errors)
		}
	}
	return results, nil
}

// propertyError finds the error about a property. Under which key HubSpot names
// the property is not documented.
func propertyError(op, name string, all []vendorError) error {
	for _, v := range all {
		contexts := []errorContext{v.Context}
		for _, code := range v.Errors {
			contexts = append(contexts, code.Context)
		}
		for _, c := range contexts {
			for _, values := range c {
				if slices.Contains(values, name) {
					return v.item(op)
				}
			}
		}
	}
	if len(all) == 1 {
		return all[0].item(op)
	}
	return &bridge.Error{Op: op, Status: http.StatusMultiStatus, Err: errors.New("the answer tells nothing about property " + name)}
}

// ObjectProperties reads the active definitions of all properties of a record
// type, HubSpot's own included.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
func (c *Client) ObjectProperties(ctx context.Context, t bridge.ObjectType) ([]Property, error) {
	var out struct {
		Results lenient.List[propertyJSON] `json:"results"`
	}
	const op = "hubspot.object_properties"
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: "/crm/properties/" + Version + "/" + plural(t)}, &out); err != nil {
		return nil, err
	}
	if out.Results == nil {
		return nil, outbound.Unreadable(op, http.StatusOK)
	}
	return definitions(out.Results), nil
}

// ArchiveProperties archives up to MaxBatch contact properties; names that are
// not there are ignored. One property in use refuses them all: then archive one
// by one to learn which.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
func (c *Client) ArchiveProperties(ctx context.Context, names []string) error {
	const op = "hubspot.archive_properties"
	if len(names) == 0 {
		return nil
	}
	if err := checkSize(op, len(names)); err != nil {
		return err
	}
	in := struct {
		Inputs []nameJSON `json:"inputs"`
	}{namesJSON(names)}
	return c.do(ctx, request{op: op, method: http.MethodPost, path: propertiesPath + "/batch/archive", in: in, about: aboutBatch}, nil)
}

// ArchiveProperty archives one contact property: NotFound if it is not there,
// Invalid if it is in use.
func (c *Client) ArchiveProperty(ctx context.Context, name string) error {
	return c.do(ctx, request{op: "hubspot.archive_property", method: http.MethodDelete,
		path: propertiesPath + "/" + url.PathEscape(name), about: aboutRecord}, nil)
}
