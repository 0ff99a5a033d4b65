package advocate_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/standin/fault"
)

func TestErrors_areClassifiedByCodeBeforeStatus(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault advocatetest.Fault
		want  bridge.Kind
	}{
		"do not track, whatever the status": {advocatetest.Fault{Status: 500, RSCode: "RS050"}, bridge.DoNotTrack},
		"a bad cookie":                      {advocatetest.Fault{Status: 400, RSCode: "RS052"}, bridge.BadCookie},
		"a bad code":                        {advocatetest.Fault{Status: 404, RSCode: "RS034"}, bridge.BadCode},
		"no such user":                      {advocatetest.Fault{Status: 400, RSCode: "RS042"}, bridge.NotFound},
		"no such account":                   {advocatetest.Fault{Status: 400, RSCode: "RS041"}, bridge.NotFound},
		"a rejected email":                  {advocatetest.Fault{Status: 500, RSCode: "RS023"}, bridge.Invalid},
		"a full account":                    {advocatetest.Fault{Status: 403, RSCode: "RS013"}, bridge.Invalid},
		"an internal fault with 400":        {advocatetest.Fault{Status: 400, RSCode: "RS016"}, bridge.Unavailable},
		"a failing program rule":            {advocatetest.Fault{Status: 400, RSCode: "RS049"}, bridge.Unavailable},
		"a rate limit with 400":             {advocatetest.Fault{Status: 400, RSCode: "RS033"}, bridge.Throttled},
		"missing credentials with 404":      {advocatetest.Fault{Status: 404, RSCode: "RS045"}, bridge.Unauthorized},
		"a deleted tenant":                  {advocatetest.Fault{Status: 404, RSCode: "RS031"}, bridge.Unauthorized},
		"an existing user":                  {advocatetest.Fault{Status: 400, RSCode: "RS048"}, bridge.Conflict},
		"an unknown code":                   {advocatetest.Fault{Status: 400, RSCode: "RS999"}, bridge.Invalid},
		"not found":                         {advocatetest.Fault{Status: 404}, bridge.NotFound},
		"conflict":                          {advocatetest.Fault{Status: 409}, bridge.Conflict},
		"too many requests":                 {advocatetest.Fault{Status: 429}, bridge.Throttled},
		"request timeout":                   {advocatetest.Fault{Status: 408}, bridge.Unavailable},
		"internal server error":             {advocatetest.Fault{Status: 500}, bridge.Unavailable},
		"bad gateway":                       {advocatetest.Fault{Status: 502}, bridge.Unavailable},
		"unauthorized":                      {advocatetest.Fault{Status: 401}, bridge.Unauthorized},
		"forbidden":                         {advocatetest.Fault{Status: 403}, bridge.Unauthorized},
		"payment required":                  {advocatetest.Fault{Status: 402, Times: -1}, bridge.Misdirected},
		"a redirect out of nowhere":         {advocatetest.Fault{Status: 302}, bridge.Misdirected},
		"a connection closed before":        {advocatetest.Fault{DropBefore: true}, bridge.Unavailable},
		"a connection closed after":         {advocatetest.Fault{DropAfter: true}, bridge.Unavailable},
		"an answer that breaks off":         {advocatetest.Fault{Answer: fault.Answer{CutAfter: 20}}, bridge.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			s.Order(tt.fault)
			_, err := client(t, s).Upsert(t.Context(), change(ada), program)
			var e *bridge.Error
			if !errors.As(err, &e) || e.Kind != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if e.Op != "advocate.upsert_participant" || e.Status != tt.fault.Status && tt.fault.Status != 0 || e.Code != tt.fault.RSCode {
				t.Errorf("got %+v", e)
			}
			if n := s.Calls(advocatetest.RouteUpsert); n != 1 {
				t.Errorf("%d attempts for one call", n)
			}
		})
	}
}

// canned answers every call alike.
func canned(t *testing.T, status int, body string) *advocate.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return advocate.New(advocate.Config{BaseURL: base, Tenant: "t"}, srv.Client())
}

// What something in between says of a participant is not believed: not_found would
// count as deleted.
func TestDelete_believesAdvocateAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   bridge.Kind
	}{
		"Advocate's own 404":       {404, `{"message":"User not found","statusCode":404,"apiErrorCode":"NOT_FOUND","rsCode":null}`, bridge.NotFound},
		"a page with 404":          {404, "<html>nginx</html>", bridge.Unavailable},
		"404 without a word":       {404, "", bridge.Unavailable},
		"404 in somebody's JSON":   {404, `{"error":"Not Found","path":"/api"}`, bridge.Misdirected},
		"a firewall's page":        {403, "<html>blocked</html>", bridge.Unavailable},
		"a proxy's login":          {401, "<html>login</html>", bridge.Unavailable},
		"gone, in words":           {410, "gone", bridge.Misdirected},
		"a redirect":               {301, "", bridge.Misdirected},
		"Advocate's own 403":       {403, `{"message":"no","statusCode":403}`, bridge.Unauthorized},
		"Advocate's own 402":       {402, `{"message":"no","statusCode":402}`, bridge.Misdirected},
		"a server error of nobody": {500, "", bridge.Unavailable},
		"done":                     {204, "", ""},
		"done, in its own words":   {200, `{"id":"u"}`, ""},
		"a page with 200":          {200, "<html>login</html>", bridge.Unavailable},
		"a line with 200":          {200, "maintenance", bridge.Unavailable},
		"an error with 200":        {200, `{"message":"internal","statusCode":500,"rsCode":"RS016"}`, bridge.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := canned(t, tt.status, tt.body).Delete(t.Context(), "a", "u", true); bridge.KindOf(err) != tt.want || err != nil && tt.want == "" {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestDelete_refusesIDsThatLeadToSomebodyElse(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	for _, id := range []string{"", ".", "..", "a/..", "a/../b", "./a", "a/", "/a", "%2e%2e", "..%2f", "a\x00", "a\xff"} {
		for what, remove := range map[string]func() error{
			"account": func() error { return c.Delete(t.Context(), id, "u", true) },
			"user":    func() error { return c.Delete(t.Context(), "a", id, true) },
		} {
			if err := remove(); bridge.KindOf(err) != bridge.Invalid {
				t.Errorf("%s id %q: %v, want invalid", what, id, err)
			}
		}
	}
	if n := s.Calls(advocatetest.RouteDelete); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestErrors_ofTheTenantMeanCredentials(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	for name, change := range map[string]func(*advocate.Config){
		"a wrong key":       func(c *advocate.Config) { c.Key = "LIVE_other" },
		"an unknown tenant": func(c *advocate.Config) { c.Tenant = "nobody" },
	} {
		if _, err := client(t, s, change).Programs(t.Context()); bridge.KindOf(err) != bridge.Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrors_sayHowLongToStayAway(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"seconds":                    {map[string]string{"Retry-After": "7"}, 7 * time.Second},
		"parts of seconds":           {map[string]string{"Retry-After": "0.5"}, 500 * time.Millisecond},
		"a date":                     {map[string]string{"Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat)}, 90 * time.Second},
		"a date that has passed":     {map[string]string{"Retry-After": now.Add(-time.Hour).Format(http.TimeFormat)}, 0},
		"a reset in seconds":         {map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, 30 * time.Second},
		"a reset as an epoch":        {map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1772366460"}, time.Minute},
		"a reset while some remain":  {map[string]string{"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "30"}, 0},
		"retry-after before a reset": {map[string]string{"Retry-After": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, time.Second},
		"nothing":                    {nil, 0},
		"nonsense":                   {map[string]string{"Retry-After": "soon", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "later"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range tt.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			t.Cleanup(srv.Close)
			base, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := advocate.New(advocate.Config{BaseURL: base, Tenant: "t", Now: func() time.Time { return now }}, srv.Client())
			_, err = c.Export(t.Context(), "x")
			var e *bridge.Error
			if !errors.As(err, &e) || e.Kind != bridge.Throttled || e.RetryAfter != tt.want {
				t.Errorf("got %+v, want %s", e, tt.want)
			}
		})
	}
}

func TestErrors_ofGraphQLComeWithStatus200(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want bridge.Kind
		code string
	}{
		"an error of the API":            {`{"data":null,"errors":[{"message":"m"}],"extensions":{"apiError":{"message":"m","statusCode":403,"rsCode":"RS050"}}}`, bridge.DoNotTrack, "RS050"},
		"an error of the API, by field":  {`{"data":null,"errors":[{"message":"m","extensions":{"apiError":{"message":"m","statusCode":500,"rsCode":null}}}]}`, bridge.Unavailable, ""},
		"a request that was refused":     {`{"errors":[{"message":"Unknown field"}]}`, bridge.Invalid, "GRAPHQL"},
		"a failure half-way":             {`{"data":{"programs":null},"errors":[{"message":"boom"}]}`, bridge.Unavailable, "GRAPHQL"},
		"an answer that is no JSON":      {`<html>`, bridge.Unavailable, ""},
		"an answer of another structure": {`{"data":{"programs":[]}}`, bridge.Unavailable, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(tt.body))
			}))
			t.Cleanup(srv.Close)
			base, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			_, err = advocate.New(advocate.Config{BaseURL: base, Tenant: "t"}, srv.Client()).Programs(t.Context())
			var e *bridge.Error
			if !errors.As(err, &e) || e.Kind != tt.want || e.Code != tt.code {
				t.Errorf("got %+v, want %s %s", e, tt.want, tt.code)
			}
		})
	}
}

func TestErrors_letACancelledContextShow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, advocatetest.New(t)).Programs(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// One field of another type than documented is no reason to ask for a day.
func TestParticipant_ofOddTypesIsReadOrRefusedAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		odd  string // put over a participant that is as documented
		kind bridge.Kind
	}{
		"as documented":             {``, ""},
		"an id that is a number":    {`"id":42`, ""},
		"a date in words":           {`"dateCreated":"soon"`, ""},
		"a date in RFC 3339":        {`"dateCreated":"2026-11-28T12:00:00Z"`, ""},
		"null for a name":           {`"firstName":null`, ""},
		"an object for a name":      {`"firstName":{"a":1}`, ""},
		"a list of custom fields":   {`"customFields":[1]`, ""},
		"a code that is a number":   {`"referralCodes":{"7":42}`, ""},
		"a NUL in a name":           {`"lastName":"a\u0000b"`, ""},
		"an object for an id":       {`"id":{"a":1}`, bridge.Invalid},
		"a NUL in an id":            {`"accountId":"a\u0000b"`, bridge.Invalid},
		"no id":                     {`"id":null`, bridge.Invalid},
		"a list for an email":       {`"email":["a@b.example"]`, bridge.Invalid},
		"an object for a code":      {`"referralCodes":{"7":{}}`, bridge.Invalid},
		"a list of codes":           {`"referralCodes":[]`, bridge.Invalid},
		"text for all codes":        {`"referralCodes":"A"`, bridge.Invalid},
		"a list of all links":       {`"programShareLinks":[]`, bridge.Invalid},
		"a list for the share link": {`"programShareLinks":{"7":{"cleanShareLink":[]}}`, bridge.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"id":"u","accountId":"a","email":"a@b.example","referralCodes":{"7":"A"},"programShareLinks":{"7":{"cleanShareLink":"https://s.example"}}`
			if tt.odd != "" {
				body += "," + tt.odd // of a name that comes twice, the last one counts
			}
			p, err := canned(t, http.StatusOK, body+"}").Participant(t.Context(), "a", "u", "7")
			if bridge.KindOf(err) != tt.kind || err != nil && tt.kind == "" {
				t.Fatalf("error %v, want %q", err, tt.kind)
			}
			if err == nil && (!p.Identity().Complete() || p.ReferralCode == "" || p.ShareLink == "") {
				t.Errorf("read %+v", p)
			}
		})
	}
}

// FuzzAnswers has Advocate say anything: the client fails with a kind, or returns
// participants that have ids.
func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"id":"u","accountId":"a"}`)
	f.Add(200, `{"data":{"byID":{"id":1,"accountId":[]},"byEmail":{"data":[null,{}]}}}`)
	f.Add(404, `{"message":"m","statusCode":404,"rsCode":"RS042"}`)
	f.Add(403, `<html>`)
	f.Add(307, ``)
	f.Add(200, `{"data":{"programs":{"totalCount":"2","data":[{"id":1},null]}}}`)
	f.Add(200, `{"id":7,"dateCreated":"1794729600000","status":"PENDING","data":[{"id":"e","name":"n","requester":"advocatesync","dateCreated":1,"status":"x"}]}`)
	f.Add(200, `{"shareLinks":{"UNKNOWN":{"DIRECT":7}},"referralCodes":{"7":"A"}}`)
	f.Add(200, `{"errors":[null],"extensions":{"apiError":[]}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("net/http sends no such status")
		}
		base := &url.URL{Scheme: "http", Host: "advocate.invalid"}
		c, ctx := advocate.New(advocate.Config{BaseURL: base, Tenant: "t", Files: says{status, body}}, &http.Client{Transport: says{status, body}}), t.Context()
		p, errGet := c.Participant(ctx, "a", "u", "7")
		byID, byEmail, errFind := c.Find(ctx, "a@b.example", "7")
		if byID != nil {
			byEmail = append(byEmail, *byID)
		}
		if errGet == nil {
			byEmail = append(byEmail, p)
		}
		for _, p := range byEmail {
			if !p.Identity().Complete() {
				t.Errorf("a participant without ids: %+v", p)
			}
		}
		programs, errPrograms := c.Programs(ctx)
		for _, one := range programs {
			if one.ID == "" {
				t.Errorf("a program without an id: %+v", one)
			}
		}
		job, errJob := c.Export(ctx, "e")
		if errJob == nil && (job.ID == "" || job.DateCreated.IsZero() || job.Status == "") {
			t.Errorf("a job without an id, a time or a status: %+v", job)
		}
		_, errJobs := c.FindExport(ctx, "n")
		rows := 0
		for p, err := range c.DownloadExport(ctx, "e") {
			if rows++; err == nil && !p.Identity().Complete() {
				t.Errorf("a row without ids: %+v", p)
			}
		}
		for _, err := range []error{errGet, errFind, errPrograms, errJob, errJobs, c.Delete(ctx, "a", "u", true)} {
			if failure, own := errors.AsType[*bridge.Error](err); err != nil && (!own || failure.Kind == bridge.Unknown) {
				t.Errorf("an error without a kind: %v", err)
			}
		}
	})
}

// says answers every call alike, without a network.
type says struct {
	status int
	body   string
}

func (s says) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body)), Request: req}, nil
}
