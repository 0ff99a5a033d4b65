package hubspottest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (h *Host) propertyRoutes() {
	const area = "/crm/properties"
	for _, rt := range []route{
		{method: "GET", path: "/{objectType}", handle: onStore(listProperties)},
		{method: "POST", path: "/{objectType}", handle: onStore(createProperty)},
		{method: "GET", path: "/{objectType}/{name}", handle: onStore(readProperty)},
		{method: "PATCH", path: "/{objectType}/{name}", handle: onStore(updateProperty)},
		{method: "DELETE", path: "/{objectType}/{name}", handle: onStore(archiveProperty)},
		{method: "POST", path: "/{objectType}/batch/read", handle: onStore(batchReadProperties)},
		{method: "POST", path: "/{objectType}/batch/create", handle: onStore(batchCreateProperties)},
		{method: "POST", path: "/{objectType}/batch/archive", handle: onStore(batchArchiveProperties)},
		{method: "GET", path: "/{objectType}/groups", handle: onStore(listGroups)},
		{method: "POST", path: "/{objectType}/groups", handle: onStore(createGroup)},
		{method: "GET", path: "/{objectType}/groups/{name}", handle: onStore(readGroup)},
		{method: "PATCH", path: "/{objectType}/groups/{name}", handle: onStore(updateGroup)},
		{method: "DELETE", path: "/{objectType}/groups/{name}", handle: onStore(archiveGroup)},
	} {
		h.versioned(area, rt)
	}
}

// propertyName is the pattern HubSpot is known to accept; the exact one is not published.
var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// fieldTypes are the allowed pairs (HubSpot docs: properties).
var fieldTypes = map[string][]string{
	"string":       {"text", "textarea", "html", "file", "phonenumber", "calculation_equation"},
	"enumeration":  {"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"},
	"bool":         {"booleancheckbox", "calculation_equation"},
	"date":         {"date"},
	"datetime":     {"date"},
	"number":       {"number", "calculation_equation"},
	"phone_number": {"phonenumber"},
}

// maxUnique is how many unique properties an object type can have (HubSpot docs: 10).
const maxUnique = 10

type propertyJSON struct {
	Property
	Calculated     bool   `json:"calculated"`
	External       bool   `json:"externalOptions"`
	HubSpotDefined bool   `json:"hubspotDefined,omitempty"`
	CreatedAt      string `json:"createdAt"`
	UpdatedAt      string `json:"updatedAt"`
	Archived       bool   `json:"archived"`
	ArchivedAt     string `json:"archivedAt,omitempty"`
	Sensitivity    string `json:"dataSensitivity"`
	Metadata       struct {
		Archivable         bool `json:"archivable"`
		ReadOnlyDefinition bool `json:"readOnlyDefinition"`
		ReadOnlyValue      bool `json:"readOnlyValue"`
	} `json:"modificationMetadata"`
}

func showProperty(p *Property) propertyJSON {
	out := propertyJSON{
		Property: *p, Calculated: p.calculated != stored, HubSpotDefined: p.builtin,
		CreatedAt: timestamp(p.created), UpdatedAt: timestamp(p.updated), Sensitivity: "non_sensitive",
	}
	if p.archived != 0 {
		out.Archived, out.ArchivedAt = true, timestamp(p.archived)
	}
	out.Metadata.Archivable = !p.builtin
	out.Metadata.ReadOnlyDefinition = p.builtin
	out.Metadata.ReadOnlyValue = p.readOnly
	return out
}

func listProperties(c *call) reply {
	out := struct {
		Results []propertyJSON `json:"results"`
	}{[]propertyJSON{}}
	for _, p := range c.store.schema.sorted(c.archivedOnly()) {
		out.Results = append(out.Results, showProperty(p))
	}
	return ok(out)
}

func createProperty(c *call) reply {
	var in Property
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	p, f := c.portal.define(c.store, in)
	if f != nil {
		return refused(f)
	}
	return created(showProperty(p))
}

// define creates a property, or restores the archived one of that name with its
// old definition (observed) and, by the KeepValues knob, its old values.
func (p *Portal) define(s *store, in Property) (*Property, *failure) {
	if f := s.schema.check(in); f != nil {
		return nil, f
	}
	now := p.nowMilli()
	if old, known := s.schema.byName[in.Name]; known {
		if old.archived == 0 {
			f := fail(http.StatusConflict, "OBJECT_ALREADY_EXISTS", "A property named '%s' already exists.", in.Name)
			f.SubCategory = "Properties.PROPERTY_WITH_NAME_EXISTS"
			return nil, f
		}
		old.archived, old.updated = 0, now
		if !p.knobs.KeepValues {
			s.schema.rekey(old)
		}
		return old, nil
	}
	in.created, in.updated = now, now
	return s.schema.add(in), nil
}

func (s *schema) check(in Property) *failure {
	for what, v := range map[string]string{"name": in.Name, "label": in.Label, "type": in.Type,
		"fieldType": in.FieldType, "groupName": in.GroupName} {
		if v == "" {
			return invalid("%s is required", what)
		}
	}
	allowed, known := fieldTypes[in.Type]
	group := s.groups[in.GroupName]
	switch {
	case !propertyName.MatchString(in.Name):
		return invalid("Property name '%s' is invalid. Names are lower-case letters, digits and underscores and start with a letter.", in.Name)
	case !known || !slices.Contains(allowed, in.FieldType):
		return invalid("Field type %s is not allowed for type %s", in.FieldType, in.Type)
	case group == nil || group.Archived:
		return invalid("Property group '%s' does not exist", in.GroupName)
	case in.HasUniqueValue && len(s.unique) >= maxUnique:
		return invalid("An object type can have at most %d unique properties", maxUnique)
	}
	return nil
}

func (s *schema) named(name string) (*Property, *failure) {
	p, known := s.active(name)
	if !known {
		return nil, fail(http.StatusNotFound, "OBJECT_NOT_FOUND", "Property '%s' does not exist", name)
	}
	return p, nil
}

func readProperty(c *call) reply {
	p, f := c.store.schema.named(c.PathValue("name"))
	if old, known := c.store.schema.byName[c.PathValue("name")]; known && old.archived != 0 && c.archivedOnly() {
		p, f = old, nil
	}
	if f != nil {
		return refused(f)
	}
	return ok(showProperty(p))
}

func updateProperty(c *call) reply {
	p, f := c.store.schema.named(c.PathValue("name"))
	if f != nil {
		return refused(f)
	}
	next := *p
	if f := c.decode(&next); f != nil {
		return refused(f)
	}
	next.Name, next.HasUniqueValue = p.Name, p.HasUniqueValue
	if p.builtin {
		return refused(invalid("The definition of '%s' is read-only", p.Name))
	}
	if f := c.store.schema.check(next); f != nil {
		return refused(f)
	}
	next.updated = c.portal.nowMilli()
	*p = next
	return ok(showProperty(p))
}

// checkArchive refuses to archive what is built in or in use.
func (p *Portal) checkArchive(def *Property) *failure {
	places := p.knobs.InUse[def.Name]
	if p.knobs.FormsBlockArchive {
		for _, f := range p.forms {
			if f.uses(def.Name) {
				places++
			}
		}
	}
	var f *failure
	switch {
	case def.builtin:
		f = invalid("Property '%s' is defined by HubSpot and cannot be deleted", def.Name)
	case places > 0:
		f = invalid("Property '%s' is used in %d places and cannot be deleted", def.Name, places)
		f.SubCategory = "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE"
	default:
		return nil
	}
	f.Errors = []detail{{Message: f.Message, Code: strings.TrimPrefix(f.SubCategory, "PropertyValidationError."),
		Context: map[string][]string{"propertyName": {def.Name}}}}
	return f
}

func archiveProperty(c *call) reply {
	p, f := c.store.schema.named(c.PathValue("name"))
	if f == nil {
		f = c.portal.checkArchive(p)
	}
	if f != nil {
		return refused(f)
	}
	p.archived = c.portal.nowMilli()
	return noContent()
}

type nameInput struct {
	Inputs []struct {
		Name string `json:"name"`
	} `json:"inputs"`
	Archived    *bool   `json:"archived"`
	Sensitivity *string `json:"dataSensitivity"`
}

func (c *call) names() (nameInput, *failure) {
	var in nameInput
	if f := c.decode(&in); f != nil {
		return in, f
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > maxInputs {
		return in, invalid("A batch takes 1 to %d inputs, not %d", maxInputs, len(in.Inputs))
	}
	return in, nil
}

func batchReadProperties(c *call) reply {
	in, f := c.names()
	// The published definitions require both; v3 did not know the second.
	if f == nil && (in.Archived == nil || (in.Sensitivity == nil && c.version != "v3")) {
		f = invalid("archived and dataSensitivity are required")
	}
	if f != nil {
		return refused(f)
	}
	results, failed := []propertyJSON{}, []batchError(nil)
	for _, one := range in.Inputs {
		p, known := c.store.schema.byName[one.Name]
		if !known || (p.archived != 0) != *in.Archived {
			lost := fail(http.StatusNotFound, "OBJECT_NOT_FOUND", "Property '%s' does not exist", one.Name)
			failed = append(failed, lost.item("name", one.Name))
			continue
		}
		results = append(results, showProperty(p))
	}
	return c.envelope(http.StatusOK, results, failed)
}

// batchCreateProperties reports each property on its own, or, under the
// PropertiesAllOrNothing knob, refuses the whole batch for one.
func batchCreateProperties(c *call) reply {
	var in struct {
		Inputs []Property `json:"inputs"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > maxInputs {
		return refused(invalid("A batch takes 1 to %d inputs, not %d", maxInputs, len(in.Inputs)))
	}
	results, failed := []propertyJSON{}, []batchError(nil)
	if c.portal.knobs.PropertiesAllOrNothing {
		for _, one := range in.Inputs {
			if f := c.portal.checkDefine(c.store, one); f != nil {
				return refused(f)
			}
		}
	}
	for _, one := range in.Inputs {
		p, f := c.portal.define(c.store, one)
		if f != nil {
			failed = append(failed, f.item("name", one.Name))
			continue
		}
		results = append(results, showProperty(p))
	}
	return c.envelope(c.portal.knobs.BatchCreateStatus, results, failed)
}

// checkDefine is define without its effect.
func (p *Portal) checkDefine(s *store, in Property) *failure {
	if _, exists := s.schema.active(in.Name); exists {
		_, f := p.define(s, in)
		return f
	}
	return s.schema.check(in)
}

// batchArchiveProperties answers 204 whatever the state of each name, but one
// property in use refuses all.
func batchArchiveProperties(c *call) reply {
	in, f := c.names()
	if f != nil {
		return refused(f)
	}
	var going []*Property
	for _, one := range in.Inputs {
		if p, known := c.store.schema.active(one.Name); known {
			if f := c.portal.checkArchive(p); f != nil {
				return refused(f)
			}
			going = append(going, p)
		}
	}
	for _, p := range going {
		p.archived = c.portal.nowMilli()
	}
	return noContent()
}

// DefineProperty creates a property as an admin would, or restores an archived
// one. A group that is missing is created too.
func (p *Portal) DefineProperty(objectType string, def Property) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return err
	}
	if s.schema.groups[def.GroupName] == nil && def.GroupName != "" {
		s.schema.groups[def.GroupName] = &Group{Name: def.GroupName, Label: def.GroupName}
	}
	if _, f := p.define(s, def); f != nil {
		return f
	}
	return nil
}

// ArchiveProperty archives a property as an admin would in the settings.
func (p *Portal) ArchiveProperty(objectType, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return err
	}
	def, known := s.schema.active(name)
	if !known {
		return fmt.Errorf("no property %s", name)
	}
	if f := p.checkArchive(def); f != nil {
		return f
	}
	def.archived = p.nowMilli()
	return nil
}

// Property returns the active definition of a property.
func (p *Portal) Property(objectType, name string) (Property, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.store(objectType)
	if err != nil {
		return Property{}, false
	}
	def, known := s.schema.active(name)
	if !known {
		return Property{}, false
	}
	return *def, true
}
