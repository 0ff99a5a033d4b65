package hubspot

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSubmission_isReadAsFarAsItCanBe(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1794729600000).UTC()
	tests := map[string]struct {
		raw  string
		want Submission
	}{
		"several values of one field": {
			`{"conversionId":"c","submittedAt":1794729600000,"values":[{"name":"topic","value":"a","objectTypeId":"0-1"},{"name":"topic","value":"b","objectTypeId":"0-1"},{"name":"topic","value":"c"}]}`,
			Submission{ConversionID: "c", SubmittedAt: at, Values: map[string]string{"topic": "a;b;c"}},
		},
		"the contact's field wins, whichever comes first": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":"office@x.example","objectTypeId":"0-2"},{"name":"email","value":"ada@x.example","objectTypeId":"0-1"},{"name":"email","value":"deal@x.example","objectTypeId":"0-3"}]}`,
			Submission{SubmittedAt: at, Email: "ada@x.example", Values: map[string]string{"email": "ada@x.example", "0-2/email": "office@x.example", "0-3/email": "deal@x.example"}},
		},
		"another object's email is nobody's": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":"office@x.example","objectTypeId":"0-2"}]}`,
			Submission{SubmittedAt: at, Values: map[string]string{"email": "office@x.example", "0-2/email": "office@x.example"}},
		},
		"a name that two other objects have is neither's": {
			`{"submittedAt":1794729600000,"values":[{"name":"name","value":"A","objectTypeId":"0-2"},{"name":"name","value":"B","objectTypeId":"0-3"}]}`,
			Submission{SubmittedAt: at, Values: map[string]string{"0-2/name": "A", "0-3/name": "B"}},
		},
		"of several emails none is picked": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":"a@x.example"},{"name":"email","value":"b@x.example"}]}`,
			Submission{SubmittedAt: at, Values: map[string]string{"email": "a@x.example;b@x.example"}},
		},
		"the same email twice is one": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":"a@x.example"},{"name":"email","value":"a@x.example"}]}`,
			Submission{SubmittedAt: at, Email: "a@x.example", Values: map[string]string{"email": "a@x.example;a@x.example"}},
		},
		"the same email in two spellings is one": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":"Ann@x.example"},{"name":"email","value":"ann\u200b@X.example"}]}`,
			Submission{SubmittedAt: at, Email: "Ann@x.example", Values: map[string]string{"email": "Ann@x.example;ann\u200b@X.example"}},
		},
		"two emails, one of them twice": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":"a@x.example"},{"name":"email","value":"b@x.example"},{"name":"email","value":"a@x.example"}]}`,
			Submission{SubmittedAt: at, Values: map[string]string{"email": "a@x.example;b@x.example;a@x.example"}},
		},
		"odd types": {
			`{"conversionId":7,"submittedAt":"1794729600000","values":[{"name":"age","value":42.50},{"name":"ok","value":true},{"name":"none","value":null},{"name":["x"],"value":"y"},{"name":"list","value":["a"]},7,null,{"name":"topic","value":"a","objectTypeId":null}]}`,
			Submission{ConversionID: "7", SubmittedAt: at, Values: map[string]string{"age": "42.50", "ok": "true", "topic": "a"}},
		},
		"an odd value of another object's email": {
			`{"submittedAt":1794729600000,"values":[{"name":"email","value":{},"objectTypeId":"0-2"},{"name":"email","value":"a@x.example"}]}`,
			Submission{SubmittedAt: at, Email: "a@x.example", Values: map[string]string{"email": "a@x.example"}},
		},
		"an odd email":     {`{"submittedAt":1794729600000,"values":[{"name":"email","value":["a@x.example"]}]}`, Submission{SubmittedAt: at, Fault: "its email cannot be read"}},
		"no time":          {`{"conversionId":"c","values":[]}`, Submission{ConversionID: "c", Fault: "its time cannot be read"}},
		"seconds":          {`{"submittedAt":1794729600,"values":[]}`, Submission{Fault: "its time cannot be read"}},
		"microseconds":     {`{"submittedAt":1794729600000000,"values":[]}`, Submission{Fault: "its time cannot be read"}},
		"the year 0":       {`{"submittedAt":"0000-01-01T00:00:00Z","values":[]}`, Submission{Fault: "its time cannot be read"}},
		"a negative time":  {`{"submittedAt":-1794729600000,"values":[]}`, Submission{Fault: "its time cannot be read"}},
		"values of a kind": {`{"submittedAt":1794729600000,"values":"none"}`, Submission{SubmittedAt: at, Fault: "its values cannot be read"}},
		"no values":        {`{"submittedAt":1794729600000}`, Submission{SubmittedAt: at, Fault: "its values cannot be read"}},
		"nothing":          {`null`, Submission{Fault: "its values cannot be read"}},
		"no submission":    {`[]`, Submission{Fault: "it is no submission"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.want.Fault != "" {
				tt.want.Raw = tt.raw
			}
			if diff := cmp.Diff(tt.want, submission(json.RawMessage(tt.raw)), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzSubmission: whatever stands in an answer, the contact's email is one that
// was entered as such, and a time that is none is said to be.
func FuzzSubmission(f *testing.F) {
	for _, seed := range []string{
		`{"conversionId":"c","submittedAt":1794729600000,"values":[{"name":"email","value":"a@x.example","objectTypeId":"0-1"}]}`,
		`{"submittedAt":1.5,"values":[{"name":"email","value":"a@x.example","objectTypeId":"0-2"}]}`,
		`{"submittedAt":99999999999999999999,"values":[[{}]]}`, `{"values":{"name":1}}`, `null`, `7`, `"x"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !json.Valid([]byte(raw)) {
			return // the page's decoder refuses it
		}
		s := submission(json.RawMessage(raw))
		if s.Fault == "" && s.SubmittedAt.Year() < 2000 {
			t.Errorf("submitted at %s", s.SubmittedAt)
		}
		if (s.Fault == "") != (s.Raw == "") {
			t.Errorf("a fault %q, and the submission %q", s.Fault, s.Raw)
		}
		if s.Email != "" && !strings.Contains(s.Values["email"], s.Email) {
			t.Errorf("the email is %q, the field holds %q", s.Email, s.Values["email"])
		}
	})
}
