package advocate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
)

func TestUpsertAll_answersEachChangeByItself(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	erased := change("erased@example.org")
	if _, err := c.Upsert(t.Context(), erased, program); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), erased.AccountID, erased.UserID, true); err != nil {
		t.Fatal(err)
	}
	malformed := change("bob@example.org")
	malformed.Email = "no email"
	before := s.Calls(advocatetest.RouteGraphQL)
	got, err := c.UpsertAll(t.Context(), []bridge.ParticipantChange{change(ada), erased, malformed, change("eve@example.org")}, program)
	if err != nil {
		t.Fatal(err)
	}
	if calls := s.Calls(advocatetest.RouteGraphQL) - before; calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	kinds := make([]bridge.Kind, len(got))
	for i, one := range got {
		if one.Err != nil {
			kinds[i] = bridge.KindOf(one.Err)
		}
	}
	if diff := cmp.Diff([]bridge.Kind{"", bridge.DoNotTrack, bridge.Invalid, ""}, kinds); diff != "" {
		t.Error(diff)
	}
	// Alone or among others, a participant comes back the same.
	alone, err := c.Upsert(t.Context(), change(ada), program)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone, got[0].Participant); diff != "" {
		t.Error(diff)
	}
}

func TestFindAll_findsWhatFindFinds(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	emails := []string{ada, "Nobody@example.org", "", "eve@example.org"}
	for _, email := range []string{ada, "eve@example.org"} {
		if _, err := c.Upsert(t.Context(), change(email), program); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Calls(advocatetest.RouteGraphQL)
	all, err := c.FindAll(t.Context(), emails, program)
	if err != nil {
		t.Fatal(err)
	}
	if calls := s.Calls(advocatetest.RouteGraphQL) - before; calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	for i, email := range emails {
		byID, byEmail, err := c.Find(t.Context(), email, program)
		if bridge.KindOf(all[i].Err) != bridge.KindOf(err) {
			t.Errorf("%q: %v among others, %v alone", email, all[i].Err, err)
		}
		if diff := cmp.Diff(byID, all[i].ByID); diff != "" {
			t.Errorf("%q by id: %s", email, diff)
		}
		if diff := cmp.Diff(byEmail, all[i].ByEmail); diff != "" {
			t.Errorf("%q by email: %s", email, diff)
		}
	}
}

func TestParticipantAll_showsWhomParticipantShows(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	erased := change("erased@example.org")
	for _, one := range []bridge.ParticipantChange{change(ada), erased, change("eve@example.org")} {
		if _, err := c.Upsert(t.Context(), one, program); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Delete(t.Context(), erased.AccountID, erased.UserID, true); err != nil {
		t.Fatal(err)
	}
	var ids []bridge.Identity
	for _, email := range []string{ada, "nobody@example.org", "erased@example.org", "eve@example.org"} {
		one := change(email)
		ids = append(ids, bridge.Identity{AccountID: one.AccountID, UserID: one.UserID})
	}
	before := s.Calls(advocatetest.RouteGraphQL)
	all, err := c.ParticipantAll(t.Context(), ids, program)
	if err != nil {
		t.Fatal(err)
	}
	if calls := s.Calls(advocatetest.RouteGraphQL) - before; calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	for i, id := range ids {
		alone, err := c.Participant(t.Context(), id.AccountID, id.UserID, program)
		if all[i].Err != nil || (all[i].Participant == nil) != (err != nil) {
			t.Errorf("%v: %+v among others, %v alone", id, all[i], err)
			continue
		}
		if err == nil {
			if diff := cmp.Diff(alone, *all[i].Participant); diff != "" {
				t.Errorf("%v: %s", id, diff)
			}
		}
	}
}
