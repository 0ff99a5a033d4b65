package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// champions is the tenant's other live program; young goes live in a test, so
// that nobody who is there already has a code in it.
const (
	champions = "48001"
	young     = "46100"
)

// switchTo asks for another program. Each hook sees every attempt at an
// activity after it did its work, and may have it fail.
func switchTo(t *testing.T, s *wiringtest.System, in workflows.ProgramSwitchInput, hooks ...hook) (workflows.ProgramSwitchResult, error) {
	t.Helper()
	env := environment(s)
	env.SetWorkerOptions(workerOptions(&afterwards{hooks: hooks}))
	in.ConnectionID = s.Connection.ID
	env.ExecuteWorkflow(workflows.ProgramSwitchName, in)
	if err := env.GetWorkflowError(); err != nil {
		return workflows.ProgramSwitchResult{}, err
	}
	var result workflows.ProgramSwitchResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result, nil
}

func wantSwitched(t *testing.T, s *wiringtest.System, in workflows.ProgramSwitchInput, hooks ...hook) store.ProgramSwitch {
	t.Helper()
	result, err := switchTo(t, s, in, hooks...)
	if err != nil || result.State != store.SwitchDone {
		t.Fatalf("the switch ended as %+v: %v", result, err)
	}
	return latest(t, s)
}

func latest(t *testing.T, s *wiringtest.System) store.ProgramSwitch {
	t.Helper()
	sw, err := s.Store.LatestSwitch(t.Context(), s.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	return sw
}

// hook is called with the name of an activity that has done its work.
type hook func(name string) error

// afterwards calls hooks after activities.
type afterwards struct {
	interceptor.WorkerInterceptorBase
	hooks []hook
}

func (a *afterwards) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &afterwardsInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, a.hooks}
}

type afterwardsInbound struct {
	interceptor.ActivityInboundInterceptorBase
	hooks []hook
}

func (a *afterwardsInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := a.Next.ExecuteActivity(ctx, in)
	for _, h := range a.hooks {
		if failure := h(activity.GetInfo(ctx).ActivityType.Name); err == nil && failure != nil {
			return nil, failure
		}
	}
	return result, err
}

// once calls f the first time that the named activity is seen.
func once(name string, f func() error) hook {
	var mu sync.Mutex
	seen := false
	return func(at string) error {
		mu.Lock()
		first := !seen && at == name
		seen = seen || first
		mu.Unlock()
		if first {
			return f()
		}
		return nil
	}
}

// crowd makes people who are participants and mapped contacts, and returns
// their contacts' ids.
func crowd(t *testing.T, s *wiringtest.System, people int) []string {
	t.Helper()
	for i := range people {
		s.Join(t, person(i), "Person", fmt.Sprint(i))
	}
	report(t, s)
	ids := make([]string, people)
	for i := range people {
		ids[i], _ = s.ContactByEmail(t, person(i))
		s.InStep(t, ids[i], person(i), person(i))
	}
	return ids
}

func wantConnected(t *testing.T, s *wiringtest.System, program string) {
	t.Helper()
	c, err := s.Store.Connection(t.Context(), s.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c.Program != program || c.Switching {
		t.Errorf("program %s is connected (switching: %t), want %s", c.Program, c.Switching, program)
	}
	for _, def := range bridge.OwnedProperties() {
		if _, there := s.Portal.Property("contacts", def.Name); !there {
			t.Errorf("the property %s is missing", def.Name)
		}
	}
}

func wantOutcomes(t *testing.T, sw store.ProgramSwitch, want map[store.PropertyOutcome]int) {
	t.Helper()
	got := map[store.PropertyOutcome]int{}
	for _, p := range sw.Properties {
		got[p.Outcome]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("properties %v, want %v", got, want)
	}
}

// waysToSwitch are the ways a switch can go, and what a portal may do with the
// values of properties that come back.
var waysToSwitch = map[string]struct {
	inPlace, keepValues bool
}{
	"removed and created, old values come back": {false, true},
	"removed and created, old values are gone":  {false, false},
	"in place": {true, false},
}

func TestProgramSwitch_givesEveryMappedContactTheNewProgramsValues(t *testing.T) {
	t.Parallel()
	for name, way := range waysToSwitch {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Portal.Tune(func(k *hubspottest.Knobs) { k.KeepValues = way.keepValues })
			ids := crowd(t, s, 12)
			s.Join(t, "zoe@shop.example", "Zoe", "Unmapped")

			sw := wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions, InPlace: way.inPlace})

			wantConnected(t, s, champions)
			for i, id := range ids {
				s.InStepWith(t, champions, id, person(i), person(i))
			}
			if _, made := s.Portal.ContactByEmail("zoe@shop.example"); made {
				t.Error("a contact was made though no mass sync was asked for")
			}
			want := map[store.PropertyOutcome]int{store.PropertyCreated: 10}
			if way.inPlace {
				want = map[store.PropertyOutcome]int{store.PropertyKept: 10}
			}
			wantOutcomes(t, sw, want)
			if got := s.Portal.Writes().Repeats; got != 0 {
				t.Errorf("%d writes changed nothing", got)
			}
		})
	}
}

func TestProgramSwitch_syncsEverybodyIfAskedTo(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := crowd(t, s, 3)
	zoe := s.Join(t, "zoe@shop.example", "Zoe", "Unmapped")

	wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions, MassSync: true})

	s.InStepWith(t, champions, ids[0], person(0), person(0))
	id, _ := s.ContactByEmail(t, "zoe@shop.example")
	s.InStepWith(t, champions, id, zoe.AccountID, zoe.ID)
}

func TestProgramSwitch_clearsWhatTheNewProgramHasNoValueFor(t *testing.T) {
	t.Parallel()
	for name, way := range waysToSwitch {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Portal.Tune(func(k *hubspottest.Knobs) { k.KeepValues = way.keepValues })
			ids := crowd(t, s, 3)
			if err := s.Tenant.SetProgram(advocatetest.Program{ID: young, Name: "Spring campaign", Status: advocatetest.Live}); err != nil {
				t.Fatal(err)
			}
			// Only one of them is touched once the program is live.
			if _, err := s.Tenant.Edit(person(0), person(0), func(u *advocatetest.User) { u.FirstName = "Touched" }); err != nil {
				t.Fatal(err)
			}

			wantSwitched(t, s, workflows.ProgramSwitchInput{Program: young, InPlace: way.inPlace})

			s.InStepWith(t, young, ids[0], person(0), person(0))
			if s.Contact(t, ids[0])[bridge.PropReferralCode] == "" {
				t.Error("the one with a code in the new program does not carry it")
			}
			for _, id := range ids[1:] {
				wantCleared(t, s, id)
			}
		})
	}
}

// wantCleared: nothing of a program is left, but the ids are.
func wantCleared(t *testing.T, s *wiringtest.System, id string) {
	t.Helper()
	props := s.Contact(t, id)
	for _, def := range bridge.OwnedProperties() {
		if def.ProgramSourced && props[def.Name] != "" {
			t.Errorf("contact %s carries %s = %s", id, def.Name, props[def.Name])
		}
	}
	if props[bridge.PropUserID] == "" || props[bridge.PropAccountID] == "" {
		t.Errorf("contact %s lost its ids", id)
	}
}

func TestProgramSwitch_clearsContactsWhoseParticipantIsGone(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := crowd(t, s, 2)
	s.Tenant.Delete(person(1), person(1), false)

	sw := wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions})

	if sw.Revisited != 1 {
		t.Errorf("%d contacts are looked at one by one, want the one without a participant", sw.Revisited)
	}
	live(t, s, ids[1], resync()) // as the relay has it
	for _, def := range bridge.OwnedProperties() {
		if value := s.Contact(t, ids[1])[def.Name]; (def.ProgramSourced || def.Name == bridge.PropUserID || def.Name == bridge.PropAccountID) && value != "" {
			t.Errorf("contact %s carries %s = %s of a participant that is gone", ids[1], def.Name, value)
		}
	}
	s.InStepWith(t, champions, ids[0], person(0), person(0))
	if got := s.Tenant.Count(); got != 1 {
		t.Errorf("%d participants: the one who was deleted is back", got)
	}
}

func TestProgramSwitch_leavesTheOldProgramWhenAPropertyIsInUse(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"old values come back": true, "old values are gone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tests := map[string]struct {
				before func(*wiringtest.System)
				want   map[store.PropertyOutcome]int
			}{
				"and HubSpot says so at once": {
					func(*wiringtest.System) {}, map[store.PropertyOutcome]int{store.PropertyInUse: 1, store.PropertyKept: 9}},
				"and HubSpot tells only of single ones": {
					func(s *wiringtest.System) {
						s.HubSpot.Inject(hubspottest.Fault{Route: "POST /crm/properties/2026-09/contacts/batch/archive", Status: 400})
					}, map[store.PropertyOutcome]int{store.PropertyInUse: 1, store.PropertyRestored: 9}},
			}
			for name, tt := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := wiringtest.New(t)
					ids := crowd(t, s, 5)
					s.Portal.Tune(func(k *hubspottest.Knobs) {
						k.KeepValues, k.InUse = keep, map[string]int{bridge.PropShareLink: 2}
					})
					tt.before(s)

					result, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: champions})

					if err != nil || result.State != store.SwitchRefused {
						t.Fatalf("the switch ended as %+v: %v", result, err)
					}
					sw := latest(t, s)
					wantOutcomes(t, sw, tt.want)
					if want := "HubSpot refuses to remove " + bridge.PropShareLink; sw.Reason != want {
						t.Errorf("reason %q, want %q", sw.Reason, want)
					}
					if refreshed := sw.RefreshRun != 0; refreshed != (tt.want[store.PropertyRestored] > 0) {
						t.Errorf("contacts refreshed: %t", refreshed)
					}
					wantConnected(t, s, wiringtest.Program)
					for i, id := range ids {
						s.InStep(t, id, person(i), person(i))
					}
					s.EditContact(t, ids[0], map[string]string{bridge.PropReferralCode: ""})
					live(t, s, ids[0], resync())
					s.InStep(t, ids[0], person(0), person(0))

					wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions, InPlace: true})
					s.InStepWith(t, champions, ids[0], person(0), person(0))
				})
			}
		})
	}
}

// steps are the activities of a switch.
var steps = []string{"BeginSwitch", "StopWriters", "ArchiveProperties", "CreateProperties", "ConnectProgram", "BeginRefresh", "FinishSwitch"}

func TestProgramSwitch_survivesACrashAfterEveryStep(t *testing.T) {
	t.Parallel()
	lost := errors.New("the worker died before it could tell")
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			ids := crowd(t, s, 3)
			crashed := false

			wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions}, once(step, func() error {
				crashed = true
				return lost
			}))

			if !crashed {
				t.Fatalf("there is no step %s", step)
			}
			wantConnected(t, s, champions)
			for i, id := range ids {
				s.InStepWith(t, champions, id, person(i), person(i))
			}
		})
	}
}

func TestProgramSwitch_isTakenUpWhereverTheWorkflowStopped(t *testing.T) {
	t.Parallel()
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			ids := crowd(t, s, 3)
			stop := func() error { return temporal.NewNonRetryableApplicationError("stopped", "test", nil) }
			if _, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: champions}, once(step, stop)); err == nil {
				t.Fatal("the workflow was not stopped")
			}

			result, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: champions})

			if step == "FinishSwitch" { // it had done all there is to do
				if err != nil || result.NotBegun != store.CodeConnected {
					t.Errorf("asked again: %+v, %v", result, err)
				}
			} else if err != nil || result.State != store.SwitchDone {
				t.Errorf("taken up, the switch ended as %+v: %v", result, err)
			}
			wantConnected(t, s, champions)
			for i, id := range ids {
				s.InStepWith(t, champions, id, person(i), person(i))
			}
		})
	}
}

func TestProgramSwitch_outlastsFaultsOfHubSpot(t *testing.T) {
	t.Parallel()
	const properties = "/crm/properties/2026-09/contacts"
	faults := map[string]hubspottest.Fault{
		"while reading":                {Route: "POST " + properties + "/batch/read", Status: 503},
		"while removing":               {Route: "POST " + properties + "/batch/archive", Status: 503},
		"after removing":               {Route: "POST " + properties + "/batch/archive", Status: 504, After: true},
		"while creating the group":     {Route: "POST " + properties + "/groups", Status: 502},
		"while creating":               {Route: "POST " + properties + "/batch/create", Status: 500},
		"after creating":               {Route: "POST " + properties + "/batch/create", Status: 504, After: true},
		"after writing to the contact": {Route: "POST /crm/objects/2026-09/contacts/batch/update", Status: 504, After: true},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			ids := crowd(t, s, 3)
			s.HubSpot.Inject(fault)

			wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions})

			wantConnected(t, s, champions)
			for i, id := range ids {
				s.InStepWith(t, champions, id, person(i), person(i))
			}
		})
	}
}

// Contacts cannot be written to without the properties, so a switch that cannot
// create them waits for a person, and says so. One of them holds up none of the others.
func TestProgramSwitch_waitsUntilThePropertiesCanBeCreated(t *testing.T) {
	t.Parallel()
	const (
		properties = "/crm/properties/2026-09/contacts"
		link       = `"name":"` + bridge.PropShareLink + `"`
	)
	for name, tt := range map[string]struct {
		fault hubspottest.Fault
		want  map[store.PropertyOutcome]int
	}{
		"HubSpot refuses all of them":     {hubspottest.Fault{Route: "POST " + properties + "/batch/create", Status: 400}, map[store.PropertyOutcome]int{store.PropertyRefused: 10}},
		"HubSpot refuses one":             {hubspottest.Fault{Route: "POST " + properties + "/batch/create", Status: 400, Contains: link}, map[store.PropertyOutcome]int{store.PropertyCreated: 9, store.PropertyRefused: 1}},
		"HubSpot fails on one for ever":   {hubspottest.Fault{Route: "POST " + properties + "/batch/create", Status: 500, Contains: link}, map[store.PropertyOutcome]int{store.PropertyCreated: 9, store.PropertyRefused: 1}},
		"a gateway fails on one for ever": {hubspottest.Fault{Route: "POST " + properties + "/batch/create", Status: 504, Contains: link}, map[store.PropertyOutcome]int{store.PropertyCreated: 9, store.PropertyRefused: 1}},
		"a firewall refuses one for ever": {hubspottest.Fault{Route: "POST " + properties + "/batch/create", Status: 403, Contains: link, Answer: fault.Answer{Page: true}}, map[store.PropertyOutcome]int{store.PropertyCreated: 9, store.PropertyRefused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			ids := crowd(t, s, 2)
			tt.fault.Times = -1
			told, tries := store.ProgramSwitch{}, 0

			wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions},
				once("ArchiveProperties", func() error { s.HubSpot.Inject(tt.fault); return nil }),
				func(name string) error {
					if name != "CreateProperties" {
						return nil
					}
					if tries++; tries == 6 { // what HubSpot refuses stays to be seen until then
						told = latest(t, s)
						s.HubSpot.ClearFaults()
					}
					return nil
				})

			wantOutcomes(t, told, tt.want)
			wantConnected(t, s, champions)
			s.InStepWith(t, champions, ids[0], person(0), person(0))
		})
	}
}

// An operator who cancels the mass sync keeps the new program.
func TestProgramSwitch_endsWhenItsMassSyncIsCancelled(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := crowd(t, s, 2)
	cancel := func() error { return s.Store.SetDesired(t.Context(), latest(t, s).RefreshRun, store.DesiredCancelled) }

	sw := wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions}, once("BeginRefresh", cancel))

	wantConnected(t, s, champions)
	if sw.Revisited != 0 {
		t.Errorf("%d contacts are looked at, though nobody wants them refreshed", sw.Revisited)
	}
	live(t, s, ids[0], resync())
	s.InStepWith(t, champions, ids[0], person(0), person(0))
}

func TestProgramSwitch_refreshesAgainAfterARefreshThatFailed(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := crowd(t, s, 2)
	fail := func() error { return temporal.NewNonRetryableApplicationError("failed", "test", nil) }
	if _, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: champions}, once("PlanRun", fail)); err == nil {
		t.Fatal("nobody was told that the refresh failed")
	}

	wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions})

	s.InStepWith(t, champions, ids[0], person(0), person(0))
}

func TestProgramSwitch_waitsForTheMassSyncOfAnOperatorWhoWasFaster(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	crowd(t, s, 1)
	programs := activities.NewPrograms(s.Connections, s.Store)
	await := func() (activities.AwaitRefreshResult, error) {
		return programs.AwaitRefresh(t.Context(), activities.Switch{ID: latest(t, s).ID})
	}

	wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions}, once("BeginRefresh", func() error {
		var waits *temporal.ApplicationError
		if _, err := await(); !errors.As(err, &waits) || waits.Type() != string(bridge.Pending) {
			t.Errorf("nobody waits for the mass sync: %v", err)
		}
		return nil
	}))

	if got, err := await(); err != nil || !got.Done {
		t.Errorf("the mass sync ended as %+v: %v", got, err)
	}
}

func TestProgramSwitch_isNotBegun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before  func(*testing.T, *wiringtest.System)
		program string
		want    string
	}{
		"to the program that is connected": {func(*testing.T, *wiringtest.System) {}, wiringtest.Program, store.CodeConnected},
		"beside another one": {func(t *testing.T, s *wiringtest.System) {
			stop := func() error { return temporal.NewNonRetryableApplicationError("stopped", "test", nil) }
			if _, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: young}, once("ArchiveProperties", stop)); err == nil {
				t.Fatal("the other one was not stopped")
			}
		}, champions, store.CodeOtherSwitch},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			tt.before(t, s)
			result, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: tt.program})
			if err != nil || result.NotBegun != tt.want {
				t.Errorf("the switch ended as %+v (%v), want it not to begin: %s", result, err, tt.want)
			}
		})
	}
}

// A webhook's look that comes in the middle of a switch waits, and ends with
// the new program's values.
func TestProgramSwitch_makesWebhooksWait(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"BeginSwitch", "ArchiveProperties", "CreateProperties"} {
		t.Run("after "+step, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			crowd(t, s, 1)
			id := s.CreateContact(t, map[string]string{"email": ann})
			look := activities.SyncContactInput{ConnectionID: s.Connection.ID, ContactID: id, Hints: created()}
			contacts := activities.NewContacts(s.Connections, s.Store, wiringtest.Hold, time.Now)

			wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions}, once(step, func() error {
				_, err := contacts.SyncContact(t.Context(), look)
				var waits *temporal.ApplicationError
				if !errors.As(err, &waits) || waits.Type() != string(bridge.Pending) || waits.NonRetryable() {
					t.Errorf("the look does not wait: %v", err)
				}
				return nil
			}))

			live(t, s, id, created())
			s.InStepWith(t, champions, id, ann, ann)
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("%d items are parked", len(items))
			}
		})
	}
}

// A privacy deletion does not wait for anybody's campaign.
func TestProgramSwitch_letsDeletionsPass(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := crowd(t, s, 2)
	wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions}, once("ArchiveProperties", func() error {
		if err := s.Portal.Person(1).Erase(ids[0]); err != nil {
			return err
		}
		live(t, s, ids[0], bridge.Hints{ErasedAt: time.Now()})
		return nil
	}))
	if got := s.State(t, ids[0]); got != bridge.StateErased {
		t.Errorf("state = %s, want erased", got)
	}
	s.InStepWith(t, champions, ids[1], person(1), person(1))
}

// slow opens a link, and lets something happen before anybody uses it.
type slow struct {
	activities.Connections
	meanwhile func()
}

func (l *slow) Open(ctx context.Context, connectionID string) (activities.ConnectionClients, error) {
	link, err := l.Connections.Open(ctx, connectionID)
	if then := l.meanwhile; then != nil {
		l.meanwhile = nil
		then()
	}
	return link, err
}

// A look that began under the old program writes when the switch is over. Its
// values do not stay.
func TestProgramSwitch_putsLateWritesOfTheOldProgramRight(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"written after the refresh":           "", // the whole switch happens meanwhile
		"refused, for the properties are not": "ArchiveProperties",
	}
	for name, until := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			ids := crowd(t, s, 2)
			s.EditContact(t, ids[0], map[string]string{bridge.PropReferralCode: "wiped"})
			stop := func() error { return temporal.NewNonRetryableApplicationError("stopped", "test", nil) }
			connections := &slow{Connections: s.Connections, meanwhile: func() {
				if _, err := switchTo(t, s, workflows.ProgramSwitchInput{Program: champions}, once(until, stop)); (err == nil) != (until == "") {
					t.Errorf("the switch: %v", err)
				}
			}}
			contacts := activities.NewContacts(connections, s.Store, wiringtest.Hold, time.Now)

			_, err := contacts.SyncContact(t.Context(), activities.SyncContactInput{
				ConnectionID: s.Connection.ID, ContactID: ids[0], Hints: resync()})

			if until != "" {
				var waits *temporal.ApplicationError
				if !errors.As(err, &waits) || waits.Type() != string(bridge.Pending) {
					t.Errorf("the write was not put off: %v", err)
				}
				wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions})
			} else if err != nil {
				t.Fatal(err)
			}
			live(t, s, ids[0], resync()) // as the relay, or the next attempt, has it
			s.InStepWith(t, champions, ids[0], person(0), person(0))
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("%d items are parked", len(items))
			}
		})
	}
}

// A report that was planned under the old program writes nothing any more, and
// what it was about is not lost.
func TestProgramSwitch_endsReportsOfTheOldProgram(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := crowd(t, s, 3)
	if _, err := s.Tenant.ChangeCode(person(1), person(1), wiringtest.Program, "LATEST"); err != nil {
		t.Fatal(err)
	}
	s.Join(t, ann, "Ann", "Archer")

	result := interruptedReport(t, s, func() {
		wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions})
	})

	if result.Abandoned == "" {
		t.Errorf("the report went on: %+v", result)
	}
	for i, id := range ids {
		s.InStepWith(t, champions, id, person(i), person(i))
	}
	report(t, s)
	id, _ := s.ContactByEmail(t, ann)
	s.InStepWith(t, champions, id, ann, ann)
}

// interruptedReport runs a report in which something happens once it is planned.
func interruptedReport(t *testing.T, s *wiringtest.System, meanwhile func()) workflows.ReportSyncResult {
	t.Helper()
	env := environment(s)
	env.SetWorkerOptions(workerOptions(&afterwards{hooks: []hook{once("PrepareReport", func() error { meanwhile(); return nil })}}))
	env.ExecuteWorkflow(workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: s.Connection.ID})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the report failed: %v", err)
	}
	var result workflows.ReportSyncResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result
}
