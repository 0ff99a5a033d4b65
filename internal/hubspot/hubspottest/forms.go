package hubspottest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Form is a form definition: the contact properties it asks for.
type Form struct {
	ID     string   `json:"id"` // a GUID; made up where empty
	Name   string   `json:"name"`
	Fields []string `json:"fields"`
}

// Submission is one filled-in form.
type Submission struct {
	ConversionID string            `json:"conversionId,omitempty"`
	SubmittedAt  int64             `json:"submittedAt"` // ms
	PageURL      string            `json:"pageUrl"`
	Values       map[string]string `json:"-"`
}

type form struct {
	Form
	created     int64
	submissions []Submission // the oldest first
}

func (f *form) uses(name string) bool { return slices.Contains(f.Fields, name) }

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
	s := p.stores[contactKind.typeID]
	for _, name := range f.Fields {
		if def, known := s.schema.active(name); !known || !def.FormField || def.readOnly {
			return "", invalid("Property %s cannot be a form field", name)
		}
	}
	if f.ID == "" {
		f.ID = correlationID()
	}
	p.forms[f.ID] = &form{Form: f, created: p.nowMilli()}
	return f.ID, nil
}

// SubmitForm fills in a form as a visitor. The contact with that email is
// updated or created; without an email there is only the submission.
func (p *Portal) SubmitForm(formID string, values map[string]string, pageURL string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.submit(formID, values, pageURL); f != nil {
		return f
	}
	return nil
}

func (p *Portal) submit(formID string, values map[string]string, pageURL string) *failure {
	fm := p.forms[formID]
	if fm == nil {
		return fail(http.StatusNotFound, "", "No form with id %s", formID)
	}
	s := p.stores[contactKind.typeID]
	by := author{source: "FORM", sourceID: formID}
	known := make(map[string]text)
	for name, v := range values {
		if def, active := s.schema.active(name); active && fm.uses(name) && !def.readOnly {
			known[name] = text(v) // other fields are kept with the submission only
		}
	}
	pr, f := p.prepare(s, known, by)
	if f != nil {
		return f
	}
	fm.submissions = append(fm.submissions, Submission{
		ConversionID: correlationID(), SubmittedAt: p.nowMilli(), PageURL: pageURL, Values: maps.Clone(values),
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
		Name  string `json:"name"`
		Value string `json:"value"`
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
	values := make(map[string]string, len(in.Fields))
	for _, f := range in.Fields {
		values[f.Name] = f.Value
	}
	c.portal.mu.Lock()
	defer c.portal.mu.Unlock()
	if f := c.portal.submit(c.PathValue("form"), values, in.Context.PageURI); f != nil {
		return refused(f)
	}
	return ok(map[string]string{"inlineMessage": "Thanks for submitting the form."})
}

type submissionJSON struct {
	Submission
	Values []submittedValue `json:"values"`
}

type submittedValue struct {
	Name         string `json:"name"`
	Value        string `json:"value"`
	ObjectTypeID string `json:"objectTypeId"`
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
		Results []submissionJSON `json:"results"`
		Paging  *paging          `json:"paging,omitempty"`
	}{Results: []submissionJSON{}}
	end := len(fm.submissions)
	if after > 0 {
		end = min(int(after), end)
	}
	start := max(end-limit, 0)
	for _, s := range slices.Backward(fm.submissions[start:end]) {
		shown := submissionJSON{Submission: s}
		for _, name := range slices.Sorted(maps.Keys(s.Values)) {
			shown.Values = append(shown.Values, submittedValue{name, s.Values[name], contactKind.typeID})
		}
		out.Results = append(out.Results, shown)
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
	out := formJSON{ID: f.ID, Name: f.Name, FormType: "hubspot", CreatedAt: timestamp(f.created), UpdatedAt: timestamp(f.created)}
	for _, name := range f.Fields {
		shown := formFieldJSON{ObjectTypeID: contactKind.typeID, Name: name, Label: name, FieldType: "single_line_text"}
		if def, active := p.stores[contactKind.typeID].schema.active(name); active {
			shown.Label, shown.FieldType = def.Label, formFieldTypes[def.FieldType]
		}
		if name == "email" {
			shown.FieldType, shown.Required = "email", true
		}
		out.FieldGroups = append(out.FieldGroups, fieldGroupJSON{"default_group", "text", []formFieldJSON{shown}})
	}
	return out
}

func listForms(c *call) reply {
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
	ids := slices.Sorted(maps.Keys(c.portal.forms))
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

func readForm(c *call) reply {
	c.portal.mu.Lock()
	defer c.portal.mu.Unlock()
	fm := c.portal.forms[c.PathValue("form")]
	if fm == nil {
		return refused(notFound())
	}
	return ok(c.portal.showForm(fm))
}
