package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/api"
	"advocatesync/internal/api/apitest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// bench is a system and a client that checks every word.
type bench struct {
	*wiringtest.System
	*api.Client
	connection string
}

func newBench(t *testing.T) bench {
	t.Helper()
	s := wiringtest.New(t)
	return bench{System: s, Client: apitest.NewClient(t, s.Operator), connection: s.Connection.ID}
}

var connectAgain = api.ConnectRequest{
	HubSpotToken: hubspottest.DefaultToken, Tenant: advocatetest.DefaultAlias, AdvocateKey: advocatetest.DefaultKey, Program: wiringtest.Program,
}

// Each operation once, with success: what is sent and answered has to be as
// documented, which apitest sees to. Whoever adds an operation adds a row.
func TestEveryOperation_answersAsDocumented(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var intent string
	steps := []struct {
		operation string
		do        func(context.Context) (any, error)
		want      any // nil: whatever is as documented
	}{
		{"listConnections", func(ctx context.Context) (any, error) { return b.Connections(ctx) }, nil},
		{"getConnection", func(ctx context.Context) (any, error) { return b.Client.Connection(ctx, b.connection) }, nil},
		{"connect", func(ctx context.Context) (any, error) { return b.Connect(ctx, connectAgain) }, api.Connection{
			ConnectionID: b.connection, PortalID: hubspottest.DefaultPortalID, Tenant: advocatetest.DefaultAlias,
			Program: wiringtest.Program, Status: bridge.StatusActive,
		}},
		{"requestConsent", func(ctx context.Context) (any, error) {
			link, err := b.RequestConsent(ctx, connectAgain)
			intent = link.ID
			return link, err
		}, nil},
		{"getConsent", func(ctx context.Context) (any, error) { return b.Consent(ctx, intent) }, nil},
		{"requestConsentAgain", func(ctx context.Context) (any, error) { return b.RequestConsentAgain(ctx, b.connection) }, nil},
		{"getRules", func(ctx context.Context) (any, error) { return b.Rules(ctx, b.connection) }, nil},
		{"changeRules", func(ctx context.Context) (any, error) {
			return b.ChangeRules(ctx, b.connection, api.RuleChanges{ContactCreated: new(false), SharePIIUpdates: new(true)})
		}, api.Rules{ParticipantCreated: true, ParticipantUpdated: true, ContactUpdated: true, SharePIIUpdates: true}},
		{"getDocument", func(ctx context.Context) (any, error) { return b.document(ctx) }, nil},
	}
	tested := map[string]bool{}
	for _, step := range steps {
		tested[step.operation] = true
		got, err := step.do(t.Context())
		if err != nil {
			t.Errorf("%s: %v", step.operation, err)
		}
		if step.want == nil {
			continue
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", step.operation, diff)
		}
	}
	for _, o := range api.Operations() {
		if !tested[o.ID] {
			t.Errorf("nobody tried %s", o.ID)
		}
	}
}

// document reads the OpenAPI document, which no command needs.
func (b bench) document(ctx context.Context) (tree map[string]any, err error) {
	handler := api.InProcess(apitest.NewHandler(b.Operator, discard))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://in-process"+api.Prefix+"/openapi.json", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+apitest.Token)
	resp, err := handler.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	err = json.NewDecoder(resp.Body).Decode(&tree)
	return tree, err
}
