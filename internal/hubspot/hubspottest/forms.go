package hubspottest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// FormTypes are the types of forms there are (HubSpot docs: forms). All of them
// collect submissions.
var FormTypes = []string{"hubspot", "captured", "flow", "blog_comment"}

// Form is a form definition: the properties it asks for.
type Form struct {
	ID   string `json:"id"` // a GUID; made up where empty
	Name string `json:"name"`
	Type string `json:"type"` // one of FormTypes; "hubspot" where empty
	// Fields names properties of contacts, or of another object type by its
	// type id: "0-2/domain".
	Fields []string `json:"fields"`
}

// Submission is one filled-in form.
type Submission struct {
	ConversionID string           `json:"conversionId,omitempty"`
	SubmittedAt  int64            `json:"submittedAt"` // ms
	PageURL      string           `json:"pageUrl"`
	Values       []SubmittedValue `json:"values"` // a field with several values stands there several times
}

// SubmittedValue is one value of one field.
type SubmittedValue struct {
	Name         string `json:"name"`
	Value        string `json:"value"`
	ObjectTypeID string `json:"objectTypeId"` // "0-1" for contacts
}

// Set replaces the first value of a field.
func (s *Submission) Set(name, value string) {
	s.Values = slices.Clone(s.Values) // the form's own stay as they are until the edit is taken
	i := slices.IndexFunc(s.Values, func(v SubmittedValue) bool { return v.Name == name })
	if i < 0 {
		s.Values = append(s.Values, SubmittedValue{name, value, contactKind.typeID})
		return
	}
	s.Values[i].Value = value
}

type form struct {
	Form
	created     int64
	submissions []Submission // the oldest first
}

func (f *form) uses(name string) bool { return slices.Contains(f.Fields, name) }

// fieldOf reads "0-2/domain" or "email".
func fieldOf(name string) (typeID, property string) {
	if typeID, property, ok := strings.Cut(name, "/"); ok {
		return typeID, property
	}
	return contactKind.typeID, name
}

func (h *Host) formRoutes() {
	const one = "/{portal}/{form}"
	h.fixed(route{method: "POST", path: "/submissions/v3/integration/submit" + one, open: true, handle: h.submitOpen})
	h.fixed(route{method: "POST", path: "/submissions/v3/integration/secure/submit" + one, handle: submitSecure})
	h.fixed(route{method: "GET", path: "/form-integrations/v1/submissions/forms/{form}", handle: listSubmissions})
	h.fixed(route{method: "GET", path: "/marketing/v3/forms", handle: listForms})
	h.fixed(route{method: "GET", path: "/marketing/v3/forms/{form}", handle: readForm})
}

// DefineForm makes a form as a person would. HubSpot's editor offers only
// properties that are made for forms, so any other is refused.
func (p *Portal) DefineForm(f Form) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range f.Fields {
		typeID, property := fieldOf(name)
		s, there := p.stores[typeID]
		if !there {
			return "", invalid("There is no object type %s", typeID)
		}
		if def, known := s.schema.active(property); !known || !def.FormField || def.readOnly {
			return "", invalid("Property %s cannot be a form field", name)
		}
	}
	f.ID, f.Type = cmp.Or(f.ID, correlationID()), cmp.Or(f.Type, FormTypes[0])
	if !slices.Contains(FormTypes, f.Type) {
		return "", invalid("There is no form type %s", f.Type)
	}
	p.forms[f.ID] = &form{Form: f, created: p.nowMilli()}
	return f.ID, nil
}

// SubmitForm fills in a form as a visitor. The contact with that email is
// updated or created; without an email there is only the submission. Names are
// those of Form.Fields.
func (p *Portal) SubmitForm(formID string, values map[string]string, pageURL string) error {
	var list []SubmittedValue
	for _, name := range slices.Sorted(maps.Keys(values)) {
		typeID, property := fieldOf(name)
		list = append(list, SubmittedValue{property, values[name], typeID})
	}
	return p.Submit(formID, list, pageURL)
}

// Submit is SubmitForm for fields with several values.
func (p *Portal) Submit(formID string, values []SubmittedValue, pageURL string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.submit(formID, values, pageURL); f != nil {
		return f
	}
	return nil
}

func (p *Portal) submit(formID string, values []SubmittedValue, pageURL string) *failure {
	fm := p.forms[formID]
	if fm == nil {
		return fail(http.StatusNotFound, "", "No form with id %s", formID)
	}
	s := p.stores[contactKind.typeID]
	by := author{source: "FORM", sourceID: formID}
	known := make(map[string]text)
	for _, v := range values {
		def, active := s.schema.active(v.Name)
		if !active || !fm.uses(v.Name) || def.readOnly || v.ObjectTypeID != contactKind.typeID {
			continue // other fields are kept with the submission only
		}
		if before := known[v.Name]; before != "" { // several boxes ticked
			v.Value = string(before) + ";" + v.Value
		}
		known[v.Name] = text(v.Value)
	}
	pr, f := p.prepare(s, known, by)
	if f != nil {
		return f
	}
	fm.submissions = append(fm.submissions, Submission{
		ConversionID: correlationID(), SubmittedAt: p.nowMilli(), PageURL: pageURL, Values: slices.Clone(values),
	})
	if known["email"] == "" {
		return nil
	}
	r, f := s.byUnique("email", strings.ToLower(string(known["email"])))
	switch {
	case f != nil:
		return f
	case r == nil:
		p.insert(s, pr, by)
	default:
		// The visitor may have used an additional email: the primary one stays.
		email := s.schema.byName["email"].key
		pr.changes = slices.DeleteFunc(pr.changes, func(c change) bool { return c.key == email })
		p.update(s, r, pr, by)
	}
	return nil
}

// EditSubmissions lets a test do to a form's submissions, the oldest first, what
// people and HubSpot do: delete some, change their values, leave out conversion
// ids, give several the same time. Times must not fall.
func (p *Portal) EditSubmissions(formID string, edit func([]Submission) []Submission) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fm := p.forms[formID]
	if fm == nil {
		return fail(http.StatusNotFound, "", "No form with id %s", formID)
	}
	edited := edit(slices.Clone(fm.submissions))
	inOrder := slices.IsSortedFunc(edited, func(a, b Submission) int { return cmp.Compare(a.SubmittedAt, b.SubmittedAt) })
	if !inOrder {
		return invalid("submissions must stay in the order of their times")
	}
	fm.submissions = edited
	return nil
}

type submitInput struct {
	Fields []struct {
		ObjectTypeID string `json:"objectTypeId"`
		Name         string `json:"name"`
		Value        string `json:"value"`
	} `json:"fields"`
	Context struct {
		PageURI string `json:"pageUri"`
	} `json:"context"`
}

func (h *Host) submitOpen(c *call) reply {
	p, err := h.portalByText(c.PathValue("portal"))
	if err != nil {
		return refused(fail(http.StatusNotFound, "", "No such account"))
	}
	c.portal = p
	return submitSecure(c)
}

func submitSecure(c *call) reply {
	var in submitInput
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	values := make([]SubmittedValue, 0, len(in.Fields))
	for _, f := range in.Fields {
		values = append(values, SubmittedValue{f.Name, f.Value, cmp.Or(f.ObjectTypeID, contactKind.typeID)})
	}
	c.portal.mu.Lock()
	defer c.portal.mu.Unlock()
	if f := c.portal.submit(c.PathValue("form"), values, in.Context.PageURI); f != nil {
		return refused(f)
	}
	return ok(map[string]string{"inlineMessage": "Thanks for submitting the form."})
}

// listSubmissions shows the newest first; the cursor counts from the oldest, so
// that new submissions do not shift the pages.
func listSubmissions(c *call) reply {
	limit, after, f := c.page(20, 50)
	if f != nil {
		return refused(f)
	}
	c.portal.mu.Lock()
	defer c.portal.mu.Unlock()
	fm := c.portal.forms[c.PathValue("form")]
	if fm == nil {
		return refused(notFound())
	}
	out := struct {
		Results []Submission `json:"results"`
		Paging  *paging      `json:"paging,omitempty"`
	}{Results: []Submission{}}
	end := len(fm.submissions)
	if after > 0 {
		end = min(int(after), end)
	}
	start := max(end-limit, 0)
	for _, s := range slices.Backward(fm.submissions[start:end]) {
		out.Results = append(out.Results, s)
	}
	if start > 0 {
		out.Paging = nextPage(strconv.Itoa(start))
	}
	return ok(out)
}

type formJSON struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	FormType    string           `json:"formType"`
	CreatedAt   string           `json:"createdAt"`
	UpdatedAt   string           `json:"updatedAt"`
	Archived    bool             `json:"archived"`
	FieldGroups []fieldGroupJSON `json:"fieldGroups"`
}

type fieldGroupJSON struct {
	GroupType    string          `json:"groupType"`
	RichTextType string          `json:"richTextType"`
	Fields       []formFieldJSON `json:"fields"`
}

type formFieldJSON struct {
	ObjectTypeID string `json:"objectTypeId"`
	Name         string `json:"name"`
	Label        string `json:"label"`
	FieldType    string `json:"fieldType"`
	Required     bool   `json:"required"`
	Hidden       bool   `json:"hidden"`
}

// formFieldTypes translate the field type of a property into that of a form.
var formFieldTypes = map[string]string{
	"text": "single_line_text", "textarea": "multi_line_text", "number": "number", "date": "datepicker", "select": "dropdown",
	"radio": "radio", "checkbox": "multiple_checkboxes", "booleancheckbox": "single_checkbox", "phonenumber": "phone", "file": "file",
}

func (p *Portal) showForm(f *form) formJSON {
	out := formJSON{ID: f.ID, Name: f.Name, FormType: f.Type, CreatedAt: timestamp(f.created), UpdatedAt: timestamp(f.created)}
	for _, name := range f.Fields {
		typeID, name := fieldOf(name)
		shown := formFieldJSON{ObjectTypeID: typeID, Name: name, Label: name, FieldType: "single_line_text"}
		if def, active := p.stores[typeID].schema.active(name); active {
			shown.Label, shown.FieldType = def.Label, formFieldTypes[def.FieldType]
		}
		if name == "email" {
			shown.FieldType, shown.Required = "email", true
		}
		out.FieldGroups = append(out.FieldGroups, fieldGroupJSON{"default_group", "text", []formFieldJSON{shown}})
	}
	return out
}

// listForms shows HubSpot's own forms unless formTypes asks for others, or all
// (HubSpot docs: forms).
func listForms(c *call) reply {
	types := splitList(c.URL.Query()["formTypes"])
	if len(types) == 0 {
		types = FormTypes[:1]
	}
	for _, t := range types {
		if t != "all" && !slices.Contains(FormTypes, t) {
			return refused(invalid("formTypes must be one of all, %s", strings.Join(FormTypes, ", ")))
		}
	}
	limit, after, f := c.page(20, 100)
	if f != nil {
		return refused(f)
	}
	c.portal.mu.Lock()
	defer c.portal.mu.Unlock()
	out := struct {
		Results []formJSON `json:"results"`
		Paging  *paging    `json:"paging,omitempty"`
	}{Results: []formJSON{}}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(c.portal.forms)) {
		if slices.Contains(types, "all") || slices.Contains(types, c.portal.forms[id].Type) {
			ids = append(ids, id)
		}
	}
	start := min(max(int(after), 0), len(ids))
	end := min(start+limit, len(ids))
	for _, id := range ids[start:end] {
		out.Results = append(out.Results, c.portal.showForm(c.portal.forms[id]))
	}
	if end < len(ids) {
		out.Paging = nextPage(strconv.Itoa(end))
	}
	return ok(out)
}

// readForm knows HubSpot's own forms only. What the vendor answers for the
// others is not documented; a client that asks for one must not count on it.
func readForm(c *call) reply {
	c.portal.mu.Lock()
	defer c.portal.mu.Unlock()
	fm := c.portal.forms[c.PathValue("form")]
	if fm == nil || fm.Type != FormTypes[0] {
		return refused(notFound())
	}
	return ok(c.portal.showForm(fm))
}
