package impact_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/impact"
	"advocatesync/internal/standin/fault"
)

// A verdict that cannot be read is none: taken for a good one, a conversion would
// count that does not.
func TestSubmission_ofOddTypesIsReadOrIsNoVerdict(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		want bridge.Kind
	}{
		"a number for the order id":  {fault.Set("OrderId", 7), ""},
		"null for the order id":      {fault.Set("OrderId", nil), ""},
		"null for the error":         {fault.Set("ErrorType", nil), ""},
		"a number for the error":     {fault.Set("ErrorType", 7), ""},
		"an object for the error":    {fault.Set("ErrorType", map[string]any{"code": "X"}), bridge.Unavailable},
		"a list for the reason":      {fault.Set("ErrorReason", []string{"X"}), bridge.Unavailable},
		"an object for the order id": {fault.Set("OrderId", map[string]any{}), bridge.Unavailable},
		"null for the status":        {fault.Set("Status", nil), bridge.Unavailable},
		"an object for the status":   {fault.Set("Status", map[string]any{}), bridge.Unavailable},
		"no status":                  {fault.Remove("Status"), bridge.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			c := client(t, s)
			id, err := c.Submit(t.Context(), conversion(nil))
			if err != nil {
				t.Fatal(err)
			}
			s.Order(advocatetest.Fault{Route: advocatetest.RouteSubmission, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			got, err := c.Submission(t.Context(), id)
			if bridge.KindOf(err) != tt.want || err != nil && tt.want == "" {
				t.Errorf("got %+v, %v, want %q", got, err, tt.want)
			}
			if name == "a number for the error" && !got.Failed() {
				t.Errorf("an error is none: %+v", got)
			}
		})
	}
}

// Without the submission's id nobody can ask for the verdict.
func TestSubmit_anAnswerWithoutASubmissionIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]fault.Edit{
		"an object for the address":             fault.Set("QueuedUri", map[string]any{}),
		"null for the address":                  fault.Set("QueuedUri", nil),
		"an address of something else":          fault.Set("QueuedUri", "/Advertisers/x/Actions/9"),
		"an address that leads elsewhere":       fault.Set("QueuedUri", "/Advertisers/x/APISubmissions/.."),
		"a list for the status":                 fault.Set("Status", []string{"QUEUED"}),
		"a status that says that it is refused": fault.Set("Status", "ERROR"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			s.Order(advocatetest.Fault{Route: advocatetest.RouteConversion, Answer: fault.Answer{Alter: []fault.Edit{edit}}})
			if id, err := client(t, s).Submit(t.Context(), conversion(nil)); bridge.KindOf(err) != bridge.Unavailable {
				t.Errorf("got %q, %v", id, err)
			}
		})
	}
}

// A refusal in an odd form accuses the conversion only where impact.com says so.
func TestErrors_ofOddForms(t *testing.T) {
	t.Parallel()
	for body, tt := range map[string]struct {
		kind bridge.Kind
		code string
	}{
		`{"Status":"ERROR","Message":7}`:                                        {bridge.Invalid, ""},
		`{"Status":"ERROR","Errors":{"Field":"Amount"}}`:                        {bridge.Invalid, ""},
		`{"Status":"ERROR","Errors":[null,7,{"Field":"Amount"}]}`:               {bridge.Invalid, "Amount"},
		`{"errors":[{"field":"Amount","message":null}]}`:                        {bridge.Invalid, "Amount"},
		`{"errors":[{"field":["Amount"],"message":"is odd"}]}`:                  {bridge.Invalid, ""},
		`{"errors":[{"field":"ada@example.org","message":"is no such field"}]}`: {bridge.Invalid, ""},
		`{"message":"Forbidden"}`:                                               {bridge.Unavailable, "GATEWAY"},
		`{"errors":[null]}`:                                                     {bridge.Unavailable, "GATEWAY"},
		`{"errors":[]}`:                                                         {bridge.Unavailable, "GATEWAY"},
		`<html>`:                                                                {bridge.Unavailable, "GATEWAY"},
	} {
		s := server(t)
		s.Order(advocatetest.Fault{Route: advocatetest.RouteConversion, Status: 400, Answer: fault.Answer{Body: body, ContentType: "application/json"}})
		_, err := client(t, s).Submit(t.Context(), conversion(nil))
		if failure, ok := errors.AsType[*bridge.Error](err); !ok || failure.Kind != tt.kind || failure.Code != tt.code {
			t.Errorf("%s: got %+v, want %s", body, err, tt.kind)
		}
	}
}

type says struct {
	status int
	body   string
}

func (s says) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body)), Request: req}, nil
}

// FuzzAnswers has impact.com say anything: a conversion is handed in, judged, or
// fails with a kind.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"Status":"QUEUED","QueuedUri":"/Advertisers/IR/APISubmissions/A-7"}`, `{"OrderId":"o","Status":"Complete","ErrorType":null}`,
		`{"Status":"ERROR","Message":"m","Errors":[{"Field":"Amount","Message":"m"}]}`, `{"errors":[null]}`, `{"message":"Forbidden"}`, `<html>`, `{}`, `null`, ``,
	} {
		f.Add(200, body)
		f.Add(400, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("net/http sends no such status")
		}
		c := impact.New(impact.Config{BaseURL: &url.URL{Scheme: "http", Host: "impact.invalid"}, AccountSID: "IR", AuthToken: "t"},
			&http.Client{Transport: says{status, body}})
		id, errSubmit := c.Submit(t.Context(), map[string]string{"OrderId": "o"})
		if errSubmit == nil && (id == "" || strings.ContainsAny(id, "/?#%")) {
			t.Errorf("handed in under %q", id)
		}
		verdict, errVerdict := c.Submission(t.Context(), "A-7")
		if errVerdict == nil && verdict.Stage == "" {
			t.Errorf("judged as %+v", verdict)
		}
		_, errReverse := c.Reverse(t.Context(), map[string]string{"OrderId": "o"})
		for _, err := range []error{errSubmit, errVerdict, errReverse} {
			if failure, own := errors.AsType[*bridge.Error](err); err != nil && (!own || failure.Kind == bridge.Unknown) {
				t.Errorf("an error without a kind: %v", err)
			}
		}
	})
}
