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

	"advocatesync/internal/lenient"
)

// Form is a form of the portal.
type Form struct {
	ID   string `json:"id"` // a GUID
	Name string `json:"name"`
}

// Forms lists a page of the portal's forms of all types: made in HubSpot,
// captured from another site, flows, comments. after is empty for the first page,
// next is empty on the last one. It needs the scope "forms".
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/marketing-forms-v3/guide
func (c *Client) Forms(ctx context.Context, after string) (forms []Form, next string, err error) {
	var out struct {
		Results []Form `json:"results"`
		Paging  paging `json:"paging"`
	}
	query := page(MaxBatch, after)
	query.Set("formTypes", "all")
	err = c.do(ctx, request{op: "hubspot.forms", method: http.MethodGet, path: "/marketing/v3/forms", query: query}, &out)
	return out.Results, out.Paging.after(), err
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

	Unreadable bool // it has no time, by which it could be told from others
}

type submissionJSON struct {
	ConversionID lenient.Text      `json:"conversionId"`
	SubmittedAt  lenient.Text      `json:"submittedAt"` // milliseconds since 1970
	Values       []json.RawMessage `json:"values"`
}

type submittedValue struct {
	Name         lenient.Text `json:"name"`
	ObjectTypeID lenient.Text `json:"objectTypeId"`
	Value        lenient.Text `json:"value"`
}

const contactType = "0-1"

// Outside these milliseconds a time is none: HubSpot is younger, and seconds or
// microseconds in their place would end the reading of a form, or skip years.
var (
	earliestSubmission = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latestSubmission   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// submission reads one submission, as much of it as can be read.
func submission(raw json.RawMessage) Submission {
	var in submissionJSON
	if json.Unmarshal(raw, &in) != nil {
		return Submission{Unreadable: true}
	}
	out := Submission{ConversionID: in.ConversionID.String(), Values: map[string]string{}}
	at, err := strconv.ParseInt(in.SubmittedAt.String(), 10, 64)
	if out.SubmittedAt = time.UnixMilli(at).UTC(); err != nil || at < earliestSubmission || at > latestSubmission {
		out.Unreadable = true
	}
	values := submittedValues(in.Values)
	if emails := slices.Compact(slices.Sorted(slices.Values(values[contactType]["email"]))); len(emails) == 1 {
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

// submittedValues sorts values by object type and field, in their order.
func submittedValues(raw []json.RawMessage) map[string]map[string][]string {
	out := map[string]map[string][]string{}
	for _, one := range raw {
		var v submittedValue
		if json.Unmarshal(one, &v) != nil {
			continue
		}
		name, value, object := v.Name.String(), v.Value.String(), cmp.Or(v.ObjectTypeID.String(), contactType)
		if name == "" || value == "" {
			continue
		}
		if out[object] == nil {
			out[object] = map[string][]string{}
		}
		out[object][name] = append(out[object][name], value)
	}
	return out
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

// Submissions lists a page of a form's submissions, the newest first. after is
// empty for the first page, next is empty on the last one. A form that does not
// exist is NotFound. It needs the scope "forms".
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v1/get-submissions
func (c *Client) Submissions(ctx context.Context, formID, after string) (submissions []Submission, next string, err error) {
	var out struct {
		Results []json.RawMessage `json:"results"`
		Paging  paging            `json:"paging"`
	}
	// The call has had no dated successor so far.
	err = c.do(ctx, request{op: "hubspot.submissions", method: http.MethodGet,
		path: "/form-integrations/v1/submissions/forms/" + url.PathEscape(formID), query: page(maxSubmissions, after)}, &out)
	for _, one := range out.Results {
		submissions = append(submissions, submission(one))
	}
	return submissions, out.Paging.after(), err
}

func page(limit int, after string) url.Values {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	return query
}
