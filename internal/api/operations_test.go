package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/api"
	"advocatesync/internal/api/apitest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
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
	return bench{System: s, Client: apitest.NewClient(t, s.Operator, s.Store), connection: s.Connection.ID}
}

var connectAgain = api.ConnectRequest{
	HubSpotToken: hubspottest.DefaultToken, Tenant: advocatetest.DefaultAlias, AdvocateKey: advocatetest.DefaultKey, Program: wiringtest.Program,
	ImpactAccountSID: advocatetest.DefaultAccountSID, ImpactAuthToken: advocatetest.DefaultAuthToken,
}

// Each operation once, with success: what is sent and answered has to be as
// documented, which apitest sees to. Whoever adds an operation adds a row.
func TestEveryOperation_answersAsDocumented(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var intent, token string
	contact := b.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": "Annika"})
	items := b.park(t, contact, "", "")
	steps := []struct {
		operation string
		do        func(context.Context) (any, error)
		want      any // nil: whatever is as documented
	}{
		{"listConnections", func(ctx context.Context) (any, error) { return b.Client.Connections(ctx) }, nil},
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
		{"resyncContact", func(ctx context.Context) (any, error) { return b.ResyncContact(ctx, b.connection, contact) }, api.Resync{
			ConnectionID: b.connection, ContactID: contact, WorkflowID: "contact/" + b.connection + "/" + contact,
		}},
		{"getContact", func(ctx context.Context) (any, error) { return b.Client.Contact(ctx, b.connection, contact) }, nil},
		{"listContactEvents", func(ctx context.Context) (any, error) { return b.ContactEvents(ctx, b.connection, contact, "") }, nil},
		{"revealContact", func(ctx context.Context) (any, error) { return b.RevealContact(ctx, b.connection, contact) }, nil},
		{"listParked", func(ctx context.Context) (any, error) { return b.Client.Parked(ctx, b.connection, "") }, nil},
		{"retryParked", func(ctx context.Context) (any, error) {
			return b.RetryParked(ctx, b.connection, api.RetryRequest{IDs: []int64{items[0], items[1], 999}})
		}, api.Retried{
			Retried: items[:2], Participants: items[1:2], NotOpen: []int64{999}, WorkflowIDs: []string{"parked-retry/" + b.connection + "/1"},
		}},
		{"discardParked", func(ctx context.Context) (any, error) {
			return b.DiscardParked(ctx, b.connection, []int64{999, items[2]})
		},
			api.Discarded{Discarded: items[2:], NotOpen: []int64{999}}},
		{"listPrograms", func(ctx context.Context) (any, error) { return b.Programs(ctx, b.connection) }, nil},
		{"planProgramSwitch", func(ctx context.Context) (any, error) {
			return b.PlanProgramSwitch(ctx, b.connection, api.SwitchRequest{Program: champions, InPlace: true})
		}, nil},
		{"startMassSync", func(ctx context.Context) (any, error) {
			return b.StartMassSync(ctx, b.connection, api.StartMassSync{DryRun: true})
		}, nil},
		{"getMassSync", func(ctx context.Context) (any, error) { return b.MassSync(ctx, b.connection, 0) }, nil},
		{"pauseMassSync", func(ctx context.Context) (any, error) { return b.PauseMassSync(ctx, b.connection, 0) }, nil},
		{"resumeMassSync", func(ctx context.Context) (any, error) { return b.ResumeMassSync(ctx, b.connection, 0) }, nil},
		{"cancelMassSync", func(ctx context.Context) (any, error) { return b.CancelMassSync(ctx, b.connection, 0) }, nil},
		{"getDeletions", func(ctx context.Context) (any, error) {
			b.holdDeletions(t)
			return b.Deletions(ctx, b.connection)
		}, nil},
		{"approveDeletions", func(ctx context.Context) (any, error) {
			return b.ApproveDeletions(ctx, b.connection, api.DecideDeletions{ContactIDs: []string{"9001"}})
		}, api.DecidedDeletions{Decided: 1}},
		{"rejectDeletions", func(ctx context.Context) (any, error) {
			return b.RejectDeletions(ctx, b.connection, api.DecideDeletions{})
		},
			api.DecidedDeletions{Decided: 1}},
		{"setDeletionGuard", func(ctx context.Context) (any, error) {
			return b.SetDeletionGuard(ctx, b.connection, api.DeletionGuard{Guard: new(7)})
		}, api.Deletions{ConnectionID: b.connection, Guard: 7, ContactIDs: []string{}}},
		{"startReconcile", func(ctx context.Context) (any, error) {
			return b.StartReconcile(ctx, b.connection, api.StartReconcile{DryRun: true})
		}, nil},
		{"getReconcile", func(ctx context.Context) (any, error) { return b.Reconcile(ctx, b.connection, 0) }, nil},
		{"pauseReconcile", func(ctx context.Context) (any, error) { return b.PauseReconcile(ctx, b.connection, 0) }, nil},
		{"resumeReconcile", func(ctx context.Context) (any, error) { return b.ResumeReconcile(ctx, b.connection, 0) }, nil},
		{"cancelReconcile", func(ctx context.Context) (any, error) { return b.CancelReconcile(ctx, b.connection, 0) }, nil},
		{"startProgramSwitch", func(ctx context.Context) (any, error) {
			b.beginSwitch(t) // as the workflow would
			return b.StartProgramSwitch(ctx, b.connection, api.SwitchRequest{Program: champions, InPlace: true})
		}, nil},
		{"getProgramSwitch", func(ctx context.Context) (any, error) { return b.ProgramSwitch(ctx, b.connection, 0) }, nil},
		{"applyTrigger", func(ctx context.Context) (any, error) { return b.ApplyTrigger(ctx, b.connection, dealWon) }, nil},
		{"listTriggers", func(ctx context.Context) (any, error) { return b.Triggers(ctx, b.connection) }, nil},
		{"getTrigger", func(ctx context.Context) (any, error) { return b.Trigger(ctx, b.connection, "deal-won") }, nil},
		{"testTrigger", func(ctx context.Context) (any, error) { return b.TestTrigger(ctx, b.connection, "deal-won", b.deal(t)) }, nil},
		{"listTrackedEvents", func(ctx context.Context) (any, error) {
			b.track(t, "1")
			return b.TrackedEvents(ctx, b.connection, api.TrackedFilter{TriggerID: "deal-won", State: "waiting"}, "")
		}, nil},
		{"getWebhooksManifest", func(ctx context.Context) (any, error) { return b.WebhooksManifest(ctx) }, nil},
		{"changeTrigger", func(ctx context.Context) (any, error) { return b.EnableTrigger(ctx, b.connection, "deal-won", false) }, nil},
		{"getConnectionStatus", func(ctx context.Context) (any, error) { return b.ConnectionStatus(ctx, b.connection) }, nil},
		{"pauseConnection", func(ctx context.Context) (any, error) {
			c, err := b.PauseConnection(ctx, b.connection)
			return c.Paused, err
		}, true},
		{"resumeConnection", func(ctx context.Context) (any, error) {
			c, err := b.ResumeConnection(ctx, b.connection)
			return c.Paused, err
		}, false},
		{"eraseContact", func(ctx context.Context) (any, error) { return b.EraseContact(ctx, b.connection, "987654321") }, nil},
		{"listErasures", func(ctx context.Context) (any, error) { return b.Erasures(ctx, b.connection, true, "") }, nil},
		{"getErasure", func(ctx context.Context) (any, error) { return b.Erasure(ctx, 1) }, nil},
		{"createToken", func(ctx context.Context) (any, error) {
			made, err := b.CreateToken(ctx, api.NewToken{Name: "marketing", Role: bridge.RoleOperator})
			token = made.ID
			return made, err
		}, nil},
		{"listTokens", func(ctx context.Context) (any, error) { return b.Tokens(ctx) }, nil},
		{"revokeToken", func(ctx context.Context) (any, error) { return b.RevokeToken(ctx, token) }, nil},
		{"listAuditEntries", func(ctx context.Context) (any, error) {
			return b.AuditEntries(ctx, api.AuditFilter{Subject: "contact:" + contact, Since: time.Now().Add(-time.Hour)}, "")
		}, nil},
		{"rotateKeys", func(ctx context.Context) (any, error) { return b.RotateKeys(ctx) }, api.Resealed{}},
		{"planDisconnect", func(ctx context.Context) (any, error) { return b.PlanDisconnect(ctx, b.connection) }, nil},
		{"disconnect", func(ctx context.Context) (any, error) { return b.Disconnect(ctx, b.connection) }, nil},
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

// park parks something of each contact, or of a participant for "".
func (b bench) park(t *testing.T, contacts ...string) (ids []int64) {
	t.Helper()
	for i, contact := range contacts {
		id, err := b.Store.Park(t.Context(), bridge.ParkedItem{
			ConnectionID: b.connection, ContactID: contact, AccountID: "a", UserID: fmt.Sprint("u", i),
			Cause: bridge.CauseRefusedByHubSpot, Advice: "do something", VendorMessage: "no",
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// champions is a program that can be connected.
const champions = "48001"

func (b bench) beginSwitch(t *testing.T) {
	t.Helper()
	_, err := b.Store.BeginSwitch(t.Context(), store.SwitchRequest{
		ConnectionID: b.connection, To: champions, InPlace: true, Properties: []string{bridge.PropReferralCode},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// document reads the OpenAPI document, which no command needs.
func (b bench) document(ctx context.Context) (tree map[string]any, err error) {
	handler := api.InProcess(apitest.NewHandler(b.Operator, b.Store, discard))
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

// holdDeletions has the deletions of two contacts wait for a person.
func (b bench) holdDeletions(t *testing.T) {
	t.Helper()
	if err := b.Store.SetDeletionGuard(t.Context(), b.connection, new(1)); err != nil {
		t.Fatal(err)
	}
	for _, grace := range []bool{false, true} {
		for _, id := range []string{"9001", "9002"} {
			err := b.Store.Link(t.Context(), store.Linking{Mapping: bridge.Mapping{ConnectionID: b.connection, ContactID: id, AccountID: id, UserID: id}})
			if err == nil {
				_, err = b.Store.DueDeletion(t.Context(), b.connection, id, grace)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
