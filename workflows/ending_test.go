package workflows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

func deleted() bridge.Hints  { return bridge.Hints{DeletedAt: time.Now()} }
func erased() bridge.Hints   { return bridge.Hints{ErasedAt: time.Now()} }
func restored() bridge.Hints { return bridge.Hints{RestoredAt: time.Now()} }
func merged() bridge.Hints   { return bridge.Hints{MergedAt: time.Now()} }

// mappedContact makes a contact and lets it become a participant.
func mappedContact(t *testing.T, s *wiringtest.System, email string) string {
	t.Helper()
	id := s.CreateContact(t, map[string]string{"email": email, "firstname": "Ann"})
	live(t, s, id, created())
	s.InStep(t, id, email, email)
	return id
}

func archive(t *testing.T, s *wiringtest.System, id string) {
	t.Helper()
	if err := s.Portal.Person(1).Archive("contacts", id); err != nil {
		t.Fatal(err)
	}
}

func restore(t *testing.T, s *wiringtest.System, id string) {
	t.Helper()
	if err := s.Portal.Person(1).Restore("contacts", id); err != nil {
		t.Fatal(err)
	}
}

func addEmail(t *testing.T, s *wiringtest.System, id, email string) {
	t.Helper()
	if err := s.Portal.Person(1).AddEmail(id, email); err != nil {
		t.Fatal(err)
	}
}

func erase(t *testing.T, s *wiringtest.System, id string) {
	t.Helper()
	if err := s.Portal.Person(1).Erase(id); err != nil {
		t.Fatal(err)
	}
}

func wantState(t *testing.T, s *wiringtest.System, id string, want bridge.State) {
	t.Helper()
	if got := s.State(t, id); got != want {
		t.Errorf("contact %s is %q, want %q", id, got, want)
	}
}

func wantParticipant(t *testing.T, s *wiringtest.System, email string, want bool) {
	t.Helper()
	if _, got := s.Tenant.User(email, email); got != want {
		t.Errorf("participant exists: %t, want %t", got, want)
	}
}

func TestContactLifecycle_deletesTheParticipantOfADeletedContact(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)

	live(t, s, id, deleted())

	wantParticipant(t, s, ann, false)
	wantState(t, s, id, bridge.StateDeleted)
	if s.Tenant.Erased(ann, ann) {
		t.Error("an ordinary deletion was made for good")
	}
}

func TestContactLifecycle_countsAParticipantThatIsGoneAlreadyAsDeleted(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)
	s.Tenant.Delete(ann, ann, false)

	live(t, s, id, deleted())

	wantState(t, s, id, bridge.StateDeleted)
}

func TestContactLifecycle_keepsTheParticipantOfAContactRestoredWhileHeld(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	before, _ := s.Tenant.User(ann, ann)
	archive(t, s, id)

	live(t, s, id, deleted(), func() bridge.Hints {
		restore(t, s, id)
		return restored()
	})

	after, _ := s.Tenant.User(ann, ann)
	if after.ReferralCodes[wiringtest.Program] != before.ReferralCodes[wiringtest.Program] {
		t.Error("the participant was deleted and made again")
	}
	wantState(t, s, id, bridge.StateMapped)
}

func TestContactLifecycle_doesNotBelieveADeletionOfALivingContact(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)

	live(t, s, id, deleted()) // late: the contact was restored meanwhile

	wantParticipant(t, s, ann, true)
	wantState(t, s, id, bridge.StateMapped)
}

func TestContactLifecycle_onlyUnmapsWhereAnotherLiveContactHasTheParticipant(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	first := mappedContact(t, s, ann)
	user, _ := s.Tenant.User(ann, ann)
	second := s.CreateContact(t, map[string]string{"email": "ann@work.example", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
	live(t, s, second, created())
	archive(t, s, first)

	live(t, s, first, deleted())
	wantParticipant(t, s, ann, true)
	wantState(t, s, first, bridge.StateDeleted)

	archive(t, s, second)
	live(t, s, second, deleted())
	wantParticipant(t, s, ann, false)
}

func TestContactLifecycle_remakesTheParticipantOfARestoredContact(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	before, _ := s.Tenant.User(ann, ann)
	archive(t, s, id)
	live(t, s, id, deleted())
	s.SetRules(t, bridge.Rules{}) // restoring is not for the rules to decide
	restore(t, s, id)

	live(t, s, id, restored())

	s.InStep(t, id, ann, ann)
	if after, _ := s.Tenant.User(ann, ann); after.ReferralCodes[wiringtest.Program] == before.ReferralCodes[wiringtest.Program] {
		t.Error("the code is the old one: history is not restored")
	}
}

func TestContactLifecycle_erasesForPrivacy(t *testing.T) {
	t.Parallel()
	// What is heard, in which order; the erasure of the contact comes before.
	orders := map[string][]func() bridge.Hints{
		"alone":               {erased},
		"before the deletion": {erased, deleted},
		"after the deletion":  {deleted, erased},
		"twice":               {erased, erased},
	}
	for name, heard := range orders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)
			erase(t, s, id)

			live(t, s, id, heard[0](), heard[1:]...)

			wantParticipant(t, s, ann, false)
			wantState(t, s, id, bridge.StateErased)
			if !s.Tenant.Erased(ann, ann) {
				t.Error("Advocate may track the person again")
			}
		})
	}
}

func TestContactLifecycle_completesAnErasureThatBrokeOff(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	erase(t, s, id)
	if err := s.Store.AddTombstone(t.Context(), s.Connection.ID, s.Store.Hasher().ContactID(id)); err != nil {
		t.Fatal(err)
	}

	live(t, s, id, bridge.Hints{ResyncAt: time.Now()}) // an operator asks, days later

	wantParticipant(t, s, ann, false)
	wantState(t, s, id, bridge.StateErased)
	if !s.Tenant.Erased(ann, ann) {
		t.Error("Advocate may track the person again")
	}
}

func TestContactLifecycle_erasesLongAfterAnOrdinaryDeletion(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)
	live(t, s, id, deleted())
	erase(t, s, id)
	live(t, s, id, erased())
	wantState(t, s, id, bridge.StateErased)

	// A form brings her contact back, which HubSpot allows; we do not follow.
	form, err := s.Portal.DefineForm(hubspottest.Form{Name: "Again", Fields: []string{"email", "firstname"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Portal.SubmitForm(form, map[string]string{"email": ann, "firstname": "Ann"}, "https://shop.example"); err != nil {
		t.Fatal(err)
	}
	back, _ := s.ContactByEmail(t, ann)
	live(t, s, back, created(), updated)
	wantParticipant(t, s, ann, false)
	wantState(t, s, back, bridge.StateErased)
}

func TestReportSync_neverRemakesTheContactOfAnErasedPerson(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	erase(t, s, id)
	live(t, s, id, erased())
	// The same email under ids of its own, which Advocate does not know as hers.
	if _, err := s.Tenant.Join("other-account@shop.example", "Ann", "Archer"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tenant.Edit("other-account@shop.example", "other-account@shop.example", withEmail(ann)); err != nil {
		t.Fatal(err)
	}

	report(t, s)

	if _, made := s.Portal.ContactByEmail(ann); made {
		t.Error("a report made a contact of an erased person")
	}
}

func TestContactLifecycle_unmapsAndReportsContactsThatSharedAnErasedParticipant(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	first := mappedContact(t, s, ann)
	user, _ := s.Tenant.User(ann, ann)
	second := s.CreateContact(t, map[string]string{"email": "office@shop.example", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
	live(t, s, second, created())
	erase(t, s, first)

	live(t, s, first, erased())

	if item := wantParked(t, s, bridge.CauseParticipantErased); item.ContactID != second {
		t.Errorf("contact %s was reported, want %s", item.ContactID, second)
	}
	wantParticipant(t, s, ann, false)

	live(t, s, second, updated()) // nothing was done about it yet
	wantParked(t, s, bridge.CauseParticipantErased)

	s.EditContact(t, second, map[string]string{bridge.PropUserID: "", bridge.PropAccountID: ""})
	live(t, s, second, updated())
	s.InStep(t, second, "office@shop.example", "office@shop.example")
}

func TestContactLifecycle_followsAMergeToTheSurvivor(t *testing.T) {
	t.Parallel()
	// Both the merge and the deletions of the merged-away contacts are heard,
	// in any order; the end is the same.
	for name, survivorFirst := range map[string]bool{"the survivor is heard of first": true, "the survivor is heard of last": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			const other = "ann@work.example"
			primary, secondary := mappedContact(t, s, ann), mappedContact(t, s, other)
			survivor, err := s.Portal.Person(1).Merge("contacts", primary, secondary)
			if err != nil {
				t.Fatal(err)
			}
			lives := []func(){
				func() { live(t, s, survivor, merged(), merged) },
				func() { live(t, s, primary, deleted(), merged) },
				func() { live(t, s, secondary, merged(), deleted) },
			}
			if !survivorFirst {
				lives[0], lives[2] = lives[2], lives[0]
			}
			for _, run := range lives {
				run()
			}
			live(t, s, survivor, merged()) // what the inbox brings once the others are followed

			s.InStep(t, survivor, ann, ann)
			wantState(t, s, survivor, bridge.StateMapped)
			wantState(t, s, primary, bridge.StateMergedAway)
			wantState(t, s, secondary, bridge.StateMergedAway)
			wantParticipant(t, s, other, true) // left without a contact, never deleted
			if item := wantParked(t, s, bridge.CauseParticipantLeft); item.ContactID != secondary {
				t.Errorf("contact %s was reported, want %s", item.ContactID, secondary)
			}
		})
	}
}

// One id of each of the merged contacts names nobody: who is meant is for a
// person to say.
func TestContactLifecycle_parksASurvivorWithTheIDsOfTwo(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	primary, secondary := mappedContact(t, s, ann), mappedContact(t, s, "ann@work.example")
	user, _ := s.Tenant.User(ann, ann)
	other, _ := s.Tenant.User("ann@work.example", "ann@work.example")
	survivor, err := s.Portal.Person(1).Merge("contacts", primary, secondary)
	if err != nil {
		t.Fatal(err)
	}
	s.EditContact(t, survivor, map[string]string{bridge.PropUserID: other.ID})

	live(t, s, secondary, merged(), deleted)
	live(t, s, primary, merged(), deleted)
	live(t, s, survivor, merged(), updated)

	causes := map[string]bridge.Cause{}
	for _, item := range s.Parked(t) {
		causes[item.ContactID] = item.Cause
	}
	want := map[string]bridge.Cause{
		survivor: bridge.CauseUnknownPair, primary: bridge.CauseParticipantLeft, secondary: bridge.CauseParticipantLeft,
	}
	if diff := cmp.Diff(want, causes); diff != "" {
		t.Error(diff)
	}
	s.EditContact(t, survivor, map[string]string{bridge.PropUserID: user.ID})
	live(t, s, survivor, updated())
	s.InStep(t, survivor, user.AccountID, user.ID)
}

func TestContactLifecycle_reportsWhatAMergeLeftUntilAPersonHasSeenToIt(t *testing.T) {
	t.Parallel()
	const work = "ann@work.example"
	seenTo := map[string]func(t *testing.T, s *wiringtest.System, survivor string){
		"deleted in Advocate": func(_ *testing.T, s *wiringtest.System, _ string) { s.Tenant.Delete(work, work, false) },
		"given to the survivor": func(t *testing.T, s *wiringtest.System, survivor string) {
			t.Helper()
			user, _ := s.Tenant.User(work, work)
			s.EditContact(t, survivor, map[string]string{bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
			live(t, s, survivor, updated())
		},
	}
	for name, see := range seenTo {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			primary, secondary := mappedContact(t, s, ann), mappedContact(t, s, work)
			survivor, err := s.Portal.Person(1).Merge("contacts", primary, secondary)
			if err != nil {
				t.Fatal(err)
			}
			live(t, s, primary, merged())
			live(t, s, secondary, merged())
			live(t, s, survivor, merged())

			live(t, s, secondary, resync()) // the operator retries, too early
			wantParked(t, s, bridge.CauseParticipantLeft)
			see(t, s, survivor)
			live(t, s, secondary, resync())

			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("parked = %+v, want nothing any more", items)
			}
			wantState(t, s, secondary, bridge.StateMergedAway)
		})
	}
}

func TestContactLifecycle_erasesEverybodyWhoWasMergedIntoAnErasedContact(t *testing.T) {
	t.Parallel()
	const work = "ann@work.example"
	type contacts struct{ primary, secondary, survivor string }
	type news func(t *testing.T, s *wiringtest.System, c contacts)
	followMerge := func(t *testing.T, s *wiringtest.System, c contacts) {
		t.Helper()
		live(t, s, c.secondary, merged(), deleted)
		live(t, s, c.primary, deleted(), merged)
		live(t, s, c.survivor, merged())
	}
	eraseSurvivor := func(t *testing.T, s *wiringtest.System, c contacts) {
		t.Helper()
		live(t, s, c.survivor, erased(), deleted)
	}
	// The intake keeps who was merged into whom before anybody acts on it.
	intake := func(t *testing.T, s *wiringtest.System, c contacts) {
		t.Helper()
		for _, id := range []string{c.primary, c.secondary} {
			if err := s.Store.AddMerge(t.Context(), s.Connection.ID, id, c.survivor); err != nil {
				t.Fatal(err)
			}
		}
	}
	deletions := func(t *testing.T, s *wiringtest.System, c contacts) {
		t.Helper()
		live(t, s, c.primary, deleted())
		live(t, s, c.secondary, deleted())
	}
	tests := map[string]struct{ before, after []news }{
		"the merge was followed long ago":                    {[]news{followMerge}, []news{eraseSurvivor}},
		"the merge is told, then the erasure":                {nil, []news{intake, followMerge, eraseSurvivor}},
		"the merge is told, but the erasure acted on first":  {nil, []news{intake, eraseSurvivor, followMerge}},
		"the merge is told last of all":                      {nil, []news{eraseSurvivor, intake, followMerge}},
		"the merge is told when all is taken for a deletion": {nil, []news{deletions, eraseSurvivor, intake, followMerge}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			c := contacts{primary: mappedContact(t, s, ann), secondary: mappedContact(t, s, work)}
			var err error
			if c.survivor, err = s.Portal.Person(1).Merge("contacts", c.primary, c.secondary); err != nil {
				t.Fatal(err)
			}
			for _, happen := range tt.before {
				happen(t, s, c)
			}
			erase(t, s, c.survivor)
			for _, happen := range tt.after {
				happen(t, s, c)
			}
			for _, email := range []string{ann, work} {
				wantParticipant(t, s, email, false)
				known, err := s.Store.Erased(t.Context(), s.Connection.ID, s.Store.Hasher().Email(email))
				if err != nil || !known {
					t.Errorf("under a tombstone: %t, %v", known, err)
				}
			}
			for _, id := range []string{c.primary, c.secondary, c.survivor} {
				wantState(t, s, id, bridge.StateErased)
			}
		})
	}
}

func TestContactLifecycle_deletesTheParticipantOfADeletedSurvivor(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	primary := mappedContact(t, s, ann)
	secondary := s.CreateContact(t, map[string]string{"firstname": "Ann"})
	survivor, err := s.Portal.Person(1).Merge("contacts", primary, secondary)
	if err != nil {
		t.Fatal(err)
	}
	live(t, s, primary, merged())
	live(t, s, survivor, merged())
	archive(t, s, survivor)

	live(t, s, survivor, deleted())

	wantParticipant(t, s, ann, false)
}

func withEmail(email string) func(*advocatetest.User) {
	return func(u *advocatetest.User) { u.Email = email }
}
