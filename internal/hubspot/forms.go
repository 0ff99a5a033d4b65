package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Form is a form of the portal.
type Form struct {
	ID   string `json:"id"` // a GUID
	Name string `json:"name"`
}

// Forms lists a page of the portal's forms. after is empty for the first page,
// next is empty on the last one. It needs the scope "forms".
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/marketing-forms-v3/guide
func (c *Client) Forms(ctx context.Context, after string) (forms []Form, next string, err error) {
	var out struct {
		Results []Form `json:"results"`
		Paging  paging `json:"paging"`
	}
	err = c.do(ctx, request{op: "hubspot.forms", method: http.MethodGet, path: "/marketing/v3/forms",
		query: page(MaxBatch, after)}, &out)
	return out.Results, out.Paging.after(), err
}

// maxSubmissions is the most submissions a page can have (HubSpot docs: forms).
const maxSubmissions = 50

// Submission is one filled-in form.
type Submission struct {
	ConversionID string // empty for some
	SubmittedAt  time.Time
	Values       map[string]string // by field; fields that were left empty may be absent
}

type submissionJSON struct {
	ConversionID string `json:"conversionId"`
	SubmittedAt  int64  `json:"submittedAt"` // milliseconds since 1970
	Values       []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"values"`
}

// Submissions lists a page of a form's submissions, the newest first. after is
// empty for the first page, next is empty on the last one. A form that does not
// exist is NotFound. It needs the scope "forms".
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v1/get-submissions
func (c *Client) Submissions(ctx context.Context, formID, after string) (submissions []Submission, next string, err error) {
	var out struct {
		Results []submissionJSON `json:"results"`
		Paging  paging           `json:"paging"`
	}
	// The call has had no dated successor so far.
	err = c.do(ctx, request{op: "hubspot.submissions", method: http.MethodGet,
		path: "/form-integrations/v1/submissions/forms/" + url.PathEscape(formID), query: page(maxSubmissions, after)}, &out)
	for _, one := range out.Results {
		submission := Submission{ConversionID: one.ConversionID, SubmittedAt: time.UnixMilli(one.SubmittedAt).UTC(), Values: map[string]string{}}
		for _, v := range one.Values {
			submission.Values[v.Name] = v.Value
		}
		submissions = append(submissions, submission)
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
