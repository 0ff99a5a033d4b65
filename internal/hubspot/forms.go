package hubspot

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// Form is a form of the portal.
type Form struct {
	ID   string // a GUID
	Name string
}

// Forms lists a page of the portal's forms of all types: made in HubSpot,
// captured from another site, flows, comments. One whose id cannot be read is left
// out: nobody can name it. after is empty for the first page, next is empty on the
// last one. It needs the scope "forms".
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/marketing-forms-v3/guide
func (c *Client) Forms(ctx context.Context, after string) (forms []Form, next string, err error) {
	const op = "hubspot.forms"
	var out struct {
		Results lenient.List[struct {
			ID   lenient.Text `json:"id"`
			Name lenient.Text `json:"name"`
		}] `json:"results"`
		Paging paging `json:"paging"`
	}
	query := page(MaxBatch, after)
	query.Set("formTypes", "all")
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: "/marketing/v3/forms", query: query}, &out); err != nil {
		return nil, "", err
	}
	for _, one := range out.Results {
		if id, ok := one.ID.ID(); ok && id != "" {
			forms = append(forms, Form{ID: id, Name: one.Name.String()})
		}
	}
	next, err = out.Paging.next(op, out.Results != nil)
	return forms, next, err
}

// maxSubmissions is the most submissions a page can have (HubSpot docs: forms).
const maxSubmissions = 50

// Submission is one filled-in form.
type Submission struct {
	ConversionID string // empty for some
	SubmittedAt  time.Time

	// Email is the contact's, as it was entered. It is empty where none was, or
	// where there are several, of which none may be picked.
	Email string

	// Values holds what was entered, by field; fields that were left empty may be
	// absent. Several values of one field are joined as HubSpot joins them, a;b;c.
	// Fields of other objects than the contact stand under the object's type,
	// "0-2/domain", and under their mere name where nothing else has that name.
	Values map[string]string

	// Fault says why nothing may be concluded from this submission: it has no time,
	// or what was entered cannot be read. It quotes nothing. It is empty as a rule.
	Fault string
	// Raw is a submission with a Fault as it came, by which it is known again. It
	// holds personal data: keep a keyed hash of it, and nothing else.
	Raw string
}

type submissionJSON struct {
	ConversionID lenient.Text                  `json:"conversionId"`
	SubmittedAt  lenient.Moment                `json:"submittedAt"`
	Values       lenient.List[json.RawMessage] `json:"values"`
}

type submittedValue struct {
	Name         lenient.Text `json:"name"`
	ObjectTypeID lenient.Text `json:"objectTypeId"`
	Value        lenient.Text `json:"value"`
}

const contactType = "0-1"

// submission reads one submission, as much of it as can be read.
func submission(raw json.RawMessage) Submission {
	var in submissionJSON
	undecoded := json.Unmarshal(raw, &in) != nil
	out := Submission{ConversionID: in.ConversionID.String(), SubmittedAt: in.SubmittedAt.Time, Values: map[string]string{}}
	values, oddEmail := submittedValues(in.Values)
	switch {
	case undecoded:
		out.Fault = "it is no submission"
	case in.Values == nil:
		out.Fault = "its values cannot be read"
	case oddEmail:
		out.Fault = "its email cannot be read"
	case out.SubmittedAt.IsZero():
		out.Fault = "its time cannot be read"
	}
	if out.Fault != "" {
		out.Raw = string(raw)
	}
	emails := slices.CompactFunc(slices.Clone(values[contactType]["email"]), func(a, b string) bool {
		return bridge.NormalEmail(a) == bridge.NormalEmail(b)
	})
	if len(emails) == 1 {
		out.Email = emails[0]
	}
	for _, object := range slices.Sorted(maps.Keys(values)) {
		for name, entered := range values[object] {
			joined := strings.Join(entered, ";")
			if object == contactType {
				out.Values[name] = joined
				continue
			}
			out.Values[object+"/"+name] = joined
			if holders(values, name) == 1 {
				out.Values[name] = joined
			}
		}
	}
	return out
}

// submittedValues sorts values by object type and field, in their order. Odd values
// are left out; where the contact's email is one, nobody knows who submitted.
func submittedValues(raw []json.RawMessage) (out map[string]map[string][]string, oddEmail bool) {
	out = map[string]map[string][]string{}
	for _, one := range raw {
		var v submittedValue
		if json.Unmarshal(one, &v) != nil {
			continue
		}
		name, value, object := v.Name.String(), v.Value.String(), cmp.Or(v.ObjectTypeID.String(), contactType)
		if name == "email" && object == contactType && v.Value.Odd() {
			oddEmail = true
		}
		if name == "" || value == "" {
			continue
		}
		if out[object] == nil {
			out[object] = map[string][]string{}
		}
		out[object][name] = append(out[object][name], value)
	}
	return out, oddEmail
}

// holders counts the object types that have a field of a name.
func holders(values map[string]map[string][]string, name string) int {
	n := 0
	for _, fields := range values {
		if _, has := fields[name]; has {
			n++
		}
	}
	return n
}

// Submissions lists a page of a form's submissions, the newest first, those with a
// Fault where they stand. after is
// empty for the first page, next is empty on the last one. A form that does not
// exist is NotFound. It needs the scope "forms".
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v1/get-submissions
func (c *Client) Submissions(ctx context.Context, formID, after string) (submissions []Submission, next string, err error) {
	const op = "hubspot.submissions"
	var out struct {
		Results lenient.List[json.RawMessage] `json:"results"`
		Paging  paging                        `json:"paging"`
	}
	// The call has had no dated successor so far.
	if err := c.do(ctx, request{op: op, method: http.MethodGet,
		path: "/form-integrations/v1/submissions/forms/" + url.PathEscape(formID), query: page(maxSubmissions, after), about: aboutRecord}, &out); err != nil {
		return nil, "", err
	}
	readable := false
	for _, raw := range out.Results {
		one := submission(raw)
		submissions, readable = append(submissions, one), readable || !one.SubmittedAt.IsZero()
	}
	next, err = out.Paging.next(op, out.Results != nil)
	if err == nil && next != "" && !readable {
		// Without times nobody knows how far back the form has been read.
		err = outbound.Unreadable(op, http.StatusOK)
	}
	return submissions, next, err
}

func page(limit int, after string) url.Values {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	return query
}
