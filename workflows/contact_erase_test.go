package workflows_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/receipt"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// due relays what the inbox holds for a contact now.
func due(t *testing.T, s *wiringtest.System, contactID string) bridge.Hints {
	t.Helper()
	var heard bridge.Hints
	_, err := s.Store.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
		for _, c := range batch {
			if c.ContactID == contactID {
				heard = heard.Merge(c.Hints)
			}
		}
		return make([]error, len(batch))
	})
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

// retry is the operator who has everything tried again that is parked about a
// contact, and returns what the contact's life hears of it.
func retry(t *testing.T, s *wiringtest.System, contactID string) bridge.Hints {
	t.Helper()
	var ids []int64
	for _, item := range s.Parked(t) {
		if item.ContactID == contactID {
			ids = append(ids, item.ID)
		}
	}
	due(t, s, contactID) // what waited there before is not the operator's
	if _, err := s.Store.RetryContacts(t.Context(), s.Connection.ID, ids, time.Now()); err != nil {
		t.Fatal(err)
	}
	return due(t, s, contactID)
}

// Whoever told of the privacy deletion may be mistaken, or somebody else.
func TestContactLifecycle_doesNotBelieveAPrivacyDeletionOfALivingContact(t *testing.T) {
	t.Parallel()
	tests := map[string][]func() bridge.Hints{
		"alone":                          {erased},
		"twice":                          {erased, erased},
		"with a deletion":                {erased, deleted},
		"with an update":                 {erased, updated},
		"once more in every other pause": {erased, erased, erased, erased, erased, erased, erased, erased, erased, erased},
	}
	for name, heard := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)

			live(t, s, id, heard[0](), heard[1:]...)

			s.InStep(t, id, ann, ann)
			wantState(t, s, id, bridge.StateMapped)
			if item := wantParked(t, s, bridge.CauseErasureDoubted); item.Hints.ErasedAt.IsZero() {
				t.Error("the item does not tell what was heard")
			}
		})
	}
}

func TestContactLifecycle_goesOnAfterADoubtedPrivacyDeletion(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	referrer := s.Join(t, "ben@shop.example", "Ben", "Baker")
	live(t, s, id, erased())

	s.EditContact(t, id, map[string]string{bridge.PropReferredByCode: referrer.ReferralCodes[wiringtest.Program]})
	live(t, s, id, updated())

	if user, _ := s.Tenant.User(ann, ann); len(user.ReferredByCodes) != 1 {
		t.Error("an edit does not reach the participant any more")
	}
	wantParked(t, s, bridge.CauseErasureDoubted) // for a person to close

	erase(t, s, id)
	live(t, s, id, retry(t, s, id))
	wantParticipant(t, s, ann, false)
	wantState(t, s, id, bridge.StateErased)
	if !s.Tenant.Erased(ann, ann) {
		t.Error("Advocate may track the person again")
	}
}

func TestContactLifecycle_erasesOnceHubSpotBearsThePrivacyDeletionOut(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *wiringtest.System, string){
		"the contact is gone without a trace": erase,
		"the contact is in the recycle bin":   archive,
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)

			live(t, s, id, erased(), func() bridge.Hints {
				end(t, s, id) // and nothing more is heard
				return bridge.Hints{}
			})

			wantParticipant(t, s, ann, false)
			wantState(t, s, id, bridge.StateErased)
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("parked = %+v, want nothing", items)
			}
		})
	}
}

func TestContactLifecycle_doesNotEraseAContactThatIsTooNewToShow(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 3 })
	id := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, id, created().Merge(erased()))

	wantParked(t, s, bridge.CauseErasureDoubted)
	s.InStep(t, id, ann, ann)
}

// refuseDeletions has Advocate refuse to delete anybody, in a way that no repetition
// changes.
func refuseDeletions(s *wiringtest.System) {
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteDelete, Status: http.StatusBadRequest, Times: -1})
}

func TestContactLifecycle_neverGivesUpAnErasure(t *testing.T) {
	t.Parallel()
	again := map[string]func(t *testing.T, s *wiringtest.System, id string) bridge.Hints{
		"an operator retries":             retry,
		"old news of the contact comes":   func(*testing.T, *wiringtest.System, string) bridge.Hints { return updated() },
		"the deletion is told of at last": func(*testing.T, *wiringtest.System, string) bridge.Hints { return deleted() },
	}
	for name, heard := range again {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)
			erase(t, s, id)
			refuseDeletions(s)

			live(t, s, id, erased())

			wantParticipant(t, s, ann, true)
			wantParked(t, s, bridge.CauseUnreachable)
			if got := due(t, s, id); !got.Empty() {
				t.Errorf("the erasure is tried again at once: %+v", got)
			}
			s.Advocate.Host.ClearFaults()
			live(t, s, id, heard(t, s, id))

			wantParticipant(t, s, ann, false)
			wantState(t, s, id, bridge.StateErased)
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("parked = %+v, want nothing", items)
			}
		})
	}
}

func TestContactLifecycle_remembersWhatWasHeardOfParkedWork(t *testing.T) {
	t.Parallel()
	again := map[string]func(t *testing.T, s *wiringtest.System, id string) bridge.Hints{
		"an operator retries":    retry,
		"the contact is updated": func(*testing.T, *wiringtest.System, string) bridge.Hints { return updated() },
	}
	for name, heard := range again {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.SetRules(t, bridge.Rules{ContactCreated: true}) // an update alone makes nobody
			id := s.CreateContact(t, map[string]string{"email": ann})
			s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteUpsert, Status: http.StatusBadRequest, RSCode: "RS023", Times: -1})
			live(t, s, id, created())
			wantParked(t, s, bridge.CauseRefusedByAdvocate)
			s.Advocate.Host.ClearFaults()

			live(t, s, id, heard(t, s, id))

			s.InStep(t, id, ann, ann)
		})
	}
}

// A deletion that was given up is not forgotten with the contact's last trace.
func TestContactLifecycle_remembersADeletionThatWasGivenUp(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)
	refuseDeletions(s)
	live(t, s, id, deleted())
	wantParked(t, s, bridge.CauseUnreachable)
	s.Advocate.Host.ClearFaults()

	live(t, s, id, updated()) // old news

	wantParticipant(t, s, ann, false)
	wantState(t, s, id, bridge.StateDeleted)
}

func TestContactLifecycle_countsTimeNotNewsUntilAContactShows(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 14 })
	id := s.CreateContact(t, map[string]string{"email": ann})
	env := environment(s)
	hear := func() { env.SignalWorkflow("hints", updated()) }
	env.RegisterDelayedCallback(hear, 0)
	more := 9 // each heard in the pause after a sync, so that each causes another
	env.SetOnActivityCompletedListener(func(is *activity.Info, _ converter.EncodedValue, _ error) {
		if is.ActivityType.Name == "SyncContact" && more > 0 {
			more--
			env.RegisterDelayedCallback(hear, time.Millisecond)
		}
	})
	runLife(t, env, s, id)

	s.InStep(t, id, ann, ann)
}

// The record of an erasure says how far it came, what is in its way, and in the end
// that it is done.
func TestContactLifecycle_leavesTheRecordOfAnErasure(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	erase(t, s, id)
	refuseDeletions(s)
	_, err := s.Store.AppendEvents(t.Context(), []store.Event{{
		ConnectionID: s.Connection.ID, ContactID: id, Kind: store.EventErased, OccurredAt: time.Now(), DedupeKey: "told",
	}})
	if err != nil {
		t.Fatal(err)
	}
	record := func() store.ErasureRecord {
		t.Helper()
		all, err := s.Store.Erasures(t.Context(), s.Connection.ID, false, 0, 10)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d erasures, %v", len(all), err)
		}
		return all[0]
	}

	live(t, s, id, due(t, s, id))

	e := record()
	if !e.Open() || e.VerifiedAt.IsZero() || e.BlockedAt.IsZero() || !e.DeletedAt.IsZero() || e.Attempts == 0 || e.Problem == "" {
		t.Errorf("while Advocate refuses: %+v", e)
	}
	s.Advocate.Host.ClearFaults()
	live(t, s, id, retry(t, s, id))

	e = record()
	check := store.ErasureCheck{HubSpot: store.AnswerNotFound, Advocate: store.AnswerNotFound, Identities: 2}
	if e.Open() || e.DeletedAt.IsZero() || e.Check != check || e.CheckedAt.IsZero() || e.ForgottenAt.IsZero() || e.Participants != 1 || e.Contacts != 1 || e.Problem != "" {
		t.Errorf("once it is done: %+v", e)
	}
}

// An erasure that is done can be proven to whoever holds the published keys.
func TestReceipt_tellsWhatWasDoneAndVerifies(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	erase(t, s, id)
	e, err := s.Store.RequestErasure(t.Context(), s.Connection.ID, id, "dpo", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Operator.Receipt(t.Context(), e.ID); bridge.KindOf(err) != bridge.Conflict {
		t.Errorf("a receipt of an erasure that goes on: %v", err)
	}

	live(t, s, id, due(t, s, id))

	signed, err := s.Operator.Receipt(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.Operator.ReceiptKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := receipt.Verify(signed, keys)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, step := range r.Steps {
		steps = append(steps, step.Step)
	}
	slices.Sort(steps)
	if !slices.Equal(steps, []string{"blocked", "checked", "deleted", "forgotten", "heard", "verified"}) {
		t.Errorf("steps %v", steps)
	}
	if r.ContactID != id || r.Requested.By != "dpo" || r.Counts != (receipt.Counts{ParticipantsDeleted: 1, ContactsForgotten: 1}) ||
		r.Checked != (receipt.Checked{HubSpot: "not_found", Advocate: "not_found", IdentitiesAsked: 2}) {
		t.Errorf("%+v", r)
	}
}
