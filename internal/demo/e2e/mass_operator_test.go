package e2e

import (
	"fmt"
	"strings"
	"testing"

	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// massStatus is what the mass-sync commands tell with --json.
type massStatus struct {
	Run          int64  `json:"run"`
	State        string `json:"state"`
	DryRun       bool   `json:"dry_run"`
	Total        int64  `json:"total"`
	Done         int64  `json:"done"`
	Updated      int64  `json:"updated"`
	HubSpotCalls int64  `json:"hubspot_calls"`
	ETASeconds   *int64 `json:"eta_seconds"`
	Predicted    *struct {
		Updated      int64 `json:"updated"`
		HubSpotCalls int64 `json:"hubspot_calls"`
	} `json:"predicted"`
}

// What the manual's commands about mass syncs do, run as an operator runs them.
func TestOperator_massSync(t *testing.T) {
	const people = 1500
	// Ten calls in ten seconds: it lasts long enough to be held.
	m := startMass(t, people, stack.Options{RatePer10s: 10, Limits: &hubspottest.Limits{PerTenSeconds: 10}})
	o := &operating{system: m.system}
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"nothing is under way", func(t *testing.T) {
			o.refused(t, "mass-sync status", 1, "no such mass sync")
			o.refused(t, "mass-sync pause", 1, "no mass sync is under way")
			o.refused(t, "mass-sync start now", 2, "now")
		}},
		{"a dry run foretells", o.rehearses},
		{"paused, resumed and cancelled", o.holdsAndCancels},
		{"the rest done, beside what was foretold", o.syncsEverybody},
	} {
		if !t.Run(step.name, step.run) {
			t.FailNow()
		}
	}
	m.everybodyInStep(t)
	o.wantNothingPersonal(t, []string{seed.Email(1), seed.ParticipantID(1), "seed.example"})
}

func (o *operating) rehearses(t *testing.T) {
	// For the dry run nobody has to wait.
	o.portal.Tune(func(k *hubspottest.Knobs) { k.Limits = hubspottest.Unlimited() })
	text := o.done(t, "mass-sync start --dry-run --wait")
	t.Log("\n" + text)
	for _, want := range []string{"Dry run 1: done", "created 375", "matched 375", "updated 750", "a mass sync would take about"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("it does not tell %q:\n%s", want, text)
		}
	}
	if got := o.portal.Writes().Writes; got != 0 {
		t.Errorf("a dry run wrote %d contacts", got)
	}
}

func (o *operating) holdsAndCancels(t *testing.T) {
	started := answer[massStatus](t, o, "mass-sync start")
	eventually(t, patience, "some are written", func() bool { return o.portal.Writes().Writes > 0 })
	o.refused(t, "mass-sync start", 1, fmt.Sprintf("mass sync %d is under way", started.Run))
	o.done(t, "mass-sync pause")
	var held massStatus
	eventually(t, patience, "what was begun is finished", func() bool {
		before := held.Done
		held = answer[massStatus](t, o, "mass-sync status")
		return held.State == "paused" && held.Done > 0 && held.Done == before
	})
	t.Log("\n" + o.done(t, "mass-sync status"))
	o.done(t, "mass-sync resume")
	eventually(t, patience, "it goes on", func() bool {
		now := answer[massStatus](t, o, "mass-sync status")
		return now.State == "running" && now.Done > held.Done
	})
	t.Log("\n" + o.done(t, "mass-sync cancel"))
	eventually(t, patience, "it is cancelled", func() bool {
		return answer[massStatus](t, o, "mass-sync status").State == "cancelled"
	})
	o.refused(t, "mass-sync resume", 1, "no mass sync is under way")
}

func (o *operating) syncsEverybody(t *testing.T) {
	foretold := answer[massStatus](t, o, "mass-sync start --dry-run --wait")
	text := o.done(t, "mass-sync start --wait")
	t.Log("\n" + text)
	if !strings.Contains(text, ": done, 1500 of 1500 done") || !strings.Contains(text, fmt.Sprintf("predicted by dry run %d", foretold.Run)) {
		t.Errorf("it tells:\n%s", text)
	}
	view := answer[massStatus](t, o, "mass-sync status")
	if view.State != "done" || view.Done != view.Total || view.Predicted == nil ||
		view.Predicted.Updated != view.Updated || view.Predicted.HubSpotCalls != view.HubSpotCalls {
		t.Errorf("it tells %+v", view)
	}
	if view := answer[massStatus](t, o, "mass-sync status --run=1"); !view.DryRun || view.ETASeconds == nil || *view.ETASeconds == 0 {
		t.Errorf("of the dry run it tells %+v", view)
	}
}
