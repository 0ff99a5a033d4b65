package workflows_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

// After everything that can happen to two hundred contacts, one reconcile brings
// both sides to agree, however we came to miss it.
func TestReconcile_bringsBothSidesToAgree(t *testing.T) {
	t.Parallel()
	// Both participants of a merge stay: the one that no contact has any more is reported.
	all := map[string]int64{
		"missing_participant repaired": creations + restores + merges, "unsent_changes repaired": edits, "deleted_contact repaired": deletions,
		"vanished_contact repaired": privacyDeletions, "merged_contact repaired": merges, "merged_contact parked": merges, "ids_edited repaired": reMaps,
	}
	for name, tt := range map[string]struct {
		lost     func(hubspottest.Event) bool
		restored bool             // a dump from before all of it
		want     map[string]int64 // nil: by chance
	}{
		"when three of ten webhooks are lost for good":   {lost: someOf(0.3)},
		"when nobody listened for a day":                 {lost: everything, want: all},
		"when a dump from before all of it was restored": {lost: nothing, restored: true, want: all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t)
			s.Inferred = bridge.InferredErase
			var dump []byte
			if tt.restored {
				dump = s.Dump(t)
			}
			s.happen()
			s.hear(tt.lost)
			if tt.restored {
				s.Restore(t, dump)
			}
			writes, sent := s.Portal.Writes().Writes, upserts(s.System)

			repaired := reconcile(t, s.System, false)

			if tt.want != nil {
				wantDrift(t, repaired, tt.want)
			}
			n := int64(0)
			for _, d := range repaired.Drift {
				n += d.N
				if !d.Outcome.AwaitsPerson() && d.Outcome != bridge.DriftRepaired {
					t.Errorf("%d of %s are %s", d.N, d.Class, d.Outcome)
				}
			}
			t.Logf("found %v", drift(repaired))
			if n == 0 {
				t.Fatal("nothing is missing, so nothing is tested")
			}
			if wrote := int64(s.Portal.Writes().Writes - writes); wrote > n {
				t.Errorf("%d contacts were written to repair %d records", wrote, n)
			}
			if told := int64(upserts(s.System) - sent); told > n {
				t.Errorf("%d participants were written to repair %d records", told, n)
			}
			s.act() // what the repairs themselves led to
			wantAgreement(t, s.System)
		})
	}
}

// corruption spoils one pair, on either side or in our own records.
type corruption struct {
	name  string
	spoil func(t *testing.T, s *wiringtest.System, p pair, rng *rand.Rand)
}

// pair is a contact with its participant.
type pair struct {
	contactID   string
	participant advocatetest.User
}

func corruptions() []corruption {
	edit := func(values func(p pair, rng *rand.Rand) map[string]string) func(*testing.T, *wiringtest.System, pair, *rand.Rand) {
		return func(t *testing.T, s *wiringtest.System, p pair, rng *rand.Rand) {
			s.EditContact(t, p.contactID, values(p, rng))
		}
	}
	exec := func(statement string) func(*testing.T, *wiringtest.System, pair, *rand.Rand) {
		return func(t *testing.T, s *wiringtest.System, p pair, _ *rand.Rand) {
			s.Exec(t, statement, s.Connection.ID, p.contactID)
		}
	}
	names := []string{bridge.PropReferralCode, bridge.PropShareLink}
	return []corruption{
		{"one value", edit(func(_ pair, rng *rand.Rand) map[string]string {
			return map[string]string{names[rng.IntN(len(names))]: fmt.Sprintf("WRONG%d", rng.IntN(1000))}
		})},
		{"all values", edit(func(pair, *rand.Rand) map[string]string {
			return map[string]string{bridge.PropReferralCode: "", bridge.PropShareLink: "https://elsewhere.example"}
		})},
		{"both ids wiped", edit(func(pair, *rand.Rand) map[string]string {
			return map[string]string{bridge.PropUserID: "", bridge.PropAccountID: ""}
		})},
		{"the participant's contact id", func(t *testing.T, s *wiringtest.System, p pair, rng *rand.Rand) {
			_, err := s.Tenant.Edit(p.participant.AccountID, p.participant.ID, func(u *advocatetest.User) {
				u.CustomFields["hubspot_contact_id"] = fmt.Sprint(900000 + rng.IntN(1000))
			})
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"the ledger believes what is not there", exec(`
UPDATE contact_ledger SET written_hash = '\x00', sent_hash = '\x00' WHERE connection_id = $1 AND contact_id = $2`)},
		{"the ledger is gone", exec("DELETE FROM contact_ledger WHERE connection_id = $1 AND contact_id = $2")},
		{"the mapping is gone", exec("DELETE FROM mapping WHERE connection_id = $1 AND contact_id = $2")},
		{"the contact is gone", func(t *testing.T, s *wiringtest.System, p pair, _ *rand.Rand) { archive(t, s, p.contactID) }},
	}
}

// Corruptions at random: all are found and repaired, and nobody else is touched.
// CORRUPTIONS sets another number of pairs that are spoiled; as many stay as they are.
func TestReconcile_repairsCorruptionsAtRandom(t *testing.T) {
	t.Parallel()
	spoiled := fromEnvironment(t, "CORRUPTIONS", 100)
	pairs := 2 * spoiled
	s := wiringtest.New(t)
	none := 0
	if err := s.Store.SetDeletionGuard(t.Context(), s.Connection.ID, &none); err != nil {
		t.Fatal(err)
	}
	ids := mappedByReport(t, s, pairs)
	wantAgreement(t, s)
	before := make(map[string]map[string]string, pairs)
	all := make([]pair, pairs)
	for i, id := range ids {
		user, ok := s.Tenant.User(s.Contact(t, id)[bridge.PropAccountID], s.Contact(t, id)[bridge.PropUserID])
		if !ok {
			t.Fatalf("contact %s has no participant", id)
		}
		all[i], before[id] = pair{id, user}, s.Contact(t, id)
	}
	s.HubSpot.Webhooks().Take()
	rng := rand.New(rand.NewPCG(20, 26))
	counts := map[string]int{}
	kinds := corruptions()
	for i := range spoiled {
		c := kinds[rng.IntN(len(kinds))]
		c.spoil(t, s, all[i], rng)
		counts[c.name]++
	}
	t.Logf("spoiled %v", counts)

	got := reconcile(t, s, false)
	for _, d := range got.Drift {
		t.Logf("%s %s: %d", d.Class, d.Outcome, d.N)
		if d.Outcome != bridge.DriftRepaired {
			t.Errorf("%d of %s are %s", d.N, d.Class, d.Outcome)
		}
	}
	relayAll(t, s)

	for i, id := range ids {
		known, err := s.Store.Known(t.Context(), s.Connection.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		if known.Ledger.State == bridge.StateDeleted { // that was its corruption
			wantParticipant(t, s, person(i), false)
			continue
		}
		s.InStep(t, id, all[i].participant.AccountID, all[i].participant.ID)
		if i >= spoiled && !maps.Equal(s.Contact(t, id), before[id]) {
			t.Errorf("contact %s was touched: %v, was %v", id, s.Contact(t, id), before[id])
		}
	}
	wantAgreement(t, s)
}

func TestReconcile_aContactRestoredWithoutAnEmailIsNoDrift(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)
	live(t, s, id, deleted())
	restore(t, s, id)
	s.EditContact(t, id, map[string]string{bridge.PropEmail: ""})
	reconcile(t, s, false) // is the first to notice
	relayAll(t, s)
	wantState(t, s, id, bridge.StateAwaitingEmail)
	wantAgreement(t, s)

	s.EditContact(t, id, map[string]string{bridge.PropEmail: ann})
	live(t, s, id, updated())
	s.InStep(t, id, ann, ann)
}

// Its own workflow leaves such a contact alone, so a reconcile asks a person about it.
func TestReconcile_aContactThatGotAnErasedPersonsEmailIsLeftToAPerson(t *testing.T) {
	t.Parallel()
	const ben = "ben@shop.example"
	s := wiringtest.New(t)
	erasedOne := mappedContact(t, s, ann)
	id := mappedContact(t, s, ben)
	erase(t, s, erasedOne)
	live(t, s, erasedOne, erased())
	addEmail(t, s, id, ann)
	s.EditContact(t, id, map[string]string{bridge.PropReferredByCode: "NOSUCHCODE"})
	live(t, s, id, updated())
	wantState(t, s, id, bridge.StateErased)
	for range 2 {
		wantLeft(t, s, map[string]int64{"erased_present parked": 1})
	}
	wantParked(t, s, bridge.CauseErasedPresent)
	wantParticipant(t, s, ben, true)
}

// Nobody told of the merge yet, and no single read leads to a survivor in the recycle bin.
func TestReconcile_aContactMergedIntoOneOfTheRecycleBinWasNotErased(t *testing.T) {
	t.Parallel()
	const ben = "ben@shop.example"
	s := wiringtest.New(t)
	s.Inferred = bridge.InferredErase
	first, second := mappedContact(t, s, ann), mappedContact(t, s, ben)
	survivor, err := s.Portal.Person(1).Merge("contacts", first, second)
	if err != nil {
		t.Fatal(err)
	}
	archive(t, s, survivor)

	wantDrift(t, reconcile(t, s, false), map[string]int64{"deleted_contact repaired": 2})

	for id, email := range map[string]string{first: ann, second: ben} {
		wantParticipant(t, s, email, false)
		wantState(t, s, id, bridge.StateDeleted)
		if s.Tenant.Erased(email, email) {
			t.Error("a person who was not erased may not be tracked again")
		}
	}
	wantAgreement(t, s)
}
