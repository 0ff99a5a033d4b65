package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// second is another portal, and the tenant that it is joined to.
type second struct {
	*system
	portal *hubspottest.Portal
	tenant *advocatetest.Tenant
	env    []string // for "starter connect", without a HubSpot token
	id     string   // of the connection; empty: not connected yet
}

const (
	secondPortal = 4711002
	secondToken  = "pat-na1-standin-4711002"
)

// addSecond installs the app in another portal; an empty token leaves it to
// consent in a browser.
func (s *system) addSecond(t *testing.T, token string) *second {
	t.Helper()
	config := advocatetest.DefaultTenant()
	config.Alias, config.Key, config.AccountSID, config.AuthToken = "other", "other-tenants-key", "IR-other", "other-auth-token"
	tenant, err := s.Advocate.AddTenant(config)
	if err != nil {
		t.Fatal(err)
	}
	return &second{
		system: s, tenant: tenant, portal: s.HubSpot.AddPortal(hubspottest.PortalConfig{ID: secondPortal, Token: token}),
		env: []string{
			"ADVOCATE_TENANT_ALIAS=" + config.Alias, "ADVOCATE_API_KEY=" + config.Key, "ADVOCATE_PROGRAM_ID=" + stack.Program,
			"IMPACT_ACCOUNT_SID=" + config.AccountSID, "IMPACT_AUTH_TOKEN=" + config.AuthToken,
		},
	}
}

// command runs a command and reads its JSON into out.
func (s *system) command(t *testing.T, out any, env []string, args ...string) {
	t.Helper()
	text, err := s.Command(t.Context(), env, append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("starter %s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// connect joins the second portal by its static token.
func (o *second) connect(t *testing.T) {
	t.Helper()
	var answer struct {
		ConnectionID string `json:"connection_id"`
	}
	o.command(t, &answer, append(slices.Clone(o.env), "HUBSPOT_ACCESS_TOKEN="+secondToken), "connect")
	o.id = answer.ConnectionID
}

// consent follows a link as a person with a browser does.
func (o *second) consent(t *testing.T, args ...string) {
	t.Helper()
	var link struct {
		IntentID string `json:"intent_id"`
		URL      string `json:"consent_url"`
	}
	o.command(t, &link, o.env, append([]string{"connect"}, args...)...)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: patience}
	page := visit(t, browser, http.MethodGet, link.URL, nil)
	if !strings.Contains(page, "Continue to HubSpot") {
		t.Fatalf("the link shows:\n%s", page)
	}
	address, err := url.Parse(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	form := address.Query()
	address.RawQuery = ""
	if page = visit(t, browser, http.MethodPost, address.String(), form); !strings.Contains(page, "is connected") {
		t.Fatalf("the way through HubSpot's page ends with:\n%s", page)
	}
}

func visit(t *testing.T, browser *http.Client, method, address string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// status is what "connection list" says of the second connection.
func (o *second) status(t *testing.T) (status, reason string) {
	t.Helper()
	var all []struct {
		ConnectionID string `json:"connection_id"`
		PortalID     int64  `json:"portal_id"`
		Status       string `json:"status"`
		Reason       string `json:"status_reason"`
	}
	o.command(t, &all, nil, "connection", "list")
	for _, c := range all {
		if c.PortalID == secondPortal {
			o.id = c.ConnectionID
			return c.Status, c.Reason
		}
	}
	return "", ""
}

func (o *second) create(t *testing.T, email string) string {
	t.Helper()
	id, err := o.portal.Person(1).Create("contacts", map[string]string{"email": email, "firstname": "Person"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (o *second) back(id string) bool {
	record, _ := o.portal.Record("contacts", id)
	return record.Properties[bridge.PropReferralCode] != ""
}

// A portal consents, its contacts become participants, it uninstalls the app,
// and consents again: what happened meanwhile is not lost, and nobody else
// notices.
func TestConsent_uninstallAndReturn(t *testing.T) {
	s := start(t, stack.Options{})
	o := s.addSecond(t, "")
	o.consent(t, "--portal-id", fmt.Sprint(secondPortal))
	if status, reason := o.status(t); status != "active" {
		t.Fatalf("connected as %q (%s)", status, reason)
	}
	ann := o.create(t, "ann@other.example")
	eventually(t, patience, "the contact has its code", func() bool { return o.back(ann) })

	s.HubSpot.RevokeTokens(secondPortal)
	bob := o.create(t, "bob@other.example")
	eventually(t, patience, "the connection is unauthorized", func() bool {
		status, _ := o.status(t)
		return status == "unauthorized"
	})
	eve := o.create(t, "eve@other.example")
	zoe := s.createContact(t, map[string]string{"email": "zoe@seed.example"})
	eventually(t, patience, "the other portal's contact is in step", func() bool { return s.inStep(zoe, "zoe@seed.example") })
	var waiting struct {
		Events int `json:"waiting_events"`
		Parked int `json:"parked_items"`
	}
	eventually(t, patience, "the work waits in the inbox alone", func() bool {
		o.command(t, &waiting, nil, "connection", "show", "--connection", o.id)
		running := s.count(t, fmt.Sprintf("WorkflowType = 'ContactLifecycle' AND ExecutionStatus = 'Running' AND ConnectionId = '%s'", o.id))
		return waiting.Events > 0 && running == 0
	})
	if waiting.Parked != 0 {
		t.Errorf("%d items were parked: nobody has to retry what only waits", waiting.Parked)
	}

	o.consent(t, "--connection", o.id)
	eventually(t, patience, "everybody has a code", func() bool { return o.back(bob) && o.back(eve) })
	if status, reason := o.status(t); status != "active" {
		t.Errorf("connected again as %q (%s)", status, reason)
	}
}

// A mass sync in one portal, live contacts in another: the mass sync is not felt,
// and its calls are not taken from the other's budget. The times are printed.
func TestTwoConnections_aMassSyncInOneIsNotFeltInTheOther(t *testing.T) {
	people := massRecords(t, 2000)
	m := startMass(t, people, stack.Options{})
	o := m.addSecond(t, secondToken)
	o.connect(t)
	m.HubSpot.ResetCounts()
	began := time.Now()
	if _, err := m.Command(t.Context(), nil, "mass-sync", "start", "--connection", m.ConnectionID); err != nil {
		t.Fatal(err)
	}
	var (
		ids  []string
		born []time.Time
		took []time.Duration
	)
	next := time.NewTicker(200 * time.Millisecond)
	defer next.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	over, begun := false, false
	eventually(t, patience+time.Duration(people)*10*time.Millisecond, "the mass sync is over and all live contacts have their codes", func() bool {
		select {
		case <-look.C:
			now := m.progress(t)
			begun = begun || now.Done() > 0
			if !over && !now.FinishedAt.IsZero() {
				over = true
				t.Logf("mass sync of %d people: %s after %.1f s", people, now.State, time.Since(began).Seconds())
			}
		case <-next.C:
			if begun && !over {
				ids = append(ids, o.create(t, fmt.Sprintf("live%d@other.example", len(ids))))
				born, took = append(born, time.Now()), append(took, 0)
			}
		default:
		}
		done := true
		for i, id := range ids {
			if took[i] == 0 && o.back(id) {
				took[i] = time.Since(born[i])
			}
			done = done && took[i] != 0
		}
		return over && done
	})
	if len(took) == 0 {
		t.Fatal("the mass sync was over before a contact was made: the test tests nothing")
	}
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() }
	t.Logf("contact created until fields back, %d contacts at 5/s beside it: p50 %.2f s, p99 %.2f s, max %.2f s",
		len(took), at(0.5), at(0.99), at(1))
	// Contact by contact: a read, a write, and the look after its own echo.
	if calls := o.portal.Calls(); calls > 3*len(ids) {
		t.Errorf("%d calls in the quiet portal for %d contacts", calls, len(ids))
	}
	if refused := m.HubSpot.Counts().TooMany; refused != 0 {
		t.Errorf("%d calls were refused for HubSpot's limit", refused)
	}
	if made, limit := m.portal.Calls(), 110; made == 0 || o.portal.Calls() >= limit && o.portal.Calls() >= made {
		t.Errorf("%d calls for the mass sync, %d for live contacts", made, o.portal.Calls())
	}
}

// A contact that is made after a burst of contacts in another portal does not
// wait for the burst. The times are printed.
func TestTwoConnections_aBurstInOneIsNotFeltInTheOther(t *testing.T) {
	const burst, quiet = 1000, 20
	s := start(t, stack.Options{ReportInterval: time.Hour})
	o := s.addSecond(t, secondToken)
	o.connect(t)
	for i := range burst {
		s.createContact(t, map[string]string{"email": person(i), "firstname": "Person"})
	}
	done := func() (n int) {
		for i := range burst {
			if s.hasParticipant(person(i)) {
				n++
			}
		}
		return n
	}
	took := make([]time.Duration, 0, quiet)
	for i := range quiet {
		before, born := done(), time.Now()
		id := o.create(t, fmt.Sprintf("live%d@other.example", i))
		eventually(t, patience, "the quiet portal's contact has its code", func() bool { return o.back(id) })
		took = append(took, time.Since(born))
		if n := done(); i == 0 && before < burst/2 && n > before+burst/2 {
			t.Errorf("%d contacts of the burst were done before the quiet portal's first one, made when %d were", n, before)
		}
	}
	slices.Sort(took)
	t.Logf("%d contacts one after the other beside a burst of %d: median %.2f s, max %.2f s; %d of the burst are done",
		quiet, burst, took[quiet/2].Seconds(), took[quiet-1].Seconds(), done())
}
