package advocatetest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

func (c caller) admin(method, path string, body any) reply {
	c.t.Helper()
	r := c.raw(method, c.base+"/_admin/"+path, body, false)
	if r.status >= 300 {
		c.t.Fatalf("admin %s: %d %s", path, r.status, r.body)
	}
	return r
}

func TestAdmin_doesWhatTheGoAPIDoes(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	tenant := advocatetest.DefaultAlias + "/"
	joined := c.admin(http.MethodPost, tenant+"join", map[string]any{"email": ada, "first_name": "Ada"}).decode(t)
	if joined["id"] != s.Tenant("").StoredID(ada) {
		t.Fatalf("joined: %v", joined)
	}
	who := func(more map[string]any) map[string]any {
		more["account_id"], more["id"] = ada, ada
		return more
	}
	c.admin(http.MethodPost, tenant+"users", map[string]any{"account_id": ada, "id": ada, "custom_fields": map[string]any{"a": "1", "b": "2"}})
	c.admin(http.MethodPost, tenant+"edit", who(map[string]any{"last_name": "King", "custom_fields": map[string]any{"a": nil}}))
	c.admin(http.MethodPost, tenant+"code", who(map[string]any{"program": "47255", "code": "ADALOVE"}))
	c.admin(http.MethodPost, tenant+"block", who(map[string]any{"blocked": true}))
	got, _ := s.Tenant("").User(ada, ada)
	if got.FirstName != "Ada" || got.LastName != "King" || got.ReferralCodes["47255"] != "ADALOVE" || !got.Blocked || !cmp.Equal(got.CustomFields, map[string]any{"b": "2"}) {
		t.Errorf("%+v", got)
	}
	list := c.admin(http.MethodGet, tenant+"users?limit=5", nil).decode(t)
	if users, _ := list["users"].([]any); list["total"] != 1.0 || len(users) != 1 || at(users[0], "last_name") != "King" {
		t.Errorf("list: %v", list)
	}
	c.admin(http.MethodPost, tenant+"programs", map[string]any{"id": "9", "name": "New", "status": "LIVE"})
	c.admin(http.MethodPost, tenant+"fail-exports", []string{advocatetest.Aborted})
	c.admin(http.MethodPatch, "knobs", map[string]any{"export_delay": "0s"})
	if got := time.Duration(s.Knobs().ExportDelay); got != 0 {
		t.Errorf("export delay %s", got)
	}
	if s.Knobs().MaxPage != 100 {
		t.Error("a knob that was not sent has changed")
	}
	e := c.export(map[string]any{"programId": "9"})
	if got := c.do(http.MethodGet, "/export/"+e["id"].(string), nil).decode(t)["status"]; got != advocatetest.Aborted {
		t.Errorf("export is %v", got)
	}
	if got := c.admin(http.MethodPost, tenant+"delete", who(map[string]any{"do_not_track": true})).decode(t); got["deleted"] != true || !s.Tenant("").Erased(ada, ada) {
		t.Errorf("delete: %v", got)
	}
}

func TestAdmin_ordersFaultsAndCounts(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	c.admin(http.MethodPost, "faults", []map[string]any{{"route": advocatetest.RouteUpsert, "status": 502, "times": -1}})
	if r := c.put(ada, nil); r.status != http.StatusBadGateway {
		t.Fatalf("got %d", r.status)
	}
	c.admin(http.MethodDelete, "faults", nil)
	if r := c.put(ada, nil); r.status != http.StatusOK {
		t.Fatalf("got %d", r.status)
	}
	var counts struct {
		Routes        map[string]advocatetest.Count `json:"routes"`
		MaxConcurrent int                           `json:"max_concurrent"`
	}
	if err := json.Unmarshal(c.admin(http.MethodGet, "counts", nil).body, &counts); err != nil {
		t.Fatal(err)
	}
	if got := counts.Routes[advocatetest.RouteUpsert]; got.Calls != 2 || got.Statuses[502] != 1 || counts.MaxConcurrent != 1 {
		t.Errorf("%+v", counts)
	}
	c.admin(http.MethodPost, "reset", nil)
	if s.Tenant("").Count() != 0 || s.Calls(advocatetest.RouteUpsert) != 0 {
		t.Error("a reset left something")
	}
	for path, body := range map[string]any{"nobody/join": map[string]any{}, "knobs": map[string]any{"export_dely": "1s"}} {
		method := http.MethodPost
		if path == "knobs" {
			method = http.MethodPatch
		}
		if r := c.raw(method, c.base+"/_admin/"+path, body, false); r.status < 400 {
			t.Errorf("%s was taken: %d", path, r.status)
		}
	}
}
