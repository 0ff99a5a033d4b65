package impact_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/impact"
	"advocatesync/internal/outbound"
	"advocatesync/internal/standin/fault"
)

// ada is the SHA-1 of an email.
const ada = "3c1b5f0cb91772d027dcdde8fb749091db780cbb"

func server(t *testing.T, change ...func(*advocatetest.Knobs)) *advocatetest.Server {
	t.Helper()
	return advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.VerdictDelay = 0
		for _, f := range change {
			f(k)
		}
	}))
}

func client(t *testing.T, s *advocatetest.Server, change ...func(*impact.Config)) *impact.Client {
	t.Helper()
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := impact.Config{BaseURL: base, AccountSID: advocatetest.DefaultAccountSID, AuthToken: advocatetest.DefaultAuthToken}
	for _, f := range change {
		f(&cfg)
	}
	return impact.New(cfg, &http.Client{Timeout: 10 * time.Second})
}

func conversion(changes map[string]string) map[string]string {
	fields := map[string]string{
		"CampaignId": "47255", "ActionTrackerId": "30101", "EventDate": time.Now().UTC().Format(time.RFC3339), "OrderId": "deal-881-x",
		"CustomerId": ada, "CustomerEmail": ada, "Amount": "12.5", "CurrencyCode": "EUR",
	}
	for name, value := range changes {
		if fields[name] = value; value == "" {
			delete(fields, name)
		}
	}
	return fields
}

func TestSubmit_isJudgedLater(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		changes map[string]string
		want    impact.Submission
	}{
		"and counts": {nil, impact.Submission{OrderID: "deal-881-x", Stage: impact.Complete}},
		"and does not": {map[string]string{"CampaignId": "1"},
			impact.Submission{OrderID: "deal-881-x", Stage: impact.Complete, ErrorType: "CAMPAIGN_NOT_FOUND", ErrorReason: "Campaign 1 not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			c := client(t, s)
			sent := conversion(tt.changes)
			id, err := c.Submit(t.Context(), sent)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Submission(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			taken := s.Tenant("").Conversions()
			if len(taken) != 1 {
				t.Fatalf("%d conversions", len(taken))
			}
			if diff := cmp.Diff(sent, taken[0].Params); diff != "" {
				t.Errorf("the vendor took something else: %s", diff)
			}
		})
	}
}

func TestSubmission_tellsItsStageUntilTheVerdict(t *testing.T) {
	t.Parallel()
	c := client(t, server(t, func(k *advocatetest.Knobs) { k.VerdictDelay = advocatetest.Span(time.Hour) }))
	id, err := c.Submit(t.Context(), conversion(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Submission(t.Context(), id); err != nil || got.Stage != impact.Queued {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.Submission(t.Context(), "A-unknown"); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("an unknown submission: %v", err)
	}
	for _, id := range []string{"", "../Actions", "a/b", "a?b"} {
		if _, err := c.Submission(t.Context(), id); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("%q is asked for: %v", id, err)
		}
	}
}

func TestReverse_takesAConversionBack(t *testing.T) {
	t.Parallel()
	s := server(t)
	c := client(t, s)
	if _, err := c.Submit(t.Context(), conversion(nil)); err != nil {
		t.Fatal(err)
	}
	id, err := c.Reverse(t.Context(), map[string]string{
		"ActionTrackerId": "30101", "OrderId": "deal-881-x", "DispositionCode": "ITEM_RETURNED", "Amount": "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Submission(t.Context(), id); err != nil || got.ErrorType != "" || got.Stage != impact.Complete {
		t.Errorf("%+v, %v", got, err)
	}
	var types []string
	for _, taken := range s.Tenant("").Conversions() {
		types = append(types, taken.Type)
	}
	if diff := cmp.Diff([]string{"Conversion", "Reversal"}, types); diff != "" {
		t.Error(diff)
	}
}

func TestSubmit_refusalsNameEveryField(t *testing.T) {
	t.Parallel()
	for name, general := range map[string]bool{"in the form of conversions": false, "in the form of other calls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, server(t, func(k *advocatetest.Knobs) { k.GeneralErrors = general }))
			_, err := c.Submit(t.Context(), conversion(map[string]string{"OrderId": "", "CurrencyCode": "", "CustomerEmail": "ada@example.org"}))
			e, ok := errors.AsType[*bridge.Error](err)
			if !ok || e.Kind != bridge.Invalid || e.Status != http.StatusBadRequest {
				t.Fatalf("%v", err)
			}
			fields := strings.Split(e.Code, ",")
			slices.Sort(fields)
			if diff := cmp.Diff([]string{"CurrencyCode", "CustomerEmail", "OrderId"}, fields); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(e.VendorMessage, "OrderId: is required") || strings.Contains(e.Error(), "required") {
				t.Errorf("words %q, error %q", e.VendorMessage, e)
			}
		})
	}
}

func TestErrors_sayWhatToDo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault  advocatetest.Fault
		change func(*impact.Config)
		want   bridge.Kind
		wait   time.Duration
	}{
		"a wrong token":                 {change: func(c *impact.Config) { c.AuthToken = "x" }, want: bridge.Unauthorized},
		"no credentials":                {change: func(c *impact.Config) { c.AccountSID, c.AuthToken = "", "" }, want: bridge.Unauthorized},
		"a token without the scope":     {fault: advocatetest.Fault{Status: 403}, want: bridge.Unauthorized},
		"a gateway's page":              {fault: advocatetest.Fault{Status: 403, Answer: fault.Answer{Page: true}}, want: bridge.Unavailable},
		"another gateway's page":        {fault: advocatetest.Fault{Status: 400, Answer: fault.Answer{Page: true}}, want: bridge.Unavailable},
		"an unpaid account":             {fault: advocatetest.Fault{Status: 402}, want: bridge.Unauthorized},
		"a path that is not there":      {fault: advocatetest.Fault{Status: 404}, want: bridge.Unauthorized},
		"a method that is not there":    {fault: advocatetest.Fault{Status: 405}, want: bridge.Unauthorized},
		"too many calls":                {fault: advocatetest.Fault{Status: 429, RetryAfter: "7"}, want: bridge.Throttled, wait: 7 * time.Second},
		"a passing fault":               {fault: advocatetest.Fault{Status: 503, RetryAfter: "3"}, want: bridge.Unavailable, wait: 3 * time.Second},
		"a time-out":                    {fault: advocatetest.Fault{Status: 408}, want: bridge.Unavailable},
		"a redirect":                    {fault: advocatetest.Fault{Status: 302}, want: bridge.Misdirected},
		"nothing came of it":            {fault: advocatetest.Fault{DropBefore: true}, want: bridge.Unavailable},
		"the answer was lost":           {fault: advocatetest.Fault{DropAfter: true}, want: bridge.Unavailable},
		"half of an answer":             {fault: advocatetest.Fault{Answer: fault.Answer{CutAfter: 20}}, want: bridge.Unavailable},
		"an answer that makes no sense": {fault: advocatetest.Fault{Status: 204}, want: bridge.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			var changes []func(*impact.Config)
			if tt.change != nil {
				changes = append(changes, tt.change)
			} else {
				s.Order(tt.fault)
			}
			_, err := client(t, s, changes...).Submit(t.Context(), conversion(nil))
			e, ok := errors.AsType[*bridge.Error](err)
			if !ok || e.Kind != tt.want || e.RetryAfter != tt.wait || e.Op != "impact.submit_conversion" {
				t.Errorf("got %+v, want %s", e, tt.want)
			}
			if n := s.Calls(advocatetest.RouteConversion); n > 1 {
				t.Errorf("%d attempts for one call", n)
			}
		})
	}
}

func TestSubmission_limitSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 20, 0, 0, time.UTC)
	for name, epoch := range map[string]bool{"as a span": false, "as a moment": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t, advocatetest.WithClock(func() time.Time { return now }),
				advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ResetEpoch = epoch }))
			c := client(t, s, func(cfg *impact.Config) { cfg.Now = func() time.Time { return now } })
			var err error
			for bridge.KindOf(err) != bridge.Throttled && s.Calls(advocatetest.RouteSubmission) < 2000 {
				_, err = c.Submission(t.Context(), "A-1")
			}
			if e, ok := errors.AsType[*bridge.Error](err); !ok || e.RetryAfter != 40*time.Minute {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestCalls_neverExceedTheBound(t *testing.T) {
	t.Parallel()
	s := server(t)
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	const bound = 3
	c := impact.New(impact.Config{BaseURL: base, AccountSID: advocatetest.DefaultAccountSID, AuthToken: advocatetest.DefaultAuthToken},
		&http.Client{Transport: outbound.NewLimiter(http.DefaultTransport, outbound.AtMost(bound))})
	done := make(chan error)
	const calls = 40
	for range calls {
		go func() {
			_, err := c.Submit(t.Context(), conversion(nil))
			done <- err
		}()
	}
	for range calls {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if most := s.MaxConcurrent(); most > bound {
		t.Errorf("%d calls at once", most)
	}
}
