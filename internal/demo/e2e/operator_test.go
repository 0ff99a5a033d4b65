package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
)

// operating is a system that commands are run on.
type operating struct {
	*system
	fromLaptop bool // they ask the starter, and have nothing but its address and the token
}

// starter runs a command and returns its output and exit code, and what it
// complained of.
func (o *operating) starter(t *testing.T, line string) (out string, code int, complaint string) {
	t.Helper()
	var env []string
	if o.fromLaptop {
		env = []string{"ADVOCATESYNC_SERVER=" + o.StarterURL, "DATABASE_URL=", "ENCRYPTION_KEY=", "TEMPORAL_ADDRESS=127.0.0.1:1"}
	}
	out, err := o.Command(t.Context(), env, strings.Fields(line)...)
	if err == nil {
		return out, 0, ""
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatal(err)
	}
	return out, exit.ExitCode(), err.Error()
}

// done runs a command that must succeed.
func (o *operating) done(t *testing.T, line string) string {
	t.Helper()
	out, code, complaint := o.starter(t, line)
	if code != 0 {
		t.Fatalf("starter %s: exit code %d\n%s", line, code, complaint)
	}
	return out
}

// refused runs a command that must end with a code and say why.
func (o *operating) refused(t *testing.T, line string, want int, says string) {
	t.Helper()
	if _, code, complaint := o.starter(t, line); code != want || !strings.Contains(complaint, says) {
		t.Errorf("starter %s: exit code %d, want %d, and %q in:\n%s", line, code, want, says, complaint)
	}
}

// shown is what "contact show --json" tells.
type shown struct {
	WorkflowID string `json:"workflow_id"`
	State      string `json:"state"`
	Reason     string `json:"reason"`
	Mapped     bool   `json:"mapped"`
	Parked     []item `json:"parked"`
	Heard      []struct {
		Kind string `json:"kind"`
	} `json:"heard"`
	Revealed *struct {
		Fields []struct {
			Name     string `json:"name"`
			HubSpot  string `json:"hubspot"`
			Advocate string `json:"advocate"`
			Differs  bool   `json:"differs"`
		} `json:"fields"`
	} `json:"revealed"`
}

type item struct {
	ID            int64  `json:"id"`
	ContactID     string `json:"contact_id"`
	Cause         string `json:"cause"`
	Advice        string `json:"advice"`
	VendorMessage string `json:"words"`
}

// answer runs a command and reads its JSON.
func answer[T any](t *testing.T, o *operating, line string) (view T) {
	t.Helper()
	out := o.done(t, line+" --json")
	if err := json.Unmarshal([]byte(out), &view); err != nil {
		t.Fatalf("starter %s: %v\n%s", line, err, out)
	}
	return view
}

// parked waits for an item with a cause and a subject; "" stands for a
// participant.
func (o *operating) parked(t *testing.T, cause bridge.Cause, contactID string) (found item) {
	t.Helper()
	eventually(t, patience, "parked: "+string(cause), func() bool {
		for _, found = range answer[[]item](t, o, "parked list") {
			if found.Cause == string(cause) && found.ContactID == contactID {
				return true
			}
		}
		return false
	})
	return found
}

// What the manual's commands about contacts and parked work do, run as an
// operator runs them who is somewhere else.
func TestOperator(t *testing.T) {
	o := &operating{system: start(t, stack.Options{ReportInterval: 24 * time.Hour}), fromLaptop: true} // reports come when the test wants them
	id := o.createContact(t, map[string]string{"email": person(0), "firstname": "Persephone"})
	eventually(t, patience, "the contact is in step", func() bool { return o.inStep(id, person(0)) })
	o.quiet(t)

	t.Run("contact show", func(t *testing.T) { o.showsContacts(t, id) })
	t.Run("contact resync", func(t *testing.T) { o.resyncs(t, id) })
	t.Run("parked retry", o.retries)
	t.Run("parked discard", func(t *testing.T) { o.discards(t, id) })
	t.Run("housekeeping", o.keepsHouse)
	t.Run("nobody comes in without the token", o.staysClosed)
	o.quiet(t)
	o.wantNothingPersonal(t, []string{person(0), person(1), person(2), person(3), "Persephone"})
}

func (o *operating) showsContacts(t *testing.T, id string) {
	o.refused(t, "contact show 999999", 1, "nothing is known")
	o.refused(t, "contact show "+person(0), 2, "is a number")
	o.refused(t, "contact show "+id+" --frobnicate", 2, "frobnicate")

	user, _ := o.tenant.User(person(0), person(0))
	personal := []string{person(0), "Persephone", user.ID, user.ReferralCodes[stack.Program]}
	text := o.done(t, "contact show "+id)
	for _, value := range personal {
		if strings.Contains(text, value) {
			t.Errorf("it tells %q without being asked to:\n%s", value, text)
		}
	}
	for _, want := range []string{"in step with its participant", "the contact was created", "contact/" + o.ConnectionID + "/" + id} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not tell %q:\n%s", want, text)
		}
	}
	if events := answer[[]json.RawMessage](t, o, "contact events "+id); len(events) == 0 {
		t.Error("nothing was heard of the contact")
	}
	text = o.done(t, "contact show "+id+" --reveal")
	for _, value := range personal {
		if !strings.Contains(text, value) {
			t.Errorf("it does not reveal %q:\n%s", value, text)
		}
	}
	o.editContact(t, id, map[string]string{"lastname": "Underhill"})
	view := answer[shown](t, o, "contact show "+id+" --reveal")
	if view.State != "mapped" || !view.Mapped || len(view.Heard) == 0 || view.Revealed == nil {
		t.Fatalf("it tells %+v", view)
	}
	for _, f := range view.Revealed.Fields {
		if f.Differs != (f.Name == "last_name") {
			t.Errorf("%+v", f)
		}
	}
}

func (o *operating) resyncs(t *testing.T, id string) {
	if view := answer[shown](t, o, "contact resync "+id); view.WorkflowID != "contact/"+o.ConnectionID+"/"+id {
		t.Errorf("it tells %+v", view)
	}
	if view := answer[shown](t, o, "contact resync "+id+" --wait=60s"); view.State != "mapped" {
		t.Errorf("the outcome is %+v", view)
	}
	// A contact that no webhook told of, as those that are older than us.
	old, err := o.portal.Seed("contacts", "", map[string]string{"email": person(1)})
	if err != nil {
		t.Fatal(err)
	}
	if view := answer[shown](t, o, "contact resync "+old+" --wait=60s"); view.State != "mapped" || view.Reason != string(bridge.ReasonContactUpdated) {
		t.Errorf("the outcome is %+v", view)
	}
	if !o.inStep(old, person(1)) {
		t.Error("the contact is not in step")
	}
}

// Somebody removes a property of ours in HubSpot: what needs it is parked.
// "connect" makes it anew, and what was parked is retried.
func (o *operating) retries(t *testing.T) {
	if err := o.portal.ArchiveProperty("contacts", bridge.PropShareLink); err != nil {
		t.Fatal(err)
	}
	if _, err := o.tenant.Join(person(3), "Person", "Joined"); err != nil {
		t.Fatal(err)
	}
	o.trigger(t, "report-sync/"+o.ConnectionID)
	ofParticipant := o.parked(t, bridge.CauseRefusedByHubSpot, "")
	contact := o.createContact(t, map[string]string{"email": person(2)})
	ofContact := o.parked(t, bridge.CauseRefusedByHubSpot, contact)
	if !strings.Contains(ofContact.VendorMessage, bridge.PropShareLink) || ofParticipant.Advice == "" {
		t.Errorf("the items do not help: %+v, %+v", ofContact, ofParticipant)
	}
	if view := answer[shown](t, o, "contact show "+contact); view.State != "parked" || len(view.Parked) != 1 || view.Parked[0] != ofContact {
		t.Errorf("the contact's own page tells %+v", view)
	}

	if _, err := o.Command(t.Context(), stack.Credentials(), "connect"); err != nil {
		t.Fatal(err)
	}
	o.refused(t, "parked retry", 2, "--all")
	o.refused(t, fmt.Sprintf("parked retry 999999 %d", ofContact.ID), 1, "not open, so nothing was done: 999999")
	eventually(t, patience, "the contact is in step", func() bool { return o.inStep(contact, person(2)) })
	o.quiet(t)
	if items := answer[[]item](t, o, "parked list"); len(items) != 1 || items[0] != ofParticipant {
		t.Errorf("parked: %+v, want the participant alone", items)
	}

	retried := answer[struct {
		Retried   []int64  `json:"retried"`
		Workflows []string `json:"workflow_ids"`
	}](t, o, "parked retry --all")
	if !slices.Equal(retried.Retried, []int64{ofParticipant.ID}) || len(retried.Workflows) != 1 {
		t.Fatalf("retried %+v", retried)
	}
	if err := o.Temporal.GetWorkflow(t.Context(), retried.Workflows[0], "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if joined := o.contactOf(person(3)); joined == "" || !o.inStep(joined, person(3)) {
		t.Error("the participant did not become a contact")
	}
	if out := o.done(t, "parked list"); out != "Nothing is parked.\n" {
		t.Errorf("still parked:\n%s", out)
	}
}

func (o *operating) discards(t *testing.T, id string) {
	o.editContact(t, id, map[string]string{bridge.PropUserID: "half"})
	half := o.parked(t, bridge.CauseHalfPair, id)

	line := fmt.Sprintf("parked discard %d", half.ID)
	o.refused(t, line, 2, "--yes") // nobody is there to be asked
	o.done(t, line+" --yes")
	o.refused(t, line+" --yes", 1, fmt.Sprint(half.ID))

	if out := o.done(t, "contact show "+id); !strings.Contains(out, "given up by an operator") {
		t.Errorf("the contact's page does not tell:\n%s", out)
	}
	if out := o.done(t, "parked list"); out != "Nothing is parked.\n" {
		t.Errorf("still parked:\n%s", out)
	}
}

// The starter has made the schedule, and what it starts succeeds.
func (o *operating) keepsHouse(t *testing.T) {
	o.trigger(t, "housekeeping")
	eventually(t, patience, "the house is kept", func() bool {
		return o.count(t, "WorkflowType = 'Housekeeping' AND ExecutionStatus = 'Completed'") == 1
	})
}

// The starter lets nobody in without the token, to whatever route: it says so ten
// times, and then that it does not listen.
func (o *operating) staysClosed(t *testing.T) {
	answers := map[int]int{}
	for _, operation := range api.Operations() {
		path := strings.ReplaceAll(operation.Path, "{connection}", o.ConnectionID)
		req, err := http.NewRequestWithContext(t.Context(), operation.Method, o.StarterURL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer a-token-that-is-wrong")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answers[resp.StatusCode]++
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	refused, deaf := answers[http.StatusUnauthorized], answers[http.StatusTooManyRequests]
	if refused < 10 || deaf == 0 || refused+deaf != len(api.Operations()) {
		t.Errorf("it answers %v", answers)
	}
}

// trigger starts what a schedule starts, now.
func (o *operating) trigger(t *testing.T, schedule string) {
	t.Helper()
	if err := o.Temporal.ScheduleClient().GetHandle(t.Context(), schedule).Trigger(t.Context(), client.ScheduleTriggerOptions{}); err != nil {
		t.Fatal(err)
	}
}
