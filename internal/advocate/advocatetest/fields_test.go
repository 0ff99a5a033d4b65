package advocatetest_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestGraphQL_takesAndGivesEveryField(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now))
	c := call(t, s)
	got := c.graphql(`mutation($in: UserInput!) { createUser(userInput: $in) {
		id accountId firstName lastName email imageUrl locale countryCode referable customFields dateCreated dateBlocked
		emailHash segments referredByCodes referralCodes programShareLinks clean: shareLink(programId: "47255", useCleanLink: true) none: shareLink(programId: "1") } }`,
		map[string]any{"in": map[string]any{
			"id": ada, "accountId": ada, "email": ada, "firstName": "Ada", "lastName": "Byron", "imageUrl": "https://x.example/a.png",
			"locale": "en_GB", "countryCode": "GB", "referable": false, "segments": []string{"vip", "eu", "~eu"},
			"customFields": map[string]any{"n": 1.5}, "referralCodes": map[string]string{"47255": "ADALOVE"},
			"shareLinks": map[string]string{"47255": "https://share.example.net/ada"}, "dateUsTaxFormSubmitted": 1,
		}})
	id := s.Tenant("").StoredID(ada)
	u, _ := s.Tenant("").User(ada, ada)
	link := func(code string) map[string]any {
		return map[string]any{"DIRECT": "https://share.example.net/ada?" + code}
	}
	champions := strings.TrimPrefix(u.ShareLinks["48001"], "https://share.example.net/mv")
	other := func(opener string) string { return "https://share.example.net/" + opener + champions }
	want := map[string]any{
		"id": id, "accountId": id, "firstName": "Ada", "lastName": "Byron", "email": ada, "imageUrl": "https://x.example/a.png",
		"locale": "en_GB", "countryCode": "GB", "referable": false, "customFields": map[string]any{"n": 1.5},
		"dateCreated": float64(clk.Now().UnixMilli()), "dateBlocked": nil, "emailHash": md5Hex(ada),
		"segments": []any{"vip"}, "referredByCodes": []any{},
		"referralCodes": map[string]any{"47255": "ADALOVE", "48001": u.ReferralCodes["48001"]},
		"programShareLinks": map[string]any{
			"47255": map[string]any{"cleanShareLink": "https://share.example.net/ada", "UNKNOWN": link("mv"), "EMAIL": link("mP"), "MOBILE": link("me")},
			"48001": map[string]any{"cleanShareLink": other("mz"), "UNKNOWN": map[string]any{"DIRECT": other("mv")}, "EMAIL": map[string]any{"DIRECT": other("mP")}, "MOBILE": map[string]any{"DIRECT": other("me")}},
		},
		"clean": "https://share.example.net/ada", "none": nil,
	}
	have, _ := at(got, "data", "createUser").(map[string]any)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s %v", diff, got["errors"])
	}
	got = c.graphql(`mutation($in: UserInput!) { createUser(userInput: $in) { id } }`, map[string]any{"in": map[string]any{"id": ada, "accountId": ada}})
	if rs := at(got, "extensions", "apiError", "rsCode"); rs != "RS048" {
		t.Errorf("creating twice: %v", got)
	}
}

func TestGraphQL_variablesMayUseTheVendorsTypeNames(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	got := c.graphql(`mutation($l: RSLocale, $s: [SegmentOperation!], $j: JobType!, $d: RSDate) {
		upsertUser(userInput: {id: "a", accountId: "a", locale: $l, segments: $s, dateUsTaxFormSubmitted: $d}) { locale segments }
		createJob(jobInput: {type: $j}) { type status name requester outputFormat params dateCompleted dateExpires } }`,
		map[string]any{"l": "de_DE", "s": []string{"vip"}, "j": "QUERY/USER", "d": 1774386824964})
	want := map[string]any{
		"upsertUser": map[string]any{"locale": "de_DE", "segments": []any{"vip"}},
		"createJob": map[string]any{"type": "QUERY/USER", "status": "PENDING", "name": nil, "requester": nil, "outputFormat": "CSV",
			"params": map[string]any{}, "dateCompleted": nil, "dateExpires": nil},
	}
	if diff := cmp.Diff(want, got["data"]); diff != "" {
		t.Errorf("%s %v", diff, got["errors"])
	}
}

func TestGraphQL_filters(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	for i := range 4 {
		email := fmt.Sprintf("u%d@example.org", i)
		if _, err := s.Tenant("").Put(advocatetest.User{ID: email, AccountID: email, Email: email, FirstName: "Ann", CustomFields: map[string]any{"even": i%2 == 0}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Tenant("").Put(advocatetest.User{ID: "nobody", AccountID: "nobody"}); err != nil {
		t.Fatal(err)
	}
	c := call(t, s)
	for name, tt := range map[string]struct {
		filter map[string]any
		want   float64
	}{
		"by first name":        {map[string]any{"firstName_eq": "Ann"}, 4},
		"without an email":     {map[string]any{"email_exists": false}, 1},
		"by id in raw form":    {map[string]any{"id_eq": "u1@example.org"}, 1},
		"by a custom field":    {map[string]any{"customFields": map[string]any{"even": true}}, 2},
		"either email":         {map[string]any{"OR": []any{map[string]any{"email_eq": "u1@example.org"}, map[string]any{"email_eq": "u2@example.org"}}}, 2},
		"both at once":         {map[string]any{"AND": []any{map[string]any{"email_eq": "u1@example.org"}, map[string]any{"firstName_eq": "Bob"}}}, 0},
		"email or first name":  {map[string]any{"OR": []any{map[string]any{"email_eq": "u1@example.org"}, map[string]any{"firstName_eq": "Ann"}}}, 4},
		"an email in capitals": {map[string]any{"email_eq": "U1@example.org"}, 0},
	} {
		got := c.graphql(`query($f: UserFilterInput!) { users(filter: $f) { totalCount } }`, map[string]any{"f": tt.filter})
		if n := at(got, "data", "users", "totalCount"); n != tt.want {
			t.Errorf("%s: %v, want %v", name, n, tt.want)
		}
	}
	s.Tune(func(k *advocatetest.Knobs) { k.FoldEmail = true })
	got := c.graphql(`{ users(filter: {email_eq: "U1@example.org"}) { totalCount } }`, nil)
	if n := at(got, "data", "users", "totalCount"); n != 1.0 {
		t.Errorf("capitals with folding: %v", n)
	}
}

func TestCodes_wantedByTheCaller(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	code := func(r reply) any { return at(r.decode(t), "referralCodes", "47255") }
	if got := code(c.put(ada, map[string]any{"referralCodes": map[string]string{"47255": "ADALOVE"}})); got != "ADALOVE" {
		t.Fatalf("got %v", got)
	}
	if got := code(c.put(ada, map[string]any{"referralCodes": map[string]string{"47255": "COUNTESS"}})); got != "COUNTESS" {
		t.Errorf("a second wish: %v", got)
	}
	s.Tune(func(k *advocatetest.Knobs) { k.KeepCodesOnUpsert = true })
	if got := code(c.put(ada, map[string]any{"referralCodes": map[string]string{"47255": "THIRD"}})); got != "COUNTESS" {
		t.Errorf("a wish that the tenant ignores: %v", got)
	}
	for name, fields := range map[string]map[string]any{
		"RS034": {"referralCodes": map[string]string{"47255": "ADALOVE"}},
		"":      {"referralCodes": map[string]string{"1": "X"}},
		"RS053": {"shareLinks": map[string]string{"47255": "https://elsewhere.example/x"}},
	} {
		if r := c.put("eve@example.org", fields); r.status < 400 || r.rsCode(t) != name {
			t.Errorf("%v: %d %s", fields, r.status, r.body)
		}
	}
}

func TestOlderCalls(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	body := map[string]any{"id": ada, "accountId": ada, "email": ada}
	if r := c.do(http.MethodPost, userPath(ada), body); r.status != http.StatusCreated {
		t.Fatalf("create: %d %s", r.status, r.body)
	}
	if r := c.do(http.MethodPost, userPath(ada), body); r.status != http.StatusConflict || r.rsCode(t) != "RS048" {
		t.Errorf("create again: %d %s", r.status, r.body)
	}
	plain := strings.Replace(userPath(ada), "/open", "", 1)
	if got := c.do(http.MethodGet, plain, nil).decode(t); got["emailHash"] == nil || got["referralCodes"] != nil {
		t.Errorf("plain user: %v", got)
	}
	if got := c.do(http.MethodGet, plain+"/pii", nil).decode(t); at(got, "user", "email") != ada {
		t.Errorf("personal data: %v", got)
	}
	if got := c.do(http.MethodPut, userPath(ada)+"?fields=email", body).decode(t); !cmp.Equal(got, map[string]any{"email": ada}) {
		t.Errorf("chosen fields: %v", got)
	}
	if r := c.do(http.MethodPut, userPath(ada)+"?fields=email&extraFields=id", body); r.status != http.StatusBadRequest {
		t.Errorf("both kinds of fields: %d", r.status)
	}
}

func TestAccounts_stayWhenEmptiedUnlessAsked(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	account := "/open/account/" + strings.ReplaceAll(ada, "+", "%2B")
	c.put(ada, nil)
	c.do(http.MethodDelete, userPath(ada), nil)
	if r := c.do(http.MethodGet, userPath(ada), nil); r.rsCode(t) != "RS042" {
		t.Errorf("the account should be there still: %s", r.body)
	}
	if r := c.do(http.MethodDelete, account, nil); r.status != http.StatusNoContent {
		t.Errorf("delete of the account: %d", r.status)
	}
	if r := c.do(http.MethodGet, userPath(ada), nil); r.rsCode(t) != "RS041" {
		t.Errorf("the account should be gone: %s", r.body)
	}
	c.put(ada, nil)
	c.do(http.MethodDelete, userPath(ada)+"?preserveEmptyAccount=false", nil)
	if r := c.do(http.MethodGet, userPath(ada), nil); r.rsCode(t) != "RS041" {
		t.Errorf("the account should have gone too: %s", r.body)
	}
	c.put(ada, nil)
	got := c.graphql(`mutation($id: String!) { deleteAccount(accountId: $id, doNotTrack: true) }`, map[string]any{"id": ada})
	if at(got, "data", "deleteAccount") != true || !s.Tenant("").Erased(ada, ada) {
		t.Errorf("erasing an account: %v", got)
	}
}

func TestDownloadLinks_expireAndCannotBeForged(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now), advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay = 0 }))
	c := call(t, s)
	e := c.export(nil)
	link := c.do(http.MethodGet, "/export/"+e["id"].(string)+"/download", nil).header.Get("Location")
	for name, forged := range map[string]string{"signature": link + "x", "text": strings.Replace(link, "/_storage/", "/_storage/A", 1)} {
		if r := c.raw(http.MethodGet, forged, nil, false); r.status != http.StatusForbidden {
			t.Errorf("forged %s: %d", name, r.status)
		}
	}
	clk.advance(6 * time.Minute)
	if r := c.raw(http.MethodGet, link, nil, false); r.status != http.StatusForbidden {
		t.Errorf("late: %d", r.status)
	}
}

// The indexes are chains of numbers; this holds them against a plain map.
func TestPeople_areFoundThroughAnyHistory(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithVerbatimIDs())
	tenant := s.Tenant("")
	want := map[[2]string]string{} // account and id to email
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		account, id := fmt.Sprint("a", r.IntN(5)), fmt.Sprint("u", r.IntN(20))
		email := fmt.Sprintf("e%d@example.org", r.IntN(10))
		key := [2]string{account, id}
		switch r.IntN(3) {
		case 0, 1:
			if _, err := tenant.Put(advocatetest.User{AccountID: account, ID: id, Email: email}); err != nil {
				t.Fatal(err)
			}
			want[key] = email
		default:
			_, there := want[key]
			if tenant.Delete(account, id, false) != there {
				t.Fatalf("delete of %v should be %v", key, there)
			}
			delete(want, key)
		}
	}
	if tenant.Count() != len(want) {
		t.Errorf("%d people, want %d", tenant.Count(), len(want))
	}
	byEmail := map[string]int{}
	for key, email := range want {
		if u, ok := tenant.User(key[0], key[1]); !ok || u.Email != email {
			t.Errorf("%v: %v %q, want %q", key, ok, u.Email, email)
		}
		byEmail[email]++
	}
	c := call(t, s)
	for i := range 10 {
		email := fmt.Sprintf("e%d@example.org", i)
		got := c.graphql(`query($e: String!) { users(filter: {email_eq: $e}) { totalCount } }`, map[string]any{"e": email})
		if n := at(got, "data", "users", "totalCount"); n != float64(byEmail[email]) {
			t.Errorf("%s: %v people, want %d", email, n, byEmail[email])
		}
	}
}
