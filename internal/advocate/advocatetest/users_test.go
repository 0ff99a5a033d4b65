package advocatetest_test

import (
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

const ada = "ada+1@example.org"

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestUpsert_answersHashedIDsCodesAndLinks(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	r := c.put(ada, map[string]any{"email": ada, "firstName": "Ada", "lastName": "Byron"})
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	got := r.decode(t)
	id, _ := got["id"].(string)
	if id == ada || len(id) != 64 || got["accountId"] != id {
		t.Fatalf("ids are not hashed alike: %v %v", id, got["accountId"])
	}
	codes, _ := got["referralCodes"].(map[string]any)
	if len(codes) != 2 || codes["47255"] == codes["48001"] || codes["47255"] == "" {
		t.Fatalf("want one code per live program, got %v", codes)
	}
	link, _ := at(got, "programShareLinks", "47255", "UNKNOWN", "DIRECT").(string)
	if !strings.HasPrefix(link, "https://share.example.net/mv") {
		t.Errorf("share link %q lacks its medium", link)
	}
	mobile, _ := at(got, "programShareLinks", "47255", "MOBILE", "DIRECT").(string)
	if mobile != strings.Replace(link, "/mv", "/me", 1) {
		t.Errorf("links of one user differ in more than the medium: %q %q", link, mobile)
	}
	for name, form := range map[string]string{"raw": ada, "sha1": sha1Hex(ada), "hmac": id} {
		r := c.do(http.MethodGet, userPath(form), nil)
		if r.status != http.StatusOK || r.decode(t)["id"] != id {
			t.Errorf("%s form does not lead to the user: %d", name, r.status)
		}
	}
}

func TestUpsert_mergesWhatIsSent(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	c.put(ada, map[string]any{"email": ada, "firstName": "Ada", "customFields": map[string]any{"a": "1", "b": 2}})
	got := c.put(ada, map[string]any{"customFields": map[string]any{"a": nil, "c": true}}).decode(t)
	if got["firstName"] != "Ada" || got["email"] != ada {
		t.Errorf("omitted fields were lost: %v", got)
	}
	if diff := cmp.Diff(map[string]any{"b": 2.0, "c": true}, got["customFields"]); diff != "" {
		t.Error(diff)
	}
}

func TestUpsert_replacesWhereTheKnobSaysSo(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ReplaceOnPut = true }))
	c := call(t, s)
	before := c.put(ada, map[string]any{"email": ada, "firstName": "Ada"}).decode(t)
	got := c.put(ada, map[string]any{"email": ada}).decode(t)
	if got["firstName"] != nil {
		t.Errorf("first name survived: %v", got["firstName"])
	}
	if diff := cmp.Diff(before["referralCodes"], got["referralCodes"]); diff != "" {
		t.Error(diff)
	}
}

func TestUpsert_refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fields map[string]any
		rsCode string
		status int
	}{
		"an email without a top-level domain": {map[string]any{"email": "ada@example"}, "RS023", 400},
		"an email with nothing before the @":  {map[string]any{"email": "@example.org"}, "RS023", 400},
		"an empty email":                      {map[string]any{"email": ""}, "RS023", 400},
		"markup in a first name":              {map[string]any{"firstName": "<b>"}, "RS024", 400},
		"an unknown referral code":            {map[string]any{"referredByCodes": []string{"NOBODY"}}, "RS034", 400},
		"a cookie that is not Base64URL":      {map[string]any{"cookies": "%%%"}, "RS052", 400},
		"a cookie that is not JSON":           {map[string]any{"cookies": "bm90IGpzb24"}, "RS052", 400},
		"a field nobody knows":                {map[string]any{"firstname": "Ada"}, "", 400},
		"a custom field with a dash":          {map[string]any{"customFields": map[string]any{"a-b": "1"}}, "", 400},
		"a custom field that is a list":       {map[string]any{"customFields": map[string]any{"a": []int{1}}}, "", 400},
		"a custom field past 1024 signs":      {map[string]any{"customFields": map[string]any{"a": strings.Repeat("x", 1025)}}, "", 400},
		"a body for somebody else":            {map[string]any{"id": "eve@example.org"}, "", 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			r := call(t, s).put(ada, tt.fields)
			if r.status != tt.status || r.rsCode(t) != tt.rsCode {
				t.Errorf("got %d %s, want %d %s", r.status, r.body, tt.status, tt.rsCode)
			}
			if s.Tenant("").Count() != 0 {
				t.Error("a refused user was stored")
			}
		})
	}
}

func TestAccount_holdsAThousandUsers(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithVerbatimIDs())
	s.Tenant("").Seed(1000, func(i int) advocatetest.User {
		return advocatetest.User{ID: "u" + string(rune('0'+i%10)) + strings.Repeat("x", i/10), AccountID: "acme"}
	})
	_, err := s.Tenant("").Put(advocatetest.User{ID: "one more", AccountID: "acme"})
	if err == nil {
		t.Fatal("user 1001 was let in")
	}
}

func TestDelete_standardLetsThePersonComeBackWithNewCodes(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	before := c.put(ada, map[string]any{"email": ada}).decode(t)
	if r := c.do(http.MethodDelete, userPath(ada), nil); r.status != http.StatusNoContent {
		t.Fatalf("delete: %d", r.status)
	}
	if r := c.do(http.MethodDelete, userPath(ada), nil); r.status != http.StatusNotFound || r.rsCode(t) != "RS042" {
		t.Fatalf("second delete: %d %s", r.status, r.body)
	}
	after := c.put(ada, map[string]any{"email": ada}).decode(t)
	if cmp.Equal(before["referralCodes"], after["referralCodes"]) || after["id"] != before["id"] {
		t.Errorf("want the same id and new codes, got %v then %v", before, after)
	}
}

func TestDelete_doNotTrackKeepsTheIdentityOut(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.RSStatus = map[string]int{"RS050": 422} }))
	c := call(t, s)
	id, _ := c.put(ada, map[string]any{"email": ada}).decode(t)["id"].(string)
	if r := c.do(http.MethodDelete, userPath(id)+"?doNotTrack=true", nil); r.status != http.StatusNoContent {
		t.Fatalf("delete: %d", r.status)
	}
	for name, form := range map[string]string{"raw": ada, "sha1": sha1Hex(ada), "hmac": id} {
		if r := c.put(form, map[string]any{"email": ada}); r.status != 422 || r.rsCode(t) != "RS050" {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
	}
	if r := c.put("other@example.org", map[string]any{"email": ada}); r.status != http.StatusOK {
		t.Errorf("the mark is on the ids, not on the email: %d", r.status)
	}
}

func TestReferral_explicitCodesComeBeforeTheCookieAndTheFirstWins(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	tenant := s.Tenant("")
	x, err := tenant.Join("x@example.org", "X", "")
	if err != nil {
		t.Fatal(err)
	}
	y, err := tenant.Join("y@example.org", "Y", "")
	if err != nil {
		t.Fatal(err)
	}
	c := call(t, s)
	got := c.put(ada, map[string]any{
		"cookies":         tenant.Cookie("47255", y.ReferralCodes["47255"]),
		"referredByCodes": []string{x.ReferralCodes["47255"]},
	}).decode(t)
	want := []any{x.ReferralCodes["47255"]}
	if diff := cmp.Diff(want, got["referredByCodes"]); diff != "" {
		t.Error(diff)
	}
	got = c.put(ada, map[string]any{"referredByCodes": []string{y.ReferralCodes["47255"]}}).decode(t)
	if diff := cmp.Diff(want, got["referredByCodes"]); diff != "" {
		t.Errorf("a later code took over: %s", diff)
	}
	got = c.put("eve@example.org", map[string]any{"cookies": tenant.Cookie("48001", y.ReferralCodes["48001"])}).decode(t)
	if diff := cmp.Diff([]any{y.ReferralCodes["48001"]}, got["referredByCodes"]); diff != "" {
		t.Error(diff)
	}
}

func TestCodes_ofANewlyLiveProgramAppearOnTheNextTouch(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	c.put(ada, map[string]any{"email": ada})
	if err := s.Tenant("").SetProgram(advocatetest.Program{ID: "46100", Name: "Spring", Status: advocatetest.Live}); err != nil {
		t.Fatal(err)
	}
	if code := at(c.do(http.MethodGet, userPath(ada), nil).decode(t), "referralCodes", "46100"); code != nil {
		t.Fatalf("reading made a code: %v", code)
	}
	if code := at(c.put(ada, nil).decode(t), "referralCodes", "46100"); code == nil {
		t.Error("touching made no code")
	}
}

func TestShareURLs_needAProgram(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	c.put(ada, map[string]any{"email": ada})
	path := strings.Replace(userPath(ada), "/open", "", 1) + "/shareurls"
	if r := c.do(http.MethodGet, path, nil); r.status != http.StatusBadRequest {
		t.Errorf("without a program: %d", r.status)
	}
	got := c.do(http.MethodGet, path+"?programId=47255", nil).decode(t)
	if link, _ := at(got, "shareLinks", "EMAIL", "PINTEREST").(string); !strings.Contains(link, "/RL") {
		t.Errorf("no link for EMAIL and PINTEREST: %q", link)
	}
}

func TestVerbatimIDs_comeBackAsSent(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t, advocatetest.WithVerbatimIDs()))
	for _, id := range []string{"Ada/1", "a+b@example.org", "50%"} {
		if got := c.put(id, nil).decode(t); got["id"] != id {
			t.Errorf("sent %q, got %v", id, got["id"])
		}
	}
	if r := c.do(http.MethodGet, userPath("ada/1"), nil); r.status != http.StatusNotFound {
		t.Errorf("case was folded: %d", r.status)
	}
}
