package advocate_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
)

const (
	ada     = "ada+1@example.org"
	program = "47255"
)

// client returns a client of the stand-in's default tenant.
func client(t *testing.T, s *advocatetest.Server, change ...func(*advocate.Config)) *advocate.Client {
	t.Helper()
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := advocate.Config{BaseURL: base, Tenant: advocatetest.DefaultAlias, Key: advocatetest.DefaultKey}
	for _, f := range change {
		f(&cfg)
	}
	return advocate.New(cfg, &http.Client{Timeout: 10 * time.Second})
}

func change(email string) bridge.ParticipantChange {
	return bridge.ParticipantChange{AccountID: email, UserID: email, Email: email, FirstName: "Ada", LastName: "Byron", HubSpotContactID: "151"}
}

func TestUpsert_returnsWhatAdvocateStored(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts []advocatetest.Option
		user string
		key  string
	}{
		"hashed ids, SaaSquatch-style key": {nil, "", advocatetest.DefaultKey},
		"hashed ids, impact.com-style key": {nil, advocatetest.DefaultAccountSID, advocatetest.DefaultAuthToken},
		"verbatim ids":                     {[]advocatetest.Option{advocatetest.WithVerbatimIDs()}, "", advocatetest.DefaultKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t, tt.opts...)
			c := client(t, s, func(cfg *advocate.Config) { cfg.User, cfg.Key = tt.user, tt.key })
			got, err := c.Upsert(t.Context(), change(ada), program)
			if err != nil {
				t.Fatal(err)
			}
			stored, _ := s.Tenant("").User(ada, ada)
			want := bridge.Participant{
				AccountID: s.Tenant("").StoredID(ada), UserID: s.Tenant("").StoredID(ada),
				Email: ada, FirstName: "Ada", LastName: "Byron", HubSpotContactID: "151",
				ReferralCode: stored.ReferralCodes[program], ShareLink: stored.ShareLinks[program],
				DateCreated: time.UnixMilli(stored.DateCreated).UTC(),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			again, err := c.Participant(t.Context(), got.AccountID, got.UserID, program)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, again); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUpsert_leavesAloneWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	first, err := c.Upsert(t.Context(), change(ada), program)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Upsert(t.Context(), bridge.ParticipantChange{AccountID: first.AccountID, UserID: first.UserID, HubSpotContactID: "152"}, program)
	if err != nil {
		t.Fatal(err)
	}
	first.HubSpotContactID = "152"
	if diff := cmp.Diff(first, got); diff != "" {
		t.Error(diff)
	}
}

func TestUpsert_recordsTheReferral(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	tenant := s.Tenant("")
	friend, err := tenant.Join("friend@example.org", "Fran", "")
	if err != nil {
		t.Fatal(err)
	}
	code := friend.ReferralCodes[program]
	byCode, byCookie := change(ada), change("eve@example.org")
	byCode.ReferredByCode = code
	byCookie.Cookie = tenant.Cookie(program, code)
	for _, in := range []bridge.ParticipantChange{byCode, byCookie} {
		if _, err := client(t, s).Upsert(t.Context(), in, program); err != nil {
			t.Fatal(err)
		}
		u, _ := tenant.User(in.AccountID, in.UserID)
		if diff := cmp.Diff([]string{code}, u.ReferredByCodes); diff != "" {
			t.Error(diff)
		}
	}
}

func TestUpsert_storesTheContactIDUnderTheConfiguredField(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s, func(cfg *advocate.Config) { cfg.ContactIDField = "crm_id" })
	got, err := c.Upsert(t.Context(), change(ada), program)
	if err != nil || got.HubSpotContactID != "151" {
		t.Fatalf("%+v, %v", got, err)
	}
	u, _ := s.Tenant("").User(ada, ada)
	if diff := cmp.Diff(map[string]any{"crm_id": "151"}, u.CustomFields); diff != "" {
		t.Error(diff)
	}
}

func TestUpsert_asksForTheLinkThatTheAnswerLeavesOut(t *testing.T) {
	t.Parallel()
	tenant := advocatetest.DefaultTenant()
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "last"} {
		tenant.Programs = append(tenant.Programs, advocatetest.Program{ID: id, Name: id, Status: advocatetest.Live})
	}
	s := advocatetest.New(t, advocatetest.WithTenant(tenant))
	got, err := client(t, s).Upsert(t.Context(), change(ada), "last")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := s.Tenant("").User(ada, ada)
	if got.ReferralCode != u.ReferralCodes["last"] || got.ShareLink != u.ShareLinks["last"] || got.ShareLink == "" {
		t.Errorf("got %q %q, want %q %q", got.ReferralCode, got.ShareLink, u.ReferralCodes["last"], u.ShareLinks["last"])
	}
}

func TestParticipant_withoutACodeInTheProgram(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	if _, err := c.Upsert(t.Context(), change(ada), program); err != nil {
		t.Fatal(err)
	}
	got, err := c.Participant(t.Context(), ada, ada, "46100") // paused when they joined
	if err != nil || got.ReferralCode != "" || got.ShareLink != "" {
		t.Errorf("got %q %q %v", got.ReferralCode, got.ShareLink, err)
	}
	if n := s.Calls(advocatetest.RouteOpenShare); n != 0 {
		t.Errorf("%d calls for links that cannot exist", n)
	}
}

func TestIDs_surviveTheAddress(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithVerbatimIDs())
	c := client(t, s)
	for _, id := range []string{"a/b", "50%", "a+b@example.org", "a b", "ü?x=1#y", "a%2Fb"} {
		got, err := c.Upsert(t.Context(), bridge.ParticipantChange{AccountID: "acct " + id, UserID: id}, program)
		if err != nil || got.UserID != id || got.AccountID != "acct "+id {
			t.Errorf("%q came back as %q, %q: %v", id, got.AccountID, got.UserID, err)
		}
	}
	for _, pair := range [][2]string{{"", "x"}, {"x", ""}} {
		if err := c.Delete(t.Context(), pair[0], pair[1], false); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("ids %q were let through: %v", pair, err)
		}
	}
	if n := s.Calls(advocatetest.RouteDropAccount); n != 0 {
		t.Errorf("%d calls meant a whole account", n)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	if _, err := c.Upsert(t.Context(), change(ada), program); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), ada, ada, false); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), ada, ada, false); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("second delete: %v", err)
	}
	if _, err := c.Upsert(t.Context(), change(ada), program); err != nil {
		t.Fatalf("a standard deletion keeps nobody out: %v", err)
	}
	if err := c.Delete(t.Context(), ada, ada, true); err != nil {
		t.Fatal(err)
	}
	if !s.Tenant("").Erased(ada, ada) {
		t.Error("the identity is not marked do-not-track")
	}
	_, err := c.Upsert(t.Context(), change(ada), program)
	if bridge.KindOf(err) != bridge.DoNotTrack {
		t.Errorf("erased person: %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	own, err := c.Upsert(t.Context(), change(ada), program)
	if err != nil {
		t.Fatal(err)
	}
	namesake := change("work@example.org")
	namesake.Email = ada
	other, err := c.Upsert(t.Context(), namesake, program)
	if err != nil {
		t.Fatal(err)
	}
	typed, err := s.Tenant("").Join("Grace@Example.org", "Grace", "Hopper")
	if err != nil {
		t.Fatal(err)
	}

	byID, byEmail, err := c.Find(t.Context(), " Ada+1@example.org ", program)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&own, byID); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bridge.Participant{own, other}, byEmail); diff != "" {
		t.Error(diff)
	}
	byID, byEmail, err = c.Find(t.Context(), "Grace@Example.org", program)
	if err != nil || byID != nil || len(byEmail) != 1 || byEmail[0].UserID != typed.ID {
		t.Errorf("an email stored with capitals: %v %v %v", byID, byEmail, err)
	}
	byID, byEmail, err = c.Find(t.Context(), "nobody@example.org", program)
	if err != nil || byID != nil || len(byEmail) != 0 {
		t.Errorf("nobody: %v %v %v", byID, byEmail, err)
	}
	if n := s.Calls(advocatetest.RouteGraphQL); n != 3 {
		t.Errorf("%d calls for three searches", n)
	}
}

func TestPrograms_listsAllPagesOfReferralProgramsButTheArchived(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	if err := s.Tenant("").SetProgram(advocatetest.Program{ID: "loyalty", Name: "Points", Status: advocatetest.Live, NoReferrals: true}); err != nil {
		t.Fatal(err)
	}
	got, err := client(t, s).Programs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []advocate.Program{
		{ID: "47255", Name: "Refer a friend", Status: advocate.ProgramLive},
		{ID: "48001", Name: "Customer champions", Status: advocate.ProgramLive},
		{ID: "46100", Name: "Spring campaign", Status: advocate.ProgramPaused},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrors_keepPersonalDataToTheWords(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	in := change(ada)
	in.Email = "secret@nowhere"
	_, err := c.Upsert(t.Context(), in, program)
	var e *bridge.Error
	if !errors.As(err, &e) || e.Kind != bridge.Invalid || e.Code != "RS023" || !strings.Contains(e.VendorMessage, in.Email) {
		t.Fatalf("%#v", err)
	}
	s.Order(advocatetest.Fault{Route: advocatetest.RouteUpsert, DropBefore: true})
	_, dropped := c.Upsert(t.Context(), change(ada), program)
	for _, err := range []error{err, dropped} {
		for _, private := range []string{"secret", "ada", "Byron", advocatetest.DefaultKey, "151"} {
			if err == nil || strings.Contains(err.Error(), private) {
				t.Errorf("%q gives away %q", err, private)
			}
		}
	}
}
