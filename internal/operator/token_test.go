package operator_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store/storetest"
)

const adminToken = "an-admin-token-from-the-environment"

var byRoot = bridge.Caller{Kind: bridge.CallerLocal, Name: "root", Role: bridge.RoleAdmin}

// shown says what a token opens: a role, or the code of the refusal.
func shown(t *testing.T, a *operator.Access, token string) string {
	t.Helper()
	caller, err := a.Authenticate(t.Context(), token)
	if refusal, ok := errors.AsType[*operator.Refusal](err); ok {
		if refusal.Kind != bridge.Unauthorized {
			t.Errorf("a refusal of kind %q", refusal.Kind)
		}
		return refusal.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(caller.Kind) + " " + caller.Name + " " + string(caller.Role)
}

func TestTokens_openWhatTheirRoleSaysUntilTheyEnd(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := operator.NewAccess(storetest.New(t), adminToken, func() time.Time { return now })
	made, token, err := a.CreateToken(t.Context(), byRoot, operator.NewToken{Name: "marketing", Role: bridge.RoleOperator, Days: 2})
	if err != nil {
		t.Fatal(err)
	}
	if operator.TokenID(token) != made.ID || made.CreatedBy != "root" || !made.ExpiresAt.Round(time.Hour).Equal(now.AddDate(0, 0, 2).Round(time.Hour)) {
		t.Errorf("made %+v", made)
	}
	other, second, err := a.CreateToken(t.Context(), byRoot, operator.NewToken{Name: "audit", Role: bridge.RolePrivacy})
	if err != nil || second == token {
		t.Fatal(err)
	}
	secretOfOther := token[:len("adv_")+10] + second[len("adv_")+10:]
	for presented, want := range map[string]string{
		token:                          "token marketing operator",
		second:                         "token audit privacy",
		token + "x":                    "unauthorized",
		token[:len(token)-1]:           "unauthorized",
		strings.ToUpper(token):         "unauthorized",
		secretOfOther:                  "unauthorized",
		"adv_" + made.ID + "_":         "unauthorized",
		"adv_zzzzzzzzzz_" + token[15:]: "unauthorized",
		"":                             "unauthorized",
		"adv__":                        "unauthorized",
	} {
		if got := shown(t, a, presented); got != want {
			t.Errorf("%d characters, id %q: %s, want %s", len(presented), operator.TokenID(presented), got, want)
		}
	}
	if _, err := a.RevokeToken(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, a, second); got != "token_revoked" {
		t.Errorf("after it was revoked: %s", got)
	}
	now = now.AddDate(0, 0, 3)
	if got := shown(t, a, token); got != "token_expired" {
		t.Errorf("after its time: %s", got)
	}
}

func TestAdminToken_opensUntilAnAdminsTokenExists(t *testing.T) {
	t.Parallel()
	a := operator.NewAccess(storetest.New(t), adminToken, time.Now)
	want := func(why, presented, want string) {
		t.Helper()
		if got := shown(t, a, presented); got != want {
			t.Errorf("%s: %s, want %s", why, got, want)
		}
	}
	want("nobody has a token", adminToken, "bootstrap ADMIN_TOKEN admin")
	want("nearly right", adminToken+"x", "unauthorized")
	if _, _, err := a.CreateToken(t.Context(), byRoot, operator.NewToken{Name: "viewer", Role: bridge.RoleViewer}); err != nil {
		t.Fatal(err)
	}
	want("a viewer cannot make tokens", adminToken, "bootstrap ADMIN_TOKEN admin")
	made, _, err := a.CreateToken(t.Context(), byRoot, operator.NewToken{Name: "boss", Role: bridge.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	want("an admin can", adminToken, "bootstrap_over")
	if _, err := a.RevokeToken(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	want("nobody can again", adminToken, "bootstrap ADMIN_TOKEN admin")
	without := operator.NewAccess(storetest.New(t), "", time.Now)
	if got := shown(t, without, ""); got != "unauthorized" {
		t.Errorf("without ADMIN_TOKEN an empty one opens %s", got)
	}
}

func TestCreateToken_refusesATakenName(t *testing.T) {
	t.Parallel()
	a := operator.NewAccess(storetest.New(t), adminToken, time.Now)
	n := operator.NewToken{Name: "marketing", Role: bridge.RoleOperator}
	if _, _, err := a.CreateToken(t.Context(), byRoot, n); err != nil {
		t.Fatal(err)
	}
	_, token, err := a.CreateToken(t.Context(), byRoot, n)
	if refusal, ok := errors.AsType[*operator.Refusal](err); !ok || refusal.Code != "token_name_taken" || token != "" {
		t.Errorf("%v", err)
	}
}
