package workflows_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// through opens connections whose HubSpot is what wrap makes of it.
type through struct {
	activities.Connections
	wrap func(activities.HubSpot) activities.HubSpot
}

func (c through) Open(ctx context.Context, connectionID string) (activities.ConnectionClients, error) {
	conn, err := c.Connections.Open(ctx, connectionID)
	conn.HubSpot = c.wrap(conn.HubSpot)
	return conn, err
}

// applyThrough has pages be applied through what wrap makes of HubSpot.
func applyThrough(env *testsuite.TestWorkflowEnvironment, s *wiringtest.System, wrap func(activities.HubSpot) activities.HubSpot) {
	pages := activities.NewPages(through{s.Connections, wrap}, s.Store)
	env.RegisterActivityWithOptions(pages.ApplyPages, activity.RegisterOptions{Name: "ApplyPages", DisableAlreadyRegisteredCheck: true})
}

// interrupted lets something happen once HubSpot has created contacts, before anybody
// records it.
type interrupted struct {
	activities.HubSpot
	then func()
}

func (p interrupted) CreateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	defer p.then()
	return p.HubSpot.CreateContacts(ctx, lane, writes)
}

// unrecorded takes the answers of the first call of each kind away, once contacts were
// told of by webhooks: the attempt fails to record anything.
type unrecorded struct {
	activities.HubSpot
	taken *sync.Map // by kind of call
	heard func(contactID string)
}

func (p unrecorded) lost(kind string, answers map[string]portal.Result, err error) (map[string]portal.Result, error) {
	if _, again := p.taken.LoadOrStore(kind, true); again || err != nil {
		return answers, err
	}
	for _, answer := range answers {
		p.heard(answer.ContactID)
	}
	return nil, &bridge.Error{Kind: bridge.Unavailable, Op: "test", Err: errors.New("the database is gone")}
}

func (p unrecorded) CreateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	answers, err := p.HubSpot.CreateContacts(ctx, lane, writes)
	return p.lost("create", answers, err)
}

func (p unrecorded) UpdateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	answers, err := p.HubSpot.UpdateContacts(ctx, lane, writes)
	return p.lost("update of "+writes[0].ContactID, answers, err)
}

// A contact's own workflow hears of a write before the run has recorded it. The run counts
// what it did all the same.
func TestMassSync_countsWhatWasHeardBeforeItWasRecorded(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	report(t, s)
	changeCode(t, s, "SECOND")                                         // to be updated
	s.Join(t, person(1), "Bob", "Baker")                               // to be created
	s.Join(t, person(2), "Cy", "Cook")                                 // to be matched
	s.CreateContact(t, map[string]string{bridge.PropEmail: person(2)}) // unheard of
	run, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(s)
	var taken sync.Map
	applyThrough(env, s, func(crm activities.HubSpot) activities.HubSpot {
		return unrecorded{crm, &taken, func(id string) { live(t, s, id, created()) }}
	})
	env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})

	wantCounts(t, massProgress(t, s).Counts, store.Counts{Total: 3, Created: 1, Matched: 1, Updated: 1})
	for _, email := range []string{ann, person(1), person(2)} {
		id, _ := s.ContactByEmail(t, email)
		s.InStep(t, id, email, email)
	}
}

// overtaken has another attempt do its work before an update of this one gets its token.
type overtaken struct {
	activities.HubSpot
	another func()
}

func (p overtaken) UpdateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	p.another()
	return p.HubSpot.UpdateContacts(ctx, lane, writes)
}

// Temporal starts a second attempt when it has heard nothing of the first, which may be
// waiting for its token. The first one writes nothing after the second.
func TestMassSync_anAttemptThatWasTakenForDeadWritesNothing(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	report(t, s)
	changeCode(t, s, "SECOND")
	run, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(s)
	another := sync.OnceFunc(func() {
		second := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
		second.RegisterActivity(activities.NewPages(s.Connections, s.Store))
		if _, err := second.ExecuteActivity("ApplyPages", activities.ApplyPagesInput{Run: activities.Run{ID: run.ID}, From: 1, To: 1}); err != nil {
			t.Error(err)
		}
	})
	applyThrough(env, s, func(crm activities.HubSpot) activities.HubSpot { return overtaken{crm, another} })
	env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})

	wantCounts(t, massProgress(t, s).Counts, store.Counts{Total: 1, Updated: 1})
	if got := s.Portal.Writes(); got.Repeats != 0 {
		t.Errorf("%d writes repeated what the contact had", got.Repeats)
	}
	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, ann, ann)
}

// retryDue runs the retries that need nobody's word.
func retryDue(t *testing.T, s *wiringtest.System) {
	t.Helper()
	before := len(s.Temporal.Started())
	if err := s.Operator.RetryDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, started := range s.Temporal.Started()[before:] {
		env := environment(s)
		env.ExecuteWorkflow(started.Workflow, started.Args...)
		if err := env.GetWorkflowError(); err != nil {
			t.Fatalf("the retry failed: %v", err)
		}
	}
}

// Whatever HubSpot took is known in the end, or its contact is looked at again.
func TestMassSync_endedWhileAPageIsWritten_leavesNothingUnrecorded(t *testing.T) {
	t.Parallel()
	const update, create = "POST /crm/objects/2026-09/contacts/batch/update", "POST /crm/objects/2026-09/contacts/batch/create"
	type interruption func(*testing.T, *wiringtest.System, *testsuite.TestWorkflowEnvironment, store.Run)
	midWrite := func(then interruption) interruption {
		return func(t *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, run store.Run) {
			once := sync.OnceFunc(func() { then(t, s, env, run) })
			applyThrough(env, s, func(crm activities.HubSpot) activities.HubSpot { return interrupted{crm, once} })
		}
	}
	tests := map[string]interruption{
		"by the operator": midWrite(func(t *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, run store.Run) {
			desired(t, s, run, store.DesiredCancelled)
			env.SignalWorkflow(workflows.SignalDesired, nil)
		}),
		"in the Temporal UI": midWrite(func(_ *testing.T, _ *wiringtest.System, env *testsuite.TestWorkflowEnvironment, _ store.Run) {
			env.CancelWorkflow()
		}),
		"by a worker that took this one for dead": midWrite(func(t *testing.T, s *wiringtest.System, _ *testsuite.TestWorkflowEnvironment, run store.Run) {
			if err := s.Store.CancelRun(t.Context(), run.ID); err != nil {
				t.Error(err)
			}
		}),
		"by the operator, while HubSpot's answers are lost": func(t *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, run store.Run) {
			for _, route := range []string{update, create} {
				s.HubSpot.Inject(hubspottest.Fault{Route: route, Status: 504, After: true, Times: -1})
			}
			env.RegisterDelayedCallback(func() {
				desired(t, s, run, store.DesiredCancelled)
				env.SignalWorkflow(workflows.SignalDesired, nil)
			}, 10*time.Minute)
		},
		"in the Temporal UI, while HubSpot is down after the first answer was lost": func(_ *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, _ store.Run) {
			for _, route := range []string{update, create} {
				s.HubSpot.Inject(hubspottest.Fault{Route: route, Status: 504, After: true})
			}
			s.HubSpot.Inject(hubspottest.Fault{Route: "POST /crm/objects/2026-09/contacts/batch/read", Status: 503, Times: -1})
			env.RegisterDelayedCallback(env.CancelWorkflow, 10*time.Minute)
		},
	}
	for name, interrupt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			first := s.Join(t, ann, "Ann", "Archer").ReferralCodes[wiringtest.Program]
			report(t, s)
			changeCode(t, s, "SECOND")
			s.Join(t, person(1), "Bob", "Baker")
			run, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
			if err != nil {
				t.Fatal(err)
			}
			env := environment(s)
			interrupt(t, s, env, run)
			env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})
			if got := massProgress(t, s); got.State == store.RunPlanned {
				t.Fatalf("the run is %s: %v", got.State, env.GetWorkflowError())
			}

			s.HubSpot.ClearFaults()
			retryDue(t, s)
			relayAll(t, s)

			wantNothingParked(t, s)
			if id, _ := s.ContactByEmail(t, person(1)); s.State(t, id) != bridge.StateMapped {
				t.Errorf("the contact that the run made is %q", s.State(t, id))
			}
			id, _ := s.ContactByEmail(t, ann)
			s.InStep(t, id, ann, ann)
			changeCode(t, s, first) // as the report of long ago knew it
			report(t, s)
			s.InStep(t, id, ann, ann)
		})
	}
}

func changeCode(t *testing.T, s *wiringtest.System, code string) {
	t.Helper()
	if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, code); err != nil {
		t.Fatal(err)
	}
}

// The contacts of a portal lose the values of a property that is removed.
func TestMassSync_writesAgainWhatAPropertyLostThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	for _, property := range []string{bridge.PropShareLink, bridge.PropUserID} {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)
			s.Portal.Tune(func(k *hubspottest.Knobs) { k.KeepValues = false })
			if err := s.Portal.ArchiveProperty("contacts", property); err != nil {
				t.Fatal(err)
			}
			s.Reconnect(t)
			if s.Contact(t, id)[property] != "" {
				t.Fatal("the stand-in kept the value")
			}
			massSync(t, s, false)
			s.InStep(t, id, ann, ann)
		})
	}
}

// A row that waits for a contact is read again once the contact is free.
func TestRetryDue_looksAgainAtWhatWasTakenOnceItIsFree(t *testing.T) {
	t.Parallel()
	const shared = "shared@shop.example"
	tests := map[string]struct {
		free   func(t *testing.T, s *wiringtest.System, holder string)
		mapped bool // to the participant that waits, in the end
	}{
		"the contact is deleted": {func(t *testing.T, s *wiringtest.System, holder string) {
			t.Helper()
			archive(t, s, holder)
			live(t, s, holder, deleted())
		}, true},
		"the contact is mapped to the participant that waits": {func(t *testing.T, s *wiringtest.System, holder string) {
			t.Helper()
			s.EditContact(t, holder, map[string]string{bridge.PropUserID: shared, bridge.PropAccountID: shared})
			live(t, s, holder, updated())
		}, true},
		"Advocate's staff deletes the participant that has it": {func(t *testing.T, s *wiringtest.System, holder string) {
			t.Helper()
			s.Tenant.Delete(ann, ann, false)
			live(t, s, holder, resync())
		}, true},
		"nothing is free: only a name was changed": {func(t *testing.T, s *wiringtest.System, holder string) {
			t.Helper()
			s.EditContact(t, holder, map[string]string{"firstname": "Anna"})
			live(t, s, holder, resync())
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			holder := mappedContact(t, s, ann)
			s.EditContact(t, holder, map[string]string{"email": shared})
			live(t, s, holder, updated())
			s.Join(t, shared, "Sam", "Shared")
			report(t, s)
			wantParked(t, s, bridge.CauseTakenContact)
			before := len(s.Temporal.Started())
			retryDue(t, s)
			if n := len(s.Temporal.Started()) - before; n != 0 {
				t.Fatalf("%d retries although nothing has changed", n)
			}

			tt.free(t, s, holder)
			retryDue(t, s)
			retryDue(t, s)

			if n := len(s.Temporal.Started()) - before; n > 1 {
				t.Errorf("%d retries", n)
			}
			if !tt.mapped {
				wantParked(t, s, bridge.CauseTakenContact)
				return
			}
			for _, item := range s.Parked(t) {
				if item.Cause == bridge.CauseTakenContact {
					t.Errorf("still parked: %s", item.Cause)
				}
			}
			id, _ := s.ContactByEmail(t, shared)
			s.InStep(t, id, shared, shared)
		})
	}
}
