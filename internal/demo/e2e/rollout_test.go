package e2e

import (
	"strings"
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/rollout"
)

// The steps of the operations guide for a new version: start its workers beside
// the old ones, give it a share, promote it, and take the old ones away once
// they have nothing left. A run that the old version started ends there.
func TestRollout_aNewVersionTakesOverWithoutTouchingRunsUnderWay(t *testing.T) {
	o := &operating{system: start(t, stack.Options{BuildID: "b1", DeletionHold: 20 * time.Second, ReportInterval: 24 * time.Hour})}
	versions := func() map[string]rollout.Role {
		roles := map[string]rollout.Role{}
		for _, v := range answer[[]rollout.Version](t, o, "temporal versions --deployment "+stack.Deployment) {
			roles[v.BuildID] = v.Role
		}
		return roles
	}
	o.done(t, "temporal setup")
	o.refused(t, "temporal versions", 2, "--deployment")
	o.refused(t, "temporal promote b9 --deployment "+stack.Deployment, 1, "start one with WORKER_DEPLOYMENT_NAME")
	if got := versions(); got["b1"] != rollout.Waiting {
		t.Errorf("before it is promoted: %v", got)
	}
	o.done(t, "temporal promote b1 --deployment "+stack.Deployment)

	old := o.createContact(t, map[string]string{"email": person(0)})
	eventually(t, patience, "the contact is in step", func() bool { return o.inStep(old, person(0)) })
	o.quiet(t)
	if err := o.portal.Person(1).Archive("contacts", old); err != nil {
		t.Fatal(err)
	}
	running := "WorkflowType = 'ContactLifecycle' AND ExecutionStatus = 'Running' AND ContactId = '" + old + "'"
	eventually(t, patience, "the deletion is held", func() bool { return o.count(t, running) == 1 })

	if _, err := o.AddWorker(t.Context(), "b2"); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "b2's workers are there", func() bool { return versions()["b2"] == rollout.Waiting })
	eventually(t, patience, "b2 gets a share", func() bool {
		_, code, _ := o.starter(t, "temporal promote b2 --ramp 50 --deployment "+stack.Deployment)
		return code == 0
	})
	if got := versions(); got["b2"] != rollout.Ramping || got["b1"] != rollout.Current {
		t.Errorf("while b2 ramps: %v", got)
	}
	o.done(t, "temporal promote b2 --deployment "+stack.Deployment)
	if got := versions(); got["b2"] != rollout.Current || got["b1"] != rollout.Draining && got["b1"] != rollout.Drained {
		t.Errorf("after the promotion: %v", got)
	}

	recorded := o.done(t, "audit list --json")
	for _, want := range []string{`"setUpTemporal"`, `"promoteWorker"`, `"rampWorker"`, `"build:b2"`} {
		if !strings.Contains(recorded, want) {
			t.Errorf("the audit log does not hold %s", want)
		}
	}

	fresh := o.createContact(t, map[string]string{"email": person(1)})
	eventually(t, patience, "a new contact is in step", func() bool { return o.inStep(fresh, person(1)) })
	if got := o.ranOn(t, fresh); got != "b2" {
		t.Errorf("the new contact's life ran on %q, want b2", got)
	}
	eventually(t, patience, "the held deletion is done", func() bool { return !o.hasParticipant(person(0)) })
	if got := o.ranOn(t, old); got != "b1" {
		t.Errorf("the deletion ran on %q, want b1, which started it", got)
	}
	o.quiet(t)
	if err := o.StopWorker(); err != nil { // b1's
		t.Fatal(err)
	}
	last := o.createContact(t, map[string]string{"email": person(2)})
	eventually(t, patience, "work goes on without b1", func() bool { return o.inStep(last, person(2)) })
}

// ranOn is the build that a contact's latest life ran on.
func (o *operating) ranOn(t *testing.T, contactID string) string {
	t.Helper()
	is, err := o.Temporal.DescribeWorkflowExecution(t.Context(), "contact/"+o.ConnectionID+"/"+contactID, "")
	if err != nil {
		t.Fatal(err)
	}
	return is.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}
