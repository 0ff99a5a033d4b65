package operator_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

const champions = "48001"

func TestPrograms_listsTheConnectedOneFirst(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	got, err := s.Operator.Programs(t.Context(), s.Connection)
	if err != nil {
		t.Fatal(err)
	}
	want := []operator.Program{
		{ID: wiringtest.Program, Name: "Refer a friend", Live: true, Connected: true},
		{ID: champions, Name: "Customer champions", Live: true},
		{ID: "46100", Name: "Spring campaign"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlanSwitch_tellsWhatWillHappen(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	mapped(t, s, ann)
	if err := s.Portal.ArchiveProperty("contacts", bridge.PropShareLink); err != nil {
		t.Fatal(err)
	}
	plan, err := s.Operator.PlanSwitch(t.Context(), s.Connection, operator.SwitchInput{Program: champions, MassSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if plan.To.Name != "Customer champions" || plan.Contacts != 1 || !plan.MassSync || plan.UnderWay || len(plan.Properties) != 10 {
		t.Errorf("plan %+v", plan)
	}
	for _, p := range plan.Properties {
		if p.Missing != (p.Name == bridge.PropShareLink) {
			t.Errorf("%s missing: %t", p.Name, p.Missing)
		}
	}
}

func TestPlanSwitch_refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(*testing.T, *wiringtest.System)
		in     operator.SwitchInput
		says   []string
	}{
		"the program that is connected": {
			nil, operator.SwitchInput{Program: wiringtest.Program}, []string{"already connected"}},
		"a program that is not live": {
			nil, operator.SwitchInput{Program: "46100"}, []string{"not live"}},
		"a program that the tenant does not have, and lists those it has": {
			nil, operator.SwitchInput{Program: "99999"}, []string{"no program", "48001 (Customer champions)"}},
		"credentials that Advocate does not take": {
			func(_ *testing.T, s *wiringtest.System) {
				s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Status: 401})
			}, operator.SwitchInput{Program: champions}, []string{"Advocate refuses", "starter connect"}},
		"without the right to change properties, and says what else is wrong": {
			func(_ *testing.T, s *wiringtest.System) {
				s.Portal.Tune(func(k *hubspottest.Knobs) { k.MissingScopes = []string{"crm.schemas.contacts.write"} })
			}, operator.SwitchInput{Program: "46100"}, []string{"HubSpot refuses", "not live"}},
		"a property of another type": {
			func(t *testing.T, s *wiringtest.System) {
				crm := s.HubSpot.AddPortal(hubspottest.PortalConfig{ID: s.Portal.ID(), Token: hubspottest.DefaultToken}) // an empty one
				must(t, crm.DefineProperty("contacts", hubspottest.Property{
					Name: bridge.PropReferralCode, Label: "Code", GroupName: bridge.PropertyGroup, Type: "number", FieldType: "number"}))
			}, operator.SwitchInput{Program: champions}, []string{bridge.PropReferralCode, "type number"}},
		"a switch beside another": {
			func(t *testing.T, s *wiringtest.System) { begin(t, s, "46100") },
			operator.SwitchInput{Program: champions}, []string{"starter program status"}},
		"a switch beside a mass sync": {
			func(t *testing.T, s *wiringtest.System) {
				_, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
				must(t, err)
			}, operator.SwitchInput{Program: champions}, []string{"starter mass-sync cancel"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			if tt.before != nil {
				tt.before(t, s)
			}
			_, err := s.Operator.PlanSwitch(t.Context(), s.Connection, tt.in)
			if err == nil {
				t.Fatal("it was planned")
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, s *wiringtest.System, program string) store.ProgramSwitch {
	t.Helper()
	sw, err := s.Store.BeginSwitch(t.Context(), store.SwitchRequest{
		ConnectionID: s.Connection.ID, To: program, Properties: []string{bridge.PropReferralCode}})
	must(t, err)
	return sw
}

func TestStartSwitch_startsOneWorkflow(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	plan, err := s.Operator.PlanSwitch(t.Context(), s.Connection, operator.SwitchInput{Program: champions, InPlace: true, MassSync: true})
	must(t, err)
	begun := make(chan error)
	go func() { // as the workflow would
		_, err := s.Store.BeginSwitch(context.WithoutCancel(t.Context()), store.SwitchRequest{
			ConnectionID: s.Connection.ID, To: champions, InPlace: true, MassSync: true, Properties: []string{bridge.PropReferralCode}})
		begun <- err
	}()
	sw, err := s.Operator.StartSwitch(t.Context(), plan)
	must(t, err)
	must(t, <-begun)
	if sw.To != champions || sw.State != store.SwitchHolding {
		t.Errorf("it began as %+v", sw)
	}

	started := s.Temporal.Started()
	if len(started) != 1 || started[0].Options.ID != "program-switch/"+s.Connection.ID {
		t.Fatalf("started %+v", started)
	}
	want := []any{workflows.ProgramSwitchInput{ConnectionID: s.Connection.ID, Program: champions, InPlace: true, MassSync: true}}
	if diff := cmp.Diff(want, started[0].Args); diff != "" {
		t.Error(diff)
	}
}

func TestPlanSwitch_takesUpTheSameSwitch(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	sw := begin(t, s, champions)
	// Whatever Advocate's people do with the program, half a switch must end.
	must(t, s.Tenant.SetProgram(advocatetest.Program{ID: champions, Name: "Customer champions", Status: advocatetest.Archived}))
	plan, err := s.Operator.PlanSwitch(t.Context(), s.Connection, operator.SwitchInput{Program: champions})
	if err != nil || !plan.UnderWay {
		t.Fatalf("plan %+v: %v", plan, err)
	}
	status, err := s.Operator.SwitchStatus(t.Context(), s.Connection.ID, 0)
	if err != nil || status.ID != sw.ID || !status.Stopped {
		t.Errorf("status %+v: %v; nobody works on it", status, err)
	}
	taken, err := s.Operator.StartSwitch(t.Context(), plan)
	if err != nil || taken.ID != sw.ID {
		t.Errorf("taken up as %+v: %v", taken, err)
	}
	status, err = s.Operator.SwitchStatus(t.Context(), s.Connection.ID, sw.ID)
	if err != nil || status.Stopped {
		t.Errorf("status %+v: %v; somebody works on it", status, err)
	}
	_, err = s.Operator.SwitchStatus(t.Context(), "cother", sw.ID)
	if !isRefusal(err, bridge.NotFound, "unknown_program_switch") {
		t.Errorf("the switch of another connection: %v", err)
	}
}

func TestSwitchWords_areThereForEverything(t *testing.T) {
	t.Parallel()
	for _, state := range []store.SwitchState{store.SwitchHolding, store.SwitchArchiving, store.SwitchCreating, store.SwitchRestoring,
		store.SwitchRefreshing, store.SwitchDone, store.SwitchRefused} {
		if operator.SwitchWords(state) == "" {
			t.Errorf("the state %s has no words", state)
		}
	}
	for _, outcome := range []store.PropertyOutcome{store.PropertyWaiting, store.PropertyKept, store.PropertyInUse, store.PropertyArchived,
		store.PropertyCreated, store.PropertyRestored, store.PropertyRefused} {
		if operator.OutcomeWords(outcome) == "" {
			t.Errorf("the outcome %s has no words", outcome)
		}
		advice := operator.SwitchAdvice(store.ProgramSwitch{Properties: []store.SwitchedProperty{{Outcome: outcome}}})
		if needed := outcome == store.PropertyInUse || outcome == store.PropertyRefused; needed != (advice != "") {
			t.Errorf("advice about %s: %q", outcome, advice)
		}
	}
}
