package advocatetest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

const account = "/Advertisers/" + advocatetest.DefaultAccountSID

// brand sends a request to the Brand API; a nil form sends no body.
func (c caller) brand(method, path string, form url.Values, change ...func(*http.Request)) reply {
	c.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.SetBasicAuth(advocatetest.DefaultAccountSID, advocatetest.DefaultAuthToken)
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, raw}
}

// conversion is a valid one, with changes; an empty value removes a parameter.
func conversion(changes map[string]string) url.Values {
	form := url.Values{}
	for name, value := range map[string]string{
		"CampaignId": "47255", "EventTypeId": "30101", "EventDate": "NOW", "OrderId": "order-1",
		"CustomerId": sha1Hex(ada), "CustomerEmail": sha1Hex(ada), "Amount": "12.50", "CurrencyCode": "EUR",
	} {
		form.Set(name, value)
	}
	for name, value := range changes {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	return form
}

func TestConversion_isQueuedAndJudgedLater(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now), advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.VerdictDelay = advocatetest.Span(time.Minute) }))
	c := call(t, s)
	c.put(ada, map[string]any{"email": ada})
	answer := c.brand(http.MethodPost, account+"/Conversions", conversion(nil))
	uri, _ := answer.decode(t)["QueuedUri"].(string)
	if answer.status != http.StatusOK || answer.decode(t)["Status"] != "QUEUED" || !strings.HasPrefix(uri, account+"/APISubmissions/") {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	for _, step := range []struct {
		wait time.Duration
		want string
	}{{0, "Queued"}, {30 * time.Second, "In Progress"}, {30 * time.Second, "Complete"}} {
		clk.advance(step.wait)
		got := c.brand(http.MethodGet, uri, nil).decode(t)
		if got["Status"] != step.want || got["OrderId"] != "order-1" || got["Type"] != "Conversion" || got["ErrorType"] != "" {
			t.Errorf("got %v, want %s", got, step.want)
		}
	}
	got := s.Tenant("").Conversions()
	if len(got) != 1 || got[0].UserID != s.Tenant("").StoredID(ada) || got[0].Params["Amount"] != "12.50" {
		t.Errorf("%+v", got)
	}
}

func TestConversion_verdicts(t *testing.T) {
	t.Parallel()
	old := time.Now().Add(-89 * 24 * time.Hour).UTC().Format(time.RFC3339)
	tests := map[string]struct {
		changes map[string]string
		want    string
	}{
		"accepted by event type id":       {nil, ""},
		"accepted by code":                {map[string]string{"EventTypeId": "", "EventTypeCode": "purchase"}, ""},
		"an unknown campaign":             {map[string]string{"CampaignId": "1"}, "CAMPAIGN_NOT_FOUND"},
		"an unknown event type":           {map[string]string{"EventTypeId": "1"}, "ACTIONTRACKER_NOT_FOUND"},
		"an event type of another":        {map[string]string{"EventTypeId": "30201"}, "ACTIONTRACKER_CAMPAIGN_MISMATCH"},
		"an event of three months ago":    {map[string]string{"EventDate": old}, "CONV_MALFORMED"},
		"an order that counted before":    {map[string]string{"OrderId": "taken"}, "CONV_MALFORMED"},
		"that order for another campaign": {map[string]string{"OrderId": "taken", "CampaignId": "48001", "EventTypeId": "30201"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.VerdictDelay = 0 }))
			c := call(t, s)
			c.brand(http.MethodPost, account+"/Conversions", conversion(map[string]string{"OrderId": "taken"}))
			uri, _ := c.brand(http.MethodPost, account+"/Conversions", conversion(tt.changes)).decode(t)["QueuedUri"].(string)
			if got := c.brand(http.MethodGet, uri, nil).decode(t); got["Status"] != "Complete" || got["ErrorType"] != tt.want {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

func TestConversion_refusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		changes map[string]string
		fields  []string
	}{
		"everything that is required":     {map[string]string{"CampaignId": "", "EventDate": "", "OrderId": ""}, []string{"CampaignId", "EventDate", "OrderId"}},
		"no event type":                   {map[string]string{"EventTypeId": ""}, []string{"ActionTrackerId"}},
		"nothing to attribute it by":      {map[string]string{"CustomerId": ""}, []string{"ClickId"}},
		"money without a currency":        {map[string]string{"CurrencyCode": ""}, []string{"CurrencyCode"}},
		"an email in plain text":          {map[string]string{"CustomerEmail": ada}, []string{"CustomerEmail"}},
		"a price and a subtotal":          {map[string]string{"ItemPrice1": "1", "ItemSubTotal1": "1"}, []string{"ItemPrice1"}},
		"a long order":                    {map[string]string{"OrderId": strings.Repeat("x", 65)}, []string{"OrderId"}},
		"a long text":                     {map[string]string{"Text50": strings.Repeat("x", 65)}, []string{"Text50"}},
		"texts past the fiftieth":         {map[string]string{"Text51": "x"}, []string{"Text51"}},
		"a date in words":                 {map[string]string{"EventDate": "yesterday"}, []string{"EventDate"}},
		"an amount in words":              {map[string]string{"Amount": "twelve"}, []string{"Amount"}},
		"a sub id without a media":        {map[string]string{"SubId1": "x"}, []string{"SubId1"}},
		"a parameter that does not exist": {map[string]string{"OrderID": "x"}, []string{"OrderID"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			r := call(t, s).brand(http.MethodPost, account+"/Conversions", conversion(tt.changes))
			var got struct {
				Status string
				Errors []struct{ Field, Level, Message string } `json:"errors"`
			}
			if err := json.Unmarshal(r.body, &got); err != nil || r.status != http.StatusBadRequest || got.Status != "ERROR" {
				t.Fatalf("%d %s", r.status, r.body)
			}
			var fields []string
			for _, e := range got.Errors {
				fields = append(fields, e.Field)
			}
			if diff := cmp.Diff(tt.fields, fields); diff != "" {
				t.Error(diff)
			}
			if len(s.Tenant("").Conversions()) != 0 {
				t.Error("a refused conversion was kept")
			}
		})
	}
}

func TestBrandAPI_access(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	for name, tt := range map[string]struct {
		path   string
		change func(*http.Request)
		status int
	}{
		"a wrong token":   {account, func(r *http.Request) { r.SetBasicAuth(advocatetest.DefaultAccountSID, "x") }, 401},
		"the tenant key":  {account, func(r *http.Request) { r.SetBasicAuth("", advocatetest.DefaultKey) }, 401},
		"another account": {"/Advertisers/IRother", func(*http.Request) {}, 403},
		"a JSON body":     {account, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400},
	} {
		if r := c.brand(http.MethodPost, tt.path+"/Conversions", conversion(nil), tt.change); r.status != tt.status {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	r := c.brand(http.MethodPost, account+"/Conversions", conversion(nil), func(r *http.Request) { r.Header.Del("Accept") })
	if !strings.HasPrefix(string(r.body), "<?xml") {
		t.Errorf("who does not ask for JSON gets XML, not %s", r.body)
	}
}

func TestBrandAPI_reversesOnlyWhatCounted(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.VerdictDelay = 0 }))
	c := call(t, s)
	c.brand(http.MethodPost, account+"/Conversions", conversion(nil))
	for order, want := range map[string]string{"order-1": "", "order-2": "ACTION_NOT_FOUND"} {
		form := url.Values{"ActionTrackerId": {"30101"}, "OrderId": {order}, "DispositionCode": {"ITEM_RETURNED"}, "Amount": {"0"}}
		uri, _ := c.brand(http.MethodDelete, account+"/Actions?"+form.Encode(), nil).decode(t)["QueuedUri"].(string)
		if got := c.brand(http.MethodGet, uri, nil).decode(t); got["Type"] != "Reversal" || got["ErrorType"] != want {
			t.Errorf("%s: %v", order, got)
		}
	}
	if r := c.brand(http.MethodDelete, account+"/Actions", url.Values{"OrderId": {"order-1"}}); r.status != http.StatusBadRequest {
		t.Errorf("a reversal of nothing in particular: %d", r.status)
	}
}

func TestBrandAPI_countsCallsPerHour(t *testing.T) {
	t.Parallel()
	clk := newClock()
	c := call(t, advocatetest.New(t, advocatetest.WithClock(clk.Now)))
	var last reply
	for range 1001 {
		last = c.brand(http.MethodGet, account+"/Campaigns", nil)
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("call 1001: %d %v", last.status, last.header)
	}
	if r := c.brand(http.MethodPost, account+"/Conversions", conversion(nil)); r.status != http.StatusOK {
		t.Errorf("conversions are exempt: %d", r.status)
	}
	clk.advance(time.Hour)
	got := c.brand(http.MethodGet, account+"/Campaigns", nil).decode(t)
	campaigns, _ := got["Campaigns"].([]any)
	if len(campaigns) != 4 || !cmp.Equal(campaigns[0], any(map[string]any{"Id": "47255", "Name": "Refer a friend", "State": "ACTIVE"})) {
		t.Errorf("campaigns: %v", campaigns)
	}
}
