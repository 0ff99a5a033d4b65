package workflows_test

import (
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// environment is a Temporal that skips time, over real activities.
func environment(s *wiringtest.System) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(workerOptions())
	env.SetTestTimeout(5 * time.Minute) // of no progress; the machine may be busy
	workflows.Register(env)
	for _, a := range s.Activities() {
		env.RegisterActivity(a)
	}
	return env
}

// workerOptions are those of a worker on a busy machine.
func workerOptions(more ...interceptor.WorkerInterceptor) worker.Options {
	return worker.Options{
		DeadlockDetectionTimeout: 5 * time.Minute, // a second is little there
		// An activity that takes long there is not to be taken for dead.
		Interceptors: append(more, activities.Heartbeats()),
	}
}

// live runs the life of a contact from its first hint to its end. The later
// hints arrive one after the other, each in a quiet moment. It returns how long the
// life lasted.
func live(t *testing.T, s *wiringtest.System, contactID string, first bridge.Hints, later ...func() bridge.Hints) time.Duration {
	t.Helper()
	env := environment(s)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalHints, first) }, 0)
	for i, next := range later {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalHints, next()) }, time.Duration(i+1)*time.Second)
	}
	return runLife(t, env, s, contactID)
}

// runLife runs the life of a contact that hears what the environment brings, and
// returns how long it lasted.
func runLife(t *testing.T, env *testsuite.TestWorkflowEnvironment, s *wiringtest.System, contactID string) time.Duration {
	t.Helper()
	began := env.Now()
	env.ExecuteWorkflow(workflows.ContactLifecycleName, workflows.ContactLifecycleInput{ConnectionID: s.Connection.ID, ContactID: contactID})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the life of the contact did not end")
	}
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the life of the contact failed: %v", err)
	}
	return env.Now().Sub(began)
}

func created() bridge.Hints { return bridge.Hints{CreatedAt: time.Now()} }

// updated is well after the creation of a contact that exists: a change within
// a second of it counts as part of it.
func updated() bridge.Hints { return bridge.Hints{UpdatedAt: time.Now().Add(time.Minute)} }

const ann = "ann@shop.example"

func TestContactLifecycle_makesAParticipantOfANewContact(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	referrer := s.Join(t, "ben@shop.example", "Ben", "Baker")
	id := s.CreateContact(t, map[string]string{
		"email": "Ann@Shop.example", "firstname": "Ann", "lastname": "Archer",
		bridge.PropReferredByCode: referrer.ReferralCodes[wiringtest.Program],
	})

	live(t, s, id, created())

	s.InStep(t, id, ann, ann)
	user, _ := s.Tenant.User(ann, ann)
	if user.Email != ann || user.FirstName != "Ann" || user.LastName != "Archer" || len(user.ReferredByCodes) != 1 {
		t.Errorf("the participant lacks what the contact told of it: %+v", user)
	}
	if user.CustomFields["hubspot_contact_id"] != id {
		t.Errorf("hubspot_contact_id = %v, want %s", user.CustomFields["hubspot_contact_id"], id)
	}
	if got := s.State(t, id); got != bridge.StateMapped {
		t.Errorf("state = %s, want mapped", got)
	}
}

func TestContactLifecycle_matchesAPersonAdvocateAlreadyHas(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Annabel", "Abbot")
	id := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Ann", "lastname": "Archer"})

	live(t, s, id, created())

	s.InStep(t, id, ann, ann)
	user, _ := s.Tenant.User(ann, ann)
	if user.FirstName != "Annabel" || user.LastName != "Abbot" {
		t.Errorf("a match changed the name to %s %s", user.FirstName, user.LastName)
	}
	if props := s.Contact(t, id); props["firstname"] != "Ann" || props["lastname"] != "Archer" {
		t.Errorf("a match changed the contact's name to %s %s", props["firstname"], props["lastname"])
	}
	if got := s.Tenant.Count(); got != 1 {
		t.Errorf("%d participants, want the one that was there", got)
	}
}

func TestContactLifecycle_outlastsAHubSpotOutage(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	s.HubSpot.FailNext(503, 502, 500, 503, 504, 521)

	live(t, s, id, created())

	s.InStep(t, id, ann, ann)
	if got := s.Tenant.Count(); got != 1 {
		t.Errorf("%d participants, want 1", got)
	}
}

func TestContactLifecycle_findsWhatALostAnswerLeftBehind(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Ann"})
	s.HubSpot.Inject(hubspottest.Fault{Route: "POST /crm/objects/2026-09/contacts/batch/update", Status: 504, After: true})

	live(t, s, id, created())

	s.InStep(t, id, ann, ann)
	if got := s.Portal.Writes().Repeats; got > 1 {
		t.Errorf("%d writes changed nothing; only the one that was lost may be repeated", got)
	}
}

func TestContactLifecycle_waitsForAContactThatHubSpotDoesNotShowYet(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 3 })
	id := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, id, created())

	s.InStep(t, id, ann, ann)
}

func TestContactLifecycle_parksAContactThatHubSpotNeverShows(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)

	live(t, s, "999999", created())

	wantParked(t, s, bridge.CauseNotReadable)
}

func TestContactLifecycle_waitsForAnEmailAndThenSyncs(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	// Only the rule for new contacts is on: the email completes the creation.
	s.SetRules(t, bridge.Rules{ContactCreated: true})
	id := s.CreateContact(t, map[string]string{"firstname": "Ann"})

	live(t, s, id, created())
	if got := s.State(t, id); got != bridge.StateAwaitingEmail {
		t.Fatalf("state = %q, want awaiting_email", got)
	}
	s.EditContact(t, id, map[string]string{"email": ann})
	live(t, s, id, updated())

	s.InStep(t, id, ann, ann)
}

func TestContactLifecycle_obeysTheRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rules bridge.Rules
		hints func() bridge.Hints // of when the contact is there, however long that takes
		want  int                 // participants
	}{
		"new contact, rule on":                {bridge.Rules{ContactCreated: true}, created, 1},
		"new contact, rule off":               {bridge.Rules{ContactUpdated: true}, created, 0},
		"updated, unmapped contact, rule on":  {bridge.Rules{ContactUpdated: true}, updated, 1},
		"updated, unmapped contact, rule off": {bridge.Rules{ContactCreated: true}, updated, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.SetRules(t, tt.rules)
			id := s.CreateContact(t, map[string]string{"email": ann})
			live(t, s, id, tt.hints())
			if got := s.Tenant.Count(); got != tt.want {
				t.Errorf("%d participants, want %d", got, tt.want)
			}
		})
	}
}

func TestContactLifecycle_sendsAMappedContactsChanges(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	referrer := s.Join(t, "ben@shop.example", "Ben", "Baker")
	id := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Ann"})

	live(t, s, id, created(), func() bridge.Hints {
		s.EditContact(t, id, map[string]string{
			"email": "ann.archer@work.example", "firstname": "Annabel",
			bridge.PropReferredByCode: referrer.ReferralCodes[wiringtest.Program],
		})
		return updated()
	})

	user, ok := s.Tenant.User(ann, ann)
	if !ok || s.Tenant.Count() != 2 {
		t.Fatalf("the ids followed the email: %d participants", s.Tenant.Count())
	}
	if len(user.ReferredByCodes) != 1 {
		t.Error("the referred-by code did not arrive")
	}
	if user.Email != ann || user.FirstName != "Ann" {
		t.Errorf("name or email of a mapped contact travelled: %s, %s", user.FirstName, user.Email)
	}
}

func TestContactLifecycle_doesNothingForHintsThatBringNoNews(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	s.Advocate.Reset()
	writes := s.Portal.Writes()

	live(t, s, id, updated(), updated, created, updated)

	if got := s.Portal.Writes(); got != writes {
		t.Errorf("writes = %+v, want %+v as before", got, writes)
	}
	if got := s.Advocate.Counts(); len(got) != 0 {
		t.Errorf("Advocate was asked although nothing changed: %v", got)
	}
}

func TestContactLifecycle_putsBackIDsThatWereWiped(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, id, created(), func() bridge.Hints {
		s.EditContact(t, id, map[string]string{bridge.PropUserID: "", bridge.PropAccountID: "", bridge.PropReferralCode: ""})
		return updated()
	})

	s.InStep(t, id, ann, ann)
}

func TestContactLifecycle_followsEditedIDsToAnotherParticipant(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	other := s.Join(t, "office@shop.example", "Shop", "Office")
	id := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, id, created(), func() bridge.Hints {
		s.EditContact(t, id, map[string]string{bridge.PropUserID: other.ID})
		return updated()
	})
	wantParked(t, s, bridge.CauseHalfPair)

	s.EditContact(t, id, map[string]string{bridge.PropAccountID: other.AccountID})
	live(t, s, id, updated())

	s.InStep(t, id, other.AccountID, other.ID)
	if items := s.Parked(t); len(items) != 0 {
		t.Errorf("completing the pair left %d items parked", len(items))
	}
}

func TestContactLifecycle_keepsTheMappingWhenTheIDsNameNobody(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, id, created(), func() bridge.Hints {
		s.EditContact(t, id, map[string]string{bridge.PropUserID: "nobody", bridge.PropAccountID: "nobody"})
		return updated()
	})

	wantParked(t, s, bridge.CauseUnknownPair)
	known, err := s.Store.Known(t.Context(), s.Connection.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if user, _ := s.Tenant.User(ann, ann); known.Mapping == nil || known.Mapping.UserID != user.ID {
		t.Error("the old mapping was given up")
	}
}

func TestContactLifecycle_doesNotTakeAParticipantFromAnotherContact(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	first := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, first, created())
	s.EditContact(t, first, map[string]string{"email": "ann.archer@work.example"})
	second := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, second, created())

	wantParked(t, s, bridge.CauseTakenParticipant)
	s.InStep(t, first, ann, ann)
}

func wantParked(t *testing.T, s *wiringtest.System, cause bridge.Cause) bridge.ParkedItem {
	t.Helper()
	items := s.Parked(t)
	if len(items) != 1 || items[0].Cause != cause {
		t.Fatalf("parked = %+v, want one item because of %s", items, cause)
	}
	if items[0].Advice == "" {
		t.Error("the item has no advice")
	}
	return items[0]
}
