package hubspot_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestErrors_haveAKind(t *testing.T) {
	t.Parallel()
	type want struct {
		Kind  bridge.Kind
		After time.Duration
	}
	tests := map[string]struct {
		fault hubspottest.Fault
		want  want
	}{
		"burst limit waits ten seconds":          {hubspottest.Fault{Status: 429}, want{bridge.Throttled, 10 * time.Second}},
		"per-second limit waits a second":        {hubspottest.Fault{Status: 429, Policy: "SECONDLY"}, want{bridge.Throttled, time.Second}},
		"daily limit waits long":                 {hubspottest.Fault{Status: 429, Policy: "DAILY"}, want{bridge.Throttled, time.Hour}},
		"the vendor's own delay wins":            {hubspottest.Fault{Status: 429, Policy: "DAILY", RetryAfter: 3}, want{bridge.Throttled, 3 * time.Second}},
		"a mad delay is capped":                  {hubspottest.Fault{Status: 429, RetryAfter: 1 << 40}, want{bridge.Throttled, 24 * time.Hour}},
		"a negative delay is ignored":            {hubspottest.Fault{Status: 429, RetryAfter: -5}, want{bridge.Throttled, 10 * time.Second}},
		"a locked record waits two seconds":      {hubspottest.Fault{Status: 423}, want{bridge.Throttled, 2 * time.Second}},
		"a moving account waits as long as told": {hubspottest.Fault{Status: 477, RetryAfter: 7200}, want{bridge.Throttled, 2 * time.Hour}},
		"a moving account that tells no time":    {hubspottest.Fault{Status: 477}, want{bridge.Throttled, time.Minute}},
		"server error":                           {hubspottest.Fault{Status: 500}, want{bridge.Unavailable, 0}},
		"gateway error in HTML":                  {hubspottest.Fault{Status: 502}, want{bridge.Unavailable, 0}},
		"gateway timeout":                        {hubspottest.Fault{Status: 504}, want{bridge.Unavailable, 0}},
		"over 100 seconds":                       {hubspottest.Fault{Status: 524}, want{bridge.Unavailable, 0}},
		"connection cut":                         {hubspottest.Fault{Drop: true}, want{bridge.Unavailable, 0}},
		"connection cut after the write":         {hubspottest.Fault{Drop: true, After: true}, want{bridge.Unavailable, 0}},
		"identities cap":                         {hubspottest.Fault{Status: 414}, want{bridge.Invalid, 0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Inject(tt.fault)
			_, err := crm.Client().AccountDetails(context.Background())
			var e *bridge.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, want{e.Kind, e.RetryAfter}); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if strings.Contains(err.Error(), "<html") || strings.Contains(e.VendorMessage, "<html") {
				t.Errorf("HTML in %v", err)
			}
			if _, err := crm.Client().AccountDetails(context.Background()); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func TestErrors_ofCredentials(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	_, err := crm.ClientFor("wrong").AccountDetails(ctx)
	var e *bridge.Error
	if !errors.As(err, &e) || e.Kind != bridge.Unauthorized || e.Code != "INVALID_AUTHENTICATION" {
		t.Errorf("wrong token: %v", err)
	}
	crm.Tune(func(k *hubspottest.Knobs) { k.MissingScopes = []string{"crm.objects.contacts.write"} })
	_, err = crm.Client().BatchCreateContacts(ctx, []hubspot.ContactInput{{Properties: map[string]string{"email": "a@example.test"}}})
	if !errors.As(err, &e) || e.Kind != bridge.Unauthorized || e.Code != "MISSING_SCOPES" {
		t.Errorf("missing scope: %v", err)
	}
}

func TestErrors_quoteNothingPersonal(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Put("101", map[string]string{"email": "ada@example.test"})
	got, err := crm.Client().BatchCreateContacts(ctx, []hubspot.ContactInput{
		{Properties: map[string]string{"email": "ada@example.test"}},
		{Properties: map[string]string{"email": "bad bob@example.test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, whole := crm.Client().BatchCreateContacts(ctx, []hubspot.ContactInput{
		{Properties: map[string]string{"email": "ada@example.test"}}, {Properties: map[string]string{"email": "ada@example.test"}},
	})
	for _, err := range []error{got[0].Err, got[1].Err, whole} {
		if err == nil || strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "example") {
			t.Errorf("got %v", err)
		}
	}
}

func TestErrors_withoutAnAnswerHideTheURL(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	base, err := url.Parse(gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	c := hubspot.New(base, func(context.Context) (string, error) { return "secret", nil }, http.DefaultClient)
	_, err = c.Contact(context.Background(), "ada@example.test", nil)
	if bridge.KindOf(err) != bridge.Unavailable || strings.Contains(err.Error(), "ada") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = c.Contact(ctx, "1", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestErrors_ofTheTokenSourceKeepTheirKind(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "http", Host: "unused.test"}
	c := hubspot.New(base, func(context.Context) (string, error) {
		return "", &bridge.Error{Kind: bridge.Unauthorized, Op: "oauth.refresh"}
	}, http.DefaultClient)
	if _, err := c.AccountDetails(context.Background()); bridge.KindOf(err) != bridge.Unauthorized {
		t.Errorf("got %v", err)
	}
}

// Answers that are not about a record. None of them blames one, and a page with 404
// makes no contact look deleted.
func TestErrors_ofTheWayToHubSpot(t *testing.T) {
	t.Parallel()
	const page, theirs = "<html>Access denied</html>", `{"status":"error","message":"no","correlationId":"1234abcd-1234"}`
	tests := map[string]struct {
		status int
		body   string
		want   bridge.Kind
	}{
		"another region, in HubSpot's words":    {488, theirs, bridge.Misdirected},
		"another region, without a word":        {488, "", bridge.Misdirected},
		"another region, as a page":             {488, page, bridge.Misdirected},
		"a version that is gone":                {410, theirs, bridge.Misdirected},
		"unavailable for legal reasons":         {451, theirs, bridge.Misdirected},
		"an unknown refusal":                    {470, theirs, bridge.Misdirected},
		"an unknown refusal of somebody else":   {418, "I'm a teapot", bridge.Misdirected},
		"a validation error of somebody else":   {400, `{"message":"bad"}`, bridge.Misdirected},
		"a conflict of somebody else":           {409, `{"message":"bad"}`, bridge.Misdirected},
		"a redirect":                            {302, "", bridge.Misdirected},
		"a firewall's page":                     {403, page, bridge.Unavailable},
		"a firewall's JSON":                     {403, `{"message":"Forbidden"}`, bridge.Unavailable},
		"a login page":                          {401, page, bridge.Unavailable},
		"a page instead of a contact":           {404, page, bridge.Unavailable},
		"nothing instead of a contact":          {404, "", bridge.Unavailable},
		"a missing scope":                       {403, `{"status":"error","category":"MISSING_SCOPES"}`, bridge.Unauthorized},
		"an account that moves, without a word": {477, "", bridge.Throttled},
		"a batch that the gateway takes not":    {413, page, bridge.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := canned(t, tt.status, tt.body).Contact(t.Context(), "1", nil)
			if failure, ok := errors.AsType[*bridge.Error](err); !ok || failure.Kind != tt.want || failure.Status != tt.status {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestContact_refusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Host().ResetCounts()
	for _, id := range []string{"", ".", "..", "../deals/1", "%2e%2e", "1/", "1\x00"} {
		if _, err := crm.Client().Contact(t.Context(), id, nil); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("%q: %v, want invalid", id, err)
		}
		if err := crm.Client().ArchiveProperty(t.Context(), id); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("property %q: %v, want invalid", id, err)
		}
	}
	if n := crm.Host().Counts().Total; n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// Bodies that HubSpot is known to send, or that its documentation allows.
func TestErrors_toleratesOddBodies(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		kind   bridge.Kind
		code   string
	}{
		"subCategory as an object":              {400, `{"category":"VALIDATION_ERROR","subCategory":{"a":1}}`, bridge.Invalid, "VALIDATION_ERROR"},
		"context of an odd shape":               {400, `{"category":"VALIDATION_ERROR","context":{"a":"b"}}`, bridge.Invalid, "VALIDATION_ERROR"},
		"code only in the message":              {400, `{"status":"error","message":"Property values were not valid: [{\"error\":\"INVALID_EMAIL\"}]"}`, bridge.Invalid, "INVALID_EMAIL"},
		"a code that is no code":                {400, `{"category":"ada@example.test"}`, bridge.Invalid, ""},
		"empty lists":                           {400, `{"category":"VALIDATION_ERROR","errors":null,"context":[]}`, bridge.Invalid, "VALIDATION_ERROR"},
		"no category":                           {404, `{"status":"error","message":"resource not found"}`, bridge.NotFound, ""},
		"the same in other letters":             {400, `{"message":"contact already exists - existing id: 12","category":"VALIDATION_ERROR"}`, bridge.Conflict, "VALIDATION_ERROR"},
		"a name that speaks of an id":           {400, `{"message":"Property value \"Existing ID: 12\" is too long","category":"VALIDATION_ERROR"}`, bridge.Invalid, "VALIDATION_ERROR"},
		"a name that says that somebody exists": {400, `{"message":"Property value 'Contact already exists. Existing ID: 12' is too long","category":"VALIDATION_ERROR"}`, bridge.Invalid, "VALIDATION_ERROR"},
		"the same, quoted in no way":            {400, `{"message":"Invalid lastname: Contact already exists. Existing ID: 12","category":"VALIDATION_ERROR"}`, bridge.Invalid, "VALIDATION_ERROR"},
		"email conflict as 400":                 {400, `{"message":"Contact already exists. Existing ID: 12","category":"VALIDATION_ERROR"}`, bridge.Conflict, "VALIDATION_ERROR"},
		"conflict that names no id":             {409, `{"message":"conflict","category":"CONFLICT"}`, bridge.Conflict, "CONFLICT"},
		"success that is not JSON":              {200, `<html>`, bridge.Unavailable, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := canned(t, tt.status, tt.body).Contact(t.Context(), "1", nil)
			var e *bridge.Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.Code != tt.code {
				t.Errorf("got %v", err)
			}
		})
	}
}
