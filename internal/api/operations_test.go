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
	var intent, token, page string
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
		{"getRuleEffects", func(ctx context.Context) (any, error) { return b.RuleEffects(ctx, b.connection) }, nil},
		{"getNumbers", func(ctx context.Context) (any, error) {
			if err := b.Store.SampleMinutes(ctx); err != nil {
				return nil, err
			}
			return b.Numbers(ctx, b.connection, "day")
		}, nil},
		{"changeRules", func(ctx context.Context) (any, error) {
			return b.ChangeRules(ctx, b.connection, api.RuleChanges{ContactCreated: new(false), SharePIIUpdates: new(true)})
		}, api.Rules{ParticipantCreated: true, ParticipantUpdated: true, ContactUpdated: true, SharePIIUpdates: true}},
		{"resyncContact", func(ctx context.Context) (any, error) { return b.ResyncContact(ctx, b.connection, contact) }, api.Resync{
			ConnectionID: b.connection, ContactID: contact, WorkflowID: "contact/" + b.connection + "/" + contact,
		}},
		{"getContact", func(ctx context.Context) (any, error) { return b.Client.Contact(ctx, b.connection, contact) }, nil},
		{"listContactEvents", func(ctx context.Context) (any, error) { return b.ContactEvents(ctx, b.connection, contact, "") }, nil},
		{"revealContact", func(ctx context.Context) (any, error) { return b.RevealContact(ctx, b.connection, contact) }, nil},
		{"listParked", func(ctx context.Context) (any, error) { return b.Client.Parked(ctx, b.connection, "", "") }, nil},
		{"getParkedCauses", func(ctx context.Context) (any, error) { return b.ParkedCauses(ctx, b.connection) }, nil},
		{"findContacts", func(ctx context.Context) (any, error) {
			return b.FindContacts(ctx, b.connection, "nobody@shop.example")
		}, []string{}},
		{"retryParked", func(ctx context.Context) (any, error) {
			return b.RetryParked(ctx, b.connection, api.ParkedChoice{IDs: []int64{items[0], items[1], 999}})
		}, api.Retried{
			Retried: items[:2], Participants: items[1:2], NotOpen: []int64{999}, WorkflowIDs: []string{"parked-retry/" + b.connection + "/1"},
		}},
		{"discardParked", func(ctx context.Context) (any, error) {
			return b.DiscardParked(ctx, b.connection, api.ParkedChoice{IDs: []int64{999, items[2]}})
		},
			api.Discarded{Discarded: items[2:], NotOpen: []int64{999}}},
		{"listPrograms", func(ctx context.Context) (any, error) { return b.Programs(ctx, b.connection) }, nil},
		{"planProgramSwitch", func(ctx context.Context) (any, error) {
			return b.PlanProgramSwitch(ctx, b.connection, api.SwitchRequest{Program: champions, InPlace: true})
		}, nil},
		{"startMassSync", func(ctx context.Context) (any, error) {
			return b.StartMassSync(ctx, b.connection, api.StartMassSync{DryRun: true})
		}, nil},
		{"listMassSyncs", func(ctx context.Context) (any, error) { return b.MassSyncs(ctx, b.connection) }, nil},
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
		}, api.Deletions{ConnectionID: b.connection, Guard: 7, ContactIDs: []string{}, ErasureGuard: 20, ErasureContactIDs: []string{}}},
		{"getTriggerApprovals", func(ctx context.Context) (any, error) {
			b.awaitApproval(t, "81", "82")
			return b.TriggerApprovals(ctx, b.connection)
		}, nil},
		{"approveTriggerEvents", func(ctx context.Context) (any, error) {
			return b.ApproveTriggerEvents(ctx, b.connection, "deal-won", api.DecideTriggerEvents{Reason: "import"})
		}, api.DecidedTriggerEvents{Decided: 2}},
		{"skipTriggerEvents", func(ctx context.Context) (any, error) {
			b.awaitApproval(t, "83")
			return b.SkipTriggerEvents(ctx, b.connection, "deal-won", api.DecideTriggerEvents{})
		}, api.DecidedTriggerEvents{Decided: 1}},
		{"startReconcile", func(ctx context.Context) (any, error) {
			return b.StartReconcile(ctx, b.connection, api.StartReconcile{DryRun: true})
		}, nil},
		{"listReconciles", func(ctx context.Context) (any, error) { return b.Reconciles(ctx, b.connection) }, nil},
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
		{"listProperties", func(ctx context.Context) (any, error) { return b.Properties(ctx, b.connection, "deal") }, nil},
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
		{"getErasureReceipt", func(ctx context.Context) (any, error) {
			b.finishErasure(t, "987654321")
			return b.ErasureReceipt(ctx, 1)
		}, nil},
		{"approveErasures", func(ctx context.Context) (any, error) {
			b.holdErasures(t)
			return b.ApproveErasures(ctx, b.connection, api.DecideDeletions{ContactIDs: []string{"9101"}})
		}, api.DecidedDeletions{Decided: 1}},
		{"rejectErasures", func(ctx context.Context) (any, error) {
			return b.RejectErasures(ctx, b.connection, api.DecideDeletions{})
		}, api.DecidedDeletions{Decided: 1}},
		{"setErasureGuard", func(ctx context.Context) (any, error) {
			return b.SetErasureGuard(ctx, b.connection, api.DeletionGuard{Guard: new(3)})
		}, api.Deletions{ConnectionID: b.connection, Guard: 7, ContactIDs: []string{}, ErasureGuard: 3, ErasureContactIDs: []string{}}},
		{"exportPerson", func(ctx context.Context) (any, error) {
			return b.ExportPerson(ctx, b.connection, api.ExportPerson{Email: "ann@shop.example"})
		}, nil},
		{"planErasePerson", func(ctx context.Context) (any, error) {
			return b.PlanErasePerson(ctx, b.connection, api.PersonToErase{Email: "ann@shop.example"})
		}, api.ErasePlan{ShownContacts: []string{contact}, GoneContacts: []string{}}},
		{"erasePerson", func(ctx context.Context) (any, error) {
			return b.ErasePerson(ctx, b.connection, api.PersonToErase{AccountID: "nobody", UserID: "nobody"})
		}, nil},
		{"exportErasures", func(ctx context.Context) (any, error) {
			export, err := b.ExportErasures(ctx, "")
			page = export.Page
			return export, err
		}, nil},
		{"replayErasures", func(ctx context.Context) (any, error) { return b.ReplayErasures(ctx, page) }, api.ReplayedErasures{UnknownPortals: []int64{}}},
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
		{"newRecoveryKey", func(ctx context.Context) (any, error) { return b.NewRecoveryKey(ctx) }, nil},
		{"rotateKeys", func(ctx context.Context) (any, error) { return b.RotateKeys(ctx) }, api.Resealed{}},
		{"planDisconnect", func(ctx context.Context) (any, error) { return b.PlanDisconnect(ctx, b.connection) }, nil},
		{"disconnect", func(ctx context.Context) (any, error) { return b.Disconnect(ctx, b.connection, true) }, nil},
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

// finishErasure carries an erasure out, as a contact's life would.
func (b bench) finishErasure(t *testing.T, contact string) {
	t.Helper()
	check := store.ErasureCheck{HubSpot: store.AnswerNotFound, Advocate: store.AnswerNotFound, Identities: 1}
	if err := b.Store.CheckErasure(t.Context(), b.connection, contact, check); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Store.Erase(t.Context(), store.Erasure{ConnectionID: b.connection, ContactIDs: []string{contact}}); err != nil {
		t.Fatal(err)
	}
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

// holdErasures has privacy deletions of two contacts wait for a person, after one
// that the guard let pass.
func (b bench) holdErasures(t *testing.T) {
	t.Helper()
	err := b.Store.SetErasureGuard(t.Context(), b.connection, new(1))
	for _, id := range []string{"9100", "9101", "9102"} {
		if err == nil {
			_, err = b.Store.DoubtedErasure(t.Context(), b.connection, id)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// awaitApproval has an import's deals wait for a person.
func (b bench) awaitApproval(t *testing.T, deals ...string) {
	t.Helper()
	for _, deal := range deals {
		_, state, err := b.Store.Track(t.Context(), store.Tracking{AtOnce: 100, Request: []byte("{}"), TrackedEvent: store.TrackedEvent{
			ConnectionID: b.connection, TriggerID: "deal-won", TriggerVersion: 1, ObjectType: bridge.ObjectDeal, ObjectID: deal, Property: "dealstage",
			OccurredAt: time.Now(), OrderID: "deal-" + deal + "-x", ContactID: "101", Imported: true, State: store.TrackedPending,
		}})
		if err != nil || state != store.TrackedAwaitingApproval {
			t.Fatal(state, err)
		}
	}
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
				_, err = b.Store.DueDeletions(t.Context(), b.connection, grace, id)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
