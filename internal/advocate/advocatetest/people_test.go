package advocatetest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

func TestPeople_changeBehindTheAPIsBack(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now))
	tenant := s.Tenant("")
	joined, err := tenant.Join(ada, "Ada", "Byron")
	if err != nil {
		t.Fatal(err)
	}
	clk.advance(time.Minute)
	edited, err := tenant.Edit(ada, ada, func(u *advocatetest.User) {
		u.Email, u.LastName, u.CustomFields["vip"] = "Ada@Elsewhere", "King", true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := joined
	want.Email, want.LastName, want.CustomFields = "Ada@Elsewhere", "King", map[string]any{"vip": true}
	want.DateUpdated = joined.DateUpdated + 60_000
	if diff := cmp.Diff(want, edited); diff != "" {
		t.Error(diff)
	}
	old := joined.ReferralCodes["47255"]
	changed, err := tenant.ChangeCode(joined.AccountID, joined.ID, "47255", "ADALOVE")
	if err != nil || changed.ReferralCodes["47255"] != "ADALOVE" || changed.ReferralCodes["48001"] != joined.ReferralCodes["48001"] {
		t.Errorf("%v, %v", changed.ReferralCodes, err)
	}
	for i, code := range []string{old, "ADALOVE"} {
		friend, err := tenant.Join(fmt.Sprintf("friend%d@example.org", i), "F", "", code)
		if err != nil || !cmp.Equal(friend.ReferredByCodes, []string{code}) {
			t.Errorf("code %s attributes to nobody: %v", code, err)
		}
		if _, err := tenant.ChangeCode(friend.AccountID, friend.ID, "47255", code); err == nil {
			t.Errorf("code %s was given to two people", code)
		}
	}
	if blocked, err := tenant.Block(ada, ada, true); err != nil || !blocked.Blocked {
		t.Errorf("%v, %v", blocked.Blocked, err)
	}
	if got := tenant.Users(1, 1); len(got) != 1 || got[0].FirstName != "F" {
		t.Errorf("second of the list: %v", got)
	}
	if !tenant.Delete(ada, ada, true) || tenant.Delete(ada, ada, true) || !tenant.Erased(ada, joined.ID) {
		t.Error("the participant did not go once, for good")
	}
	if _, err := tenant.Edit(ada, ada, func(*advocatetest.User) {}); err == nil {
		t.Error("edited somebody who is gone")
	}
}

func TestUsersListing_searchesAndPages(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	s.Tenant("").Seed(30, func(i int) advocatetest.User {
		return advocatetest.User{Email: fmt.Sprintf("u%02d@example.org", i), FirstName: "Ann"}
	})
	c := call(t, s)
	got := c.do(http.MethodGet, "/users?query=U1&limit=3&offset=2", nil).decode(t)
	if got["count"] != 3.0 || got["totalCount"] != 10.0 {
		t.Errorf("count %v of %v", got["count"], got["totalCount"])
	}
	page, _ := got["users"].([]any)
	if len(page) == 0 || at(page[0], "email") != "u12@example.org" || at(page[0], "programShareLinks") != nil {
		t.Errorf("page %v", page)
	}
}

func TestMessageLinks_leadToADialogWithTheParticipantsLink(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	c.put(ada, nil)
	got := c.graphql(`query($id: String!) { user(id: $id, accountId: $id) {
		message: messageLink(programId: "47255", shareMedium: WHATSAPP, engagementMedium: EMAIL)
		share: shareLink(programId: "47255", shareMedium: WHATSAPP, engagementMedium: EMAIL) } }`, map[string]any{"id": ada})
	message, _ := at(got, "data", "user", "message").(string)
	share, _ := at(got, "data", "user", "share").(string)
	r := c.raw(http.MethodGet, message, nil, false)
	if r.status != http.StatusFound || share == "" || !strings.HasSuffix(r.header.Get("Location"), url.QueryEscape(share)) {
		t.Errorf("%d to %q, want it to carry %q", r.status, r.header.Get("Location"), share)
	}
	if r := c.raw(http.MethodGet, strings.Replace(message, "47255", "1", 1), nil, false); r.status != http.StatusNotFound {
		t.Errorf("a link of no program: %d", r.status)
	}
}

func TestEvents_countOncePerIdempotencyKey(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now))
	c := call(t, s)
	c.put(ada, nil)
	id := s.Tenant("").StoredID(ada)
	event := map[string]any{
		"accountId": id, "userId": id, "idempotencyKey": "deal-881-closedwon-1",
		"events": []any{map[string]any{"key": "purchase", "fields": map[string]any{"amount": 12}, "dateTriggered": 5}},
	}
	path := userPath(id) + "/events"
	r := c.do(http.MethodPost, path, event)
	if r.status != http.StatusOK || r.decode(t)["userId"] != id {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := c.do(http.MethodPost, path, event); r.status != http.StatusConflict {
		t.Errorf("the same key again: %d", r.status)
	}
	clk.advance(25 * time.Hour)
	if r := c.do(http.MethodPost, path, event); r.status != http.StatusOK {
		t.Errorf("the same key a day later: %d", r.status)
	}
	got := s.Tenant("").Events()
	if len(got) != 2 || got[0].Key != "purchase" || got[0].DateTriggered != 5 || got[0].UserID != id {
		t.Errorf("%+v", got)
	}
	for name, change := range map[string]any{"idempotencyKey": "short", "events": []any{}, "userId": "x"} {
		bad := map[string]any{}
		for k, v := range event {
			bad[k] = v
		}
		bad[name] = change
		if r := c.do(http.MethodPost, path, bad); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	event["accountId"], event["userId"] = "nobody", "nobody"
	if r := c.do(http.MethodPost, userPath("nobody")+"/events", event); r.status != http.StatusNotFound {
		t.Errorf("an event of nobody: %d", r.status)
	}
}
