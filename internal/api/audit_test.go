package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/api"
	"advocatesync/internal/api/apitest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// needs says which role each operation needs. Whoever adds an operation decides
// here, too, so that a slip in the routes shows.
var needs = map[bridge.Role][]string{
	bridge.RoleViewer: {
		"getDocument", "listConnections", "getConnection", "getConnectionStatus", "planDisconnect", "getConsent", "getRules", "getContact",
		"listContactEvents", "listParked", "getParkedCauses", "getNumbers", "getRuleEffects", "findContacts", "listMassSyncs", "listReconciles",
		"getMassSync", "listPrograms", "getProgramSwitch", "listTriggers", "getTrigger", "listTrackedEvents",
		"getWebhooksManifest", "listErasures", "getErasure", "getErasureReceipt", "getReconcile", "getDeletions", "getTriggerApprovals",
	},
	bridge.RoleOperator: {
		"pauseConnection", "resumeConnection", "changeRules", "resyncContact", "retryParked", "discardParked", "startMassSync", "pauseMassSync",
		"resumeMassSync", "cancelMassSync", "planProgramSwitch", "startProgramSwitch", "applyTrigger", "changeTrigger", "testTrigger", "listProperties",
		"startReconcile", "pauseReconcile", "resumeReconcile", "cancelReconcile", "approveDeletions", "rejectDeletions", "setDeletionGuard", "approveTriggerEvents", "skipTriggerEvents",
	},
	bridge.RolePrivacy: {
		"approveErasures", "rejectErasures", "setErasureGuard", "revealContact", "eraseContact", "listAuditEntries", "exportErasures", "replayErasures", "exportPerson", "planErasePerson", "erasePerson"},
	bridge.RoleAdmin: {"connect", "disconnect", "requestConsent", "requestConsentAgain", "rotateKeys", "newRecoveryKey", "createToken", "listTokens", "revokeToken"},
}

// may says which roles a role includes.
var may = map[bridge.Role][]bridge.Role{
	bridge.RoleViewer:   {bridge.RoleViewer},
	bridge.RoleOperator: {bridge.RoleViewer, bridge.RoleOperator},
	bridge.RolePrivacy:  {bridge.RoleViewer, bridge.RolePrivacy},
	bridge.RoleAdmin:    {bridge.RoleViewer, bridge.RoleOperator, bridge.RolePrivacy, bridge.RoleAdmin},
}

// Every route, with a token of every role. What is let in is refused for a
// parameter that no operation has, so that nothing is done.
func TestEveryRoute_letsInWhomItsRoleAllows(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	tokens := map[bridge.Role]string{}
	for _, role := range bridge.Roles() {
		tokens[role] = v.token(t, role)
	}
	needed := map[string]bridge.Role{}
	for role, operations := range needs {
		for _, o := range operations {
			needed[o] = role
		}
	}
	for _, o := range api.Operations() {
		role, decided := needed[o.ID]
		if !decided {
			t.Errorf("nobody decided which role %s needs", o.ID)
		}
		delete(needed, o.ID)
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(o.Path, "1") + "?nonsense=1"
		for as, token := range tokens {
			resp := knock(t, v.handler, o.Method, path, "", http.Header{"Authorization": {"Bearer " + token}})
			p, allowed := problem(t, resp), slices.Contains(may[as], role)
			switch {
			case allowed && p.Status != http.StatusBadRequest:
				t.Errorf("%s as %s: %d %s, want it to be let in", o.ID, as, p.Status, p.Code)
			case !allowed && (p.Status != http.StatusForbidden || p.Code != "forbidden" || !strings.Contains(p.Detail, string(role))):
				t.Errorf("%s as %s: %d %s %q, want it to be forbidden", o.ID, as, p.Status, p.Code, p.Detail)
			}
		}
	}
	for o := range needed {
		t.Errorf("there is no operation %s", o)
	}
}

// as returns a client of the bench's API that acts as somebody, and what the
// audit log tells since.
func (b bench) as(t *testing.T, caller bridge.Caller) (*api.Client, func() []store.AuditEntry) {
	t.Helper()
	handler := api.NewHandler(api.Config{
		Operator: b.Operator, Access: operator.NewAccess(b.Store, "", time.Now), Callers: api.Local(caller),
		Metrics: prometheus.NewRegistry(), Log: discard, Now: time.Now,
	})
	client := api.NewClient(address(t, "http://in-process"), "", api.InProcess(handler))
	return client, func() []store.AuditEntry {
		t.Helper()
		log, err := b.Store.AuditLog(t.Context(), store.AuditFilter{Actor: caller.Name}, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(log)
		return log
	}
}

func TestAuditLog_tellsWhoAskedForWhatAndHowItEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": "Annika"})
	items := b.park(t, contact, contact)
	root := bridge.Caller{Kind: bridge.CallerLocal, Name: "root", Role: bridge.RoleAdmin}
	c, log := b.as(t, root)
	ctx := t.Context()
	for _, do := range []func() error{
		func() error { _, err := c.Connections(ctx); return err },
		func() error { _, err := c.Contact(ctx, b.connection, contact); return err },
		func() error {
			_, err := c.ChangeRules(ctx, b.connection, api.RuleChanges{ContactCreated: new(false)})
			return err
		},
		func() error { _, err := c.RevealContact(ctx, b.connection, contact); return err },
		func() error { _, err := c.RevealContact(ctx, b.connection, "ann@shop.example"); return err },
		func() error { _, err := c.ResyncContact(ctx, "cnobody", contact); return err },
		func() error {
			_, err := c.DiscardParked(ctx, b.connection, api.ParkedChoice{IDs: []int64{items[0], 999}})
			return err
		},
		func() error {
			_, err := c.StartMassSync(ctx, b.connection, api.StartMassSync{DryRun: true})
			return err
		},
	} {
		_ = do() // some are refused; the log says which
	}
	entry := func(operation, connection, subject string, result store.AuditResult, code, came string) store.AuditEntry {
		return store.AuditEntry{
			Caller: root, Operation: operation, ConnectionID: connection, Subject: subject,
			Outcome: store.AuditOutcome{Result: result, Code: code, Subject: came},
		}
	}
	want := []store.AuditEntry{ // none of those who only looked
		entry("changeRules", b.connection, "", store.AuditDone, "", ""),
		entry("revealContact", b.connection, "contact:"+contact, store.AuditDone, "", ""),
		entry("revealContact", b.connection, "", store.AuditRefused, "bad_request", ""),
		entry("resyncContact", "", "contact:"+contact, store.AuditRefused, "unknown_connection", ""),
		entry("discardParked", b.connection, "", store.AuditDone, "", "item:1"),
		entry("startMassSync", b.connection, "", store.AuditDone, "", "run:1"),
	}
	got := log()
	unstamped := cmpopts.IgnoreFields(store.AuditEntry{}, "ID", "RequestID")
	if diff := cmp.Diff(want, got, unstamped, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	requests := map[string]bool{}
	for _, e := range got {
		requests[e.RequestID] = true
	}
	if len(requests) != len(got) || requests[""] {
		t.Errorf("requests cannot be told apart: %v", slices.Collect(maps.Keys(requests)))
	}
}

func TestAuditLog_tellsOfWhoeverWasNotAllowed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	c, log := b.as(t, bridge.Caller{Kind: bridge.CallerToken, Name: "marketing", TokenID: "abcdefghij", Role: bridge.RoleOperator})
	if _, err := c.RevealContact(t.Context(), b.connection, contact); err == nil {
		t.Error("an operator reveals people")
	}
	got := log()
	if len(got) != 1 || got[0].Operation != "revealContact" || got[0].Outcome.Result != store.AuditRefused || got[0].Outcome.Code != "forbidden" {
		t.Errorf("%+v", got)
	}
}

// Where the log cannot be written, nothing is done.
func TestAuditLog_comesBeforeTheDeed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := newVisitor(t) // whose database is about to go
	handler := api.NewHandler(api.Config{
		Operator: b.Operator, Access: other.access, Callers: api.Local(apitest.Admin), Metrics: prometheus.NewRegistry(), Log: discard, Now: time.Now,
	})
	other.store.Close()
	resp := knock(t, handler, http.MethodPatch, api.Prefix+"/connections/"+b.connection+"/rules", `{"contact_created": false}`, nil)
	if resp.Code < 500 {
		t.Errorf("status %d", resp.Code)
	}
	if got, err := b.Rules(t.Context(), b.connection); err != nil || !got.ContactCreated {
		t.Errorf("the rules were changed off the record: %+v, %v", got, err)
	}
}

// Whoever hangs up has changed something all the same.
func TestAuditLog_tellsTheEndToWhoeverHungUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, hangUp := context.WithCancel(t.Context())
	handler := api.NewHandler(api.Config{
		Operator: b.Operator, Access: operator.NewAccess(b.Store, "", time.Now), Callers: api.Local(apitest.Admin),
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	req := httptest.NewRequestWithContext(ctx, http.MethodPatch, api.Prefix+"/connections/"+b.connection+"/rules",
		&hangingUp{Reader: strings.NewReader(`{"contact_created": false}`), hangUp: hangUp})
	req.Header.Set("Content-Type", "application/json")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	log, err := b.Store.AuditLog(t.Context(), store.AuditFilter{Operation: "changeRules"}, 0, 10)
	if err != nil || len(log) != 1 || log[0].Outcome.Result == store.AuditOpen {
		t.Errorf("%+v, %v; want an entry with an outcome", log, err)
	}
}

// hangingUp is a body whose sender goes once it is read.
type hangingUp struct {
	*strings.Reader
	hangUp context.CancelFunc
}

func (b *hangingUp) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		b.hangUp()
	}
	return n, err
}

func TestAuditLog_comesInPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		if _, err := b.ChangeRules(t.Context(), b.connection, api.RuleChanges{ContactCreated: new(false)}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []int64
	for page := ""; ; {
		var got api.Page[api.AuditEntry]
		resp := knock(t, apitest.NewHandler(b.Operator, b.Store, discard), http.MethodGet, api.Prefix+"/audit?limit=2&operation=changeRules&page="+page, "", nil)
		if err := json.Unmarshal(resp.Body.Bytes(), &got); err != nil || resp.Code != http.StatusOK {
			t.Fatalf("status %d, %v", resp.Code, err)
		}
		for _, e := range got.Items {
			seen = append(seen, e.ID)
		}
		if page = got.NextPage; page == "" {
			break
		}
	}
	if len(seen) != 3 || !slices.IsSortedFunc(seen, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("entries %v", seen)
	}
}

func TestCreateToken_refusesWhatIsNotAToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, in := range map[string]api.NewToken{
		"no name":             {Role: bridge.RoleViewer},
		"a name for two":      {Name: "two\nlines", Role: bridge.RoleViewer},
		"an email for a name": {Name: "ann@shop.example", Role: bridge.RoleViewer},
		"no role":             {Name: "marketing"},
		"another role":        {Name: "marketing", Role: "root"},
		"an age beyond all":   {Name: "marketing", Role: bridge.RoleViewer, ExpiresInDays: 401},
		"an age before birth": {Name: "marketing", Role: bridge.RoleViewer, ExpiresInDays: -1},
	} {
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		resp := knock(t, apitest.NewHandler(b.Operator, b.Store, discard), http.MethodPost, api.Prefix+"/tokens", string(body), nil)
		if p := problem(t, resp); p.Status != http.StatusBadRequest || len(p.Mistakes) != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
