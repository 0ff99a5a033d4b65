package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

const (
	champions = "48001" // live
	young     = "46100" // paused at first: nobody has a code in it
)

// switched is what "program switch --json" and "program status --json" tell.
type switched struct {
	State      string `json:"state"`
	ToProgram  string `json:"to_program"`
	Reason     string `json:"reason"`
	Advice     string `json:"advice"`
	Properties []struct {
		Name          string `json:"name"`
		Outcome       string `json:"outcome"`
		VendorMessage string `json:"words"`
	} `json:"properties"`
}

func (s switched) outcomes() map[string]int {
	counts := map[string]int{}
	for _, p := range s.Properties {
		counts[p.Outcome]++
	}
	return counts
}

// carries reports that a contact carries what its participant shares of a
// program.
func (s *system) carries(contactID, email, program string) bool {
	user, ok := s.tenant.User(email, email)
	want := bridge.SharedProperties(bridge.Participant{
		AccountID: user.AccountID, UserID: user.ID,
		ReferralCode: user.ReferralCodes[program], ShareLink: user.ShareLinks[program],
	}, bridge.Program{ID: program, Tenant: advocatetest.DefaultAlias, BaseURL: s.AdvocateURL})
	return ok && len(s.properties(contactID).Changes(want)) == 0
}

// everybodyCarries waits until the contacts of so many people carry a program's
// values.
func (s *system) everybodyCarries(t *testing.T, people int, program string) {
	t.Helper()
	for i := range people {
		eventually(t, patience, person(i)+" carries the values of program "+program, func() bool {
			id := s.contactOf(person(i))
			return id != "" && s.carries(id, person(i), program)
		})
	}
}

// An operator changes the program: first in vain, then while people come and a
// worker dies, then in place.
func TestProgramSwitch(t *testing.T) {
	o := &operating{system: start(t, stack.Options{})}
	for i := range 10 {
		o.createContact(t, map[string]string{"email": person(2 * i), "firstname": "Person"})
		if _, err := o.tenant.Join(person(2*i+1), "Person", "Joined"); err != nil {
			t.Fatal(err)
		}
	}
	o.everybodyCarries(t, 20, stack.Program)
	o.quiet(t)

	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"lists the programs", o.listsPrograms},
		{"the old program works on while a property is in use", o.refusesWhileInUse},
		{"everybody carries the new program's values, whoever comes meanwhile", o.switchesInTheMidst},
		{"in place, the properties stay and are cleared where there is no value", o.switchesInPlace},
	} {
		if !t.Run(step.name, step.run) {
			t.FailNow()
		}
	}
	o.wantNothingPersonal(t, []string{"person1", "seed.example"})
}

func (o *operating) listsPrograms(t *testing.T) {
	out := o.done(t, "program list")
	for _, want := range []string{stack.Program, "connected", champions, "Customer champions", young, "paused"} {
		if !strings.Contains(out, want) {
			t.Errorf("the list lacks %q:\n%s", want, out)
		}
	}
	o.refused(t, "program status", 1, "no program switch yet")
	o.refused(t, "program switch", 2, "name one program")
	o.refused(t, "program switch 99999", 1, "choose one of")
	o.refused(t, "program switch "+young, 1, "not live")
	o.refused(t, "program switch "+stack.Program, 1, "already connected")
}

func (o *operating) refusesWhileInUse(t *testing.T) {
	inUse := func(places int) {
		o.portal.Tune(func(k *hubspottest.Knobs) { k.InUse = map[string]int{bridge.PropShareLink: places} })
	}
	inUse(2)
	defer inUse(0)
	o.refused(t, "program switch "+champions, 1, bridge.PropShareLink)
	view := answer[switched](t, o, "program status")
	if view.State != "refused" || !strings.Contains(view.Advice, "--in-place") || view.outcomes()["in_use"] != 1 || view.outcomes()["kept"] != 9 {
		t.Errorf("the status tells %+v", view)
	}
	o.everybodyCarries(t, 20, stack.Program)
	late := o.createContact(t, map[string]string{"email": person(20)})
	eventually(t, patience, "the old program works on", func() bool { return o.inStep(late, person(20)) })
}

// Contacts and participants come, and the worker is killed, while the program
// is changed.
func (o *operating) switchesInTheMidst(t *testing.T) {
	type ended struct {
		out string
		err error
	}
	done := make(chan ended, 1)
	line := "program switch " + champions + " --mass-sync --wait --json"
	go func() {
		out, err := o.Command(t.Context(), nil, strings.Fields(line)...)
		done <- ended{out, err}
	}()
	end, people := ended{}, 21
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for over, killed := false, false; !over; {
		select {
		case end = <-done:
			over = true
		case <-tick.C:
			if people >= 60 {
				continue
			}
			o.createContact(t, map[string]string{"email": person(people)})
			if _, err := o.tenant.Join(person(people+1), "Person", "Joined"); err != nil {
				t.Fatal(err)
			}
			people += 2
		}
		if !killed && people > 30 {
			o.restartWorker(t)
			killed = true
		}
	}
	if end.err != nil {
		t.Fatal(end.err)
	}
	var view switched
	if err := json.Unmarshal([]byte(end.out), &view); err != nil {
		t.Fatalf("%v\n%s", err, end.out)
	}
	if view.State != "done" || view.outcomes()["created"] != 10 {
		t.Errorf("it tells %+v", view)
	}
	o.everybodyCarries(t, people, champions)
	o.quiet(t)
	o.everybodyCarries(t, people, champions)
	if out := o.done(t, "parked list"); out != "Nothing is parked.\n" {
		t.Errorf("parked:\n%s", out)
	}
	if got := o.portal.Count("contacts"); got != people {
		t.Errorf("%d contacts for %d people", got, people)
	}
}

func (o *operating) switchesInPlace(t *testing.T) {
	if err := o.tenant.SetProgram(advocatetest.Program{ID: young, Name: "Spring campaign", Status: advocatetest.Live}); err != nil {
		t.Fatal(err)
	}
	view := answer[switched](t, o, "program switch "+young+" --in-place --wait")
	if view.State != "done" || view.ToProgram != young || view.outcomes()["kept"] != 10 {
		t.Errorf("it tells %+v", view)
	}
	o.everybodyCarries(t, 20, young)
	if code := o.properties(o.contactOf(person(0)))[bridge.PropReferralCode]; code != "" {
		t.Errorf("a contact carries code %s, though its participant has none in the program", code)
	}
	// Whoever is touched has a code from then on.
	if _, err := o.tenant.Edit(person(0), person(0), func(u *advocatetest.User) { u.LastName = "Touched" }); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the code arrives", func() bool {
		return o.properties(o.contactOf(person(0)))[bridge.PropReferralCode] != ""
	})
	// The environment still names the first program; connecting again does not undo the switch.
	if _, err := o.Command(t.Context(), stack.Credentials(), "connect"); err != nil {
		t.Fatal(err)
	}
	if out := o.done(t, "connection show"); !strings.Contains(out, young) {
		t.Errorf("program %s is not connected any more:\n%s", young, out)
	}
}
