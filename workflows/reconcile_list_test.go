package workflows_test

import (
	"context"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// watched tells of each page of the list that is asked for.
type watched struct {
	activities.HubSpot
	asked func(archived bool, after string)
}

func (w watched) ListContacts(ctx context.Context, archived bool, after string) (portal.ContactPage, error) {
	w.asked(archived, after)
	return w.HubSpot.ListContacts(ctx, archived, after)
}

// listThrough has contacts be listed through a watched HubSpot.
func listThrough(env *testsuite.TestWorkflowEnvironment, s *wiringtest.System, asked func(archived bool, after string)) {
	wrap := func(crm activities.HubSpot) activities.HubSpot { return watched{crm, asked} }
	reconciles := activities.NewReconciles(through{s.Connections, wrap}, s.Store, bridge.InferredAsk)
	env.RegisterActivityWithOptions(reconciles.ListContacts, activity.RegisterOptions{Name: "ListContacts", DisableAlreadyRegisteredCheck: true})
}

func TestReconcile_asksForThePageAheadWhileItStagesOne(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const people = 250
	for i := range people {
		s.CreateContact(t, map[string]string{"email": person(i)})
	}
	s.HubSpot.Webhooks().Take()
	s.SetRules(t, bridge.Rules{})
	var (
		mu     sync.Mutex
		first  int
		staged = sync.OnceFunc(s.Lock(t, "LOCK TABLE reconcile_contact IN EXCLUSIVE MODE"))
	)
	got := reconcile(t, s, false, func(env *testsuite.TestWorkflowEnvironment, _ store.Run) {
		listThrough(env, s, func(archived bool, after string) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case archived:
			case after != "":
				staged() // the first page can be staged now
			default:
				if first++; first > 1 {
					t.Error("nobody asked for the second page before the first was staged")
					staged()
				}
			}
		})
	})
	if got.Contacts != people {
		t.Errorf("%d contacts listed, want %d", got.Contacts, people)
	}
}

// Temporal starts a second attempt when it has heard nothing of the first one, which
// goes on where the second has come to.
func TestReconcile_anAttemptThatWasOvertakenStagesNothingTwice(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const people = 450
	for i := range people {
		s.CreateContact(t, map[string]string{"email": person(i)})
	}
	s.HubSpot.Webhooks().Take()
	s.SetRules(t, bridge.Rules{})
	var pages int
	got := reconcile(t, s, false, func(env *testsuite.TestWorkflowEnvironment, run store.Run) {
		another := sync.OnceFunc(func() {
			second := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
			second.RegisterActivity(activities.NewReconciles(s.Connections, s.Store, bridge.InferredAsk))
			if _, err := second.ExecuteActivity("ListContacts", activities.Run{ID: run.ID}); err != nil {
				t.Error(err)
			}
		})
		listThrough(env, s, func(_ bool, after string) {
			if pages++; after != "" {
				another()
			}
		})
	})
	if got.Contacts != people {
		t.Errorf("%d contacts listed, want %d", got.Contacts, people)
	}
	// The first, the second, which the other attempt overtook, and at most the one ahead of that.
	if pages > 3 {
		t.Errorf("the first attempt asked for %d pages", pages)
	}
}
