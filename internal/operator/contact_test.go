package operator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

func TestCheckContactID(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		id string
		ok bool
	}{
		"a number":            {"101", true},
		"a long number":       {"9007199254740993", true},
		"nothing":             {"", false},
		"an email":            {ann, false},
		"digits and a space":  {"101 ", false},
		"a sign":              {"-1", false},
		"foreign digits":      {"١٢٣", false},
		"more than any id":    {"12345678901234567890", false},
		"a path to elsewhere": {"101/../102", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := operator.CheckContactID(tt.id); (err == nil) != tt.ok || err != nil && !errors.Is(err, operator.ErrNotContactID) {
				t.Errorf("%q: %v", tt.id, err)
			}
		})
	}
}

func TestContact_tellsWhereAContactStands(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mapped(t, s, ann)
	began := time.Now().Add(-time.Minute)
	hear(t, s,
		store.Event{ContactID: id, Kind: store.EventCreated, OccurredAt: began, DedupeKey: "1"},
		store.Event{ContactID: id, Kind: store.EventUpdated, Property: "email", OccurredAt: began, DedupeKey: "2"},
		store.Event{ContactID: id, Kind: store.EventUpdated, Property: bridge.PropReferralCode, OccurredAt: began, DedupeKey: "3", Echo: true},
		store.Event{ContactID: "999", Kind: store.EventCreated, OccurredAt: began, DedupeKey: "4"},
	)

	got := contact(t, s, id)

	if !got.Mapped || got.Erased || got.Ledger.State != bridge.StateMapped || got.Ledger.Reason != bridge.ReasonContactCreated ||
		got.Ledger.DecidedAt.IsZero() || len(got.Parked) != 0 {
		t.Errorf("status %+v", got)
	}
	if got.WorkflowID != workflows.ContactLifecycleID(s.Connection.ID, id) {
		t.Errorf("workflow %s", got.WorkflowID)
	}
	var words []string
	for _, e := range got.Heard {
		words = append(words, operator.EventWords(e))
	}
	want := []string{
		"advocate_referral_code changed (our own write; nothing to do)",
		"email changed (waits for the starter to pass it on)",
		"created (waits for the starter to pass it on)",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
}

func TestContact_tellsWhatIsParkedAndWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mapped(t, s, ann)
	s.EditContact(t, id, map[string]string{bridge.PropUserID: "half"})
	look(t, s, id, bridge.Hints{UpdatedAt: time.Now()}, false)

	got := contact(t, s, id)
	if len(got.Parked) != 1 || got.Parked[0].Cause != bridge.CauseHalfPair || got.StateWords() != "waits for a person" || !got.Mapped {
		t.Fatalf("status %+v", got)
	}
	if _, _, err := s.Operator.Discard(t.Context(), s.Connection.ID, []int64{got.Parked[0].ID}); err != nil {
		t.Fatal(err)
	}
	if got = contact(t, s, id); len(got.Parked) != 0 || !strings.Contains(got.StateWords(), "given up") {
		t.Errorf("status %+v: %s", got, got.StateWords())
	}
}

func TestContact_tellsOfATombstone(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mapped(t, s, ann)
	if err := s.Portal.Person(1).Erase(id); err != nil {
		t.Fatal(err)
	}
	look(t, s, id, bridge.Hints{ErasedAt: time.Now()}, false)

	if got := contact(t, s, id); !got.Erased || got.Mapped || got.Ledger.State != bridge.StateErased {
		t.Errorf("status %+v", got)
	}
}

func TestContact_holdsNothingPersonal(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mapped(t, s, ann)
	user, _ := s.Tenant.User(ann, ann)
	s.EditContact(t, id, map[string]string{bridge.PropUserID: "half"})
	look(t, s, id, bridge.Hints{UpdatedAt: time.Now()}, false)

	text := fmt.Sprintf("%+v", contact(t, s, id))

	for _, personal := range []string{ann, "Annika", "Archer", user.ID, user.AccountID, user.ReferralCodes[wiringtest.Program]} {
		if strings.Contains(text, personal) {
			t.Errorf("%q is in %s", personal, text)
		}
	}
}

func TestContact_knowsWhomItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	if _, err := s.Operator.Contact(t.Context(), s.Connection.ID, "101"); !isRefusal(err, bridge.NotFound, "unknown_contact") {
		t.Errorf("error %v", err)
	}
	hear(t, s, store.Event{ContactID: "101", Kind: store.EventCreated, OccurredAt: time.Now(), DedupeKey: "1"})
	if got := contact(t, s, "101"); got.StateWords() != "not looked at yet" || got.ReasonWords() != "" {
		t.Errorf("heard of, never looked at: %s, because %q", got.StateWords(), got.ReasonWords())
	}
}

func TestResync_isRelayedEveryTime(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	for range 2 {
		if _, err := s.Operator.Resync(t.Context(), s.Connection.ID, "101"); err != nil {
			t.Fatal(err)
		}
		var heard []store.ContactHints
		_, err := s.Store.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
			heard = append(heard, batch...)
			return make([]error, len(batch))
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(heard) != 1 || heard[0].ContactID != "101" || heard[0].Hints.ResyncAt.IsZero() {
			t.Errorf("relayed %+v", heard)
		}
	}
}
