package operator_test

import (
	"log/slog"
	"net/http"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

var dpo = bridge.Caller{Kind: bridge.CallerToken, Name: "dpo", Role: bridge.RolePrivacy}

// A person needs no contact to be erased: an email or a participant is enough.
func TestErasePerson_erasesWhoeverAnEmailOrAParticipantLeadsTo(t *testing.T) {
	t.Parallel()
	tests := map[string]func(u advocatetest.User) store.Person{
		"by email":                      func(advocatetest.User) store.Person { return store.Person{Email: " Ben@Shop.example "} },
		"as a participant":              func(u advocatetest.User) store.Person { return store.Person{Identity: identityOf(u)} },
		"by an email that others share": func(advocatetest.User) store.Person { return store.Person{Email: "ben@shop.example"} },
	}
	for name, named := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			user := s.Join(t, "ben@shop.example", "Ben", "Baker")
			if _, err := s.Tenant.Put(advocatetest.User{ID: "second", AccountID: "second", Email: "ben@shop.example"}); err != nil {
				t.Fatal(err)
			}

			plan, err := s.Operator.PlanErasePerson(t.Context(), s.Connection, named(user))
			if err != nil || plan.Participants != 2 || len(plan.Shown)+len(plan.Contacts) != 0 {
				t.Errorf("planned %+v, %v", plan, err)
			}
			begun, err := s.Operator.ErasePerson(t.Context(), s.Connection, named(user), dpo)
			if err != nil || len(begun) != 1 {
				t.Fatalf("%+v, %v", begun, err)
			}

			e := begun[0]
			if e.Open() || e.Participants != 2 || e.RequestedBy != "dpo" || e.BlockedAt.IsZero() || e.CheckedAt.IsZero() {
				t.Errorf("%+v", e)
			}
			for _, id := range []string{user.ID, "second"} {
				if _, there := s.Tenant.User(id, id); there {
					t.Errorf("participant %s is there", id)
				}
			}
			erased, err := s.Store.Erased(t.Context(), s.Connection.ID, s.Store.Hasher().Email("ben@shop.example"))
			if err != nil || !erased {
				t.Errorf("may come back: %v", err)
			}
			if _, err := s.Store.ErasurePerson(t.Context(), e.ID); bridge.KindOf(err) != bridge.NotFound {
				t.Errorf("who it was is still kept: %v", err)
			}
			if _, err := s.Operator.Receipt(t.Context(), e.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

func identityOf(u advocatetest.User) bridge.Identity {
	return bridge.Identity{AccountID: u.AccountID, UserID: u.ID}
}

func TestErasePerson_refusesWhomHubSpotShows(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	contact := s.CreateContact(t, map[string]string{"email": "ben@shop.example"})
	s.Join(t, "ben@shop.example", "Ben", "Baker")

	_, err := s.Operator.ErasePerson(t.Context(), s.Connection, store.Person{Email: "ben@shop.example"}, dpo)

	wantRefusal(t, err, contact)
	if all, err := s.Store.Erasures(t.Context(), s.Connection.ID, false, 0, 10); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, nobody := range []store.Person{{}, {Email: "ben"}, {Identity: bridge.Identity{AccountID: "a"}}} {
		if _, err := s.Operator.ErasePerson(t.Context(), s.Connection, nobody, dpo); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("%+v: %v", nobody, err)
		}
	}
}

// Whoever is to be erased is blocked while Advocate is down, and erased when it is
// back.
func TestErasePerson_isAttemptedUntilItIsDone(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s *wiringtest.System){
		"Advocate finds nobody at the moment": func(s *wiringtest.System) {
			s.Advocate.Order(advocatetest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
		},
		"Advocate refuses to delete": func(s *wiringtest.System) {
			s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteDelete, Status: http.StatusBadRequest, Times: -1})
		},
		"HubSpot is down": func(s *wiringtest.System) { s.HubSpot.FailNext(503, 503, 503, 503, 503, 503) },
	}
	for name, down := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			user := s.Join(t, "ben@shop.example", "Ben", "Baker")
			down(s)

			begun, err := s.Operator.ErasePerson(t.Context(), s.Connection, store.Person{Email: "ben@shop.example"}, dpo)
			if err != nil || len(begun) != 1 || !begun[0].Open() || begun[0].Attempts != 1 || begun[0].Problem == "" {
				t.Fatalf("%+v, %v", begun, err)
			}
			if erased, err := s.Store.Erased(t.Context(), s.Connection.ID, s.Store.Hasher().Email("ben@shop.example")); err != nil || !erased {
				t.Errorf("not blocked: %v", err)
			}

			s.Advocate.Host.ClearFaults()
			s.HubSpot.ClearFaults()
			retry := func() {
				if err := s.Operator.RetryErasures(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
			}
			retry()
			if e, err := s.Store.Erasure(t.Context(), begun[0].ID); err != nil || e.Attempts != 1 || !e.Open() {
				t.Errorf("attempted again at once: %+v, %v", e, err)
			}
			s.Exec(t, "UPDATE erasure SET tried_at = now() - interval '1 day'")
			retry()
			if e, err := s.Store.Erasure(t.Context(), begun[0].ID); err != nil || e.Open() || e.Participants != 1 {
				t.Errorf("%+v, %v", e, err)
			}
			if _, there := s.Tenant.User(user.AccountID, user.ID); there {
				t.Error("the participant is there")
			}
		})
	}
}
