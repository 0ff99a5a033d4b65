package store_test

import (
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func (d database) token(t *testing.T, id, name string, role bridge.Role, life time.Duration) store.APIToken {
	t.Helper()
	created, err := d.CreateAPIToken(t.Context(), store.APIToken{
		ID: id, Name: name, Role: role, CreatedBy: "root", ExpiresAt: time.Now().Add(life),
	}, []byte("hash of "+id))
	must(t, err)
	return created
}

func TestUseAPIToken_findsATokenBySecretAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.token(t, "aaaaaaaaaa", "marketing", bridge.RoleOperator, time.Hour)
	d.token(t, "bbbbbbbbbb", "audit", bridge.RolePrivacy, time.Hour)
	_, err := d.RevokeAPIToken(t.Context(), "bbbbbbbbbb")
	must(t, err)

	got, err := d.UseAPIToken(t.Context(), "aaaaaaaaaa", []byte("hash of aaaaaaaaaa"))
	if err != nil || got.Name != "marketing" || got.Role != bridge.RoleOperator || !got.Live(time.Now()) || got.Live(time.Now().Add(2*time.Hour)) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := d.UseAPIToken(t.Context(), "bbbbbbbbbb", []byte("hash of bbbbbbbbbb")); err != nil || got.Live(time.Now()) {
		t.Errorf("a revoked token: %+v, %v", got, err)
	}
	for id, secret := range map[string]string{"aaaaaaaaaa": "hash of bbbbbbbbbb", "cccccccccc": "hash of aaaaaaaaaa", "": ""} {
		_, err := d.UseAPIToken(t.Context(), id, []byte(secret))
		wantKind(t, err, bridge.NotFound)
	}
	all, err := d.APITokens(t.Context())
	must(t, err)
	if len(all) != 2 || all[0].LastUsedAt.IsZero() == all[1].LastUsedAt.IsZero() {
		t.Errorf("one of two was used while it was good: %+v", all)
	}
}

func TestTokenNames_areOnesOwnUntilRevoked(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.token(t, "aaaaaaaaaa", "marketing", bridge.RoleOperator, time.Hour)
	_, err := d.CreateAPIToken(t.Context(), store.APIToken{
		ID: "bbbbbbbbbb", Name: "marketing", Role: bridge.RoleAdmin, CreatedBy: "root", ExpiresAt: time.Now().Add(time.Hour),
	}, []byte("x"))
	wantKind(t, err, bridge.Conflict)
	_, err = d.RevokeAPIToken(t.Context(), "aaaaaaaaaa")
	must(t, err)
	d.token(t, "bbbbbbbbbb", "marketing", bridge.RoleAdmin, time.Hour)
}

func TestRevokeAPIToken_mayBeRepeated(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.token(t, "aaaaaaaaaa", "marketing", bridge.RoleOperator, time.Hour)
	first, err := d.RevokeAPIToken(t.Context(), "aaaaaaaaaa")
	must(t, err)
	again, err := d.RevokeAPIToken(t.Context(), "aaaaaaaaaa")
	must(t, err)
	if first.RevokedAt.IsZero() || !again.RevokedAt.Equal(first.RevokedAt) {
		t.Errorf("revoked at %v, and again at %v", first.RevokedAt, again.RevokedAt)
	}
	_, err = d.RevokeAPIToken(t.Context(), "zzzzzzzzzz")
	wantKind(t, err, bridge.NotFound)
}

func TestAdminTokenExists_countsLiveAdminsAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	want := func(why string, want bool) {
		t.Helper()
		if got, err := d.AdminTokenExists(t.Context()); err != nil || got != want {
			t.Errorf("%s: %t, %v", why, got, err)
		}
	}
	want("no token", false)
	d.token(t, "aaaaaaaaaa", "marketing", bridge.RoleOperator, time.Hour)
	want("an operator's", false)
	d.token(t, "bbbbbbbbbb", "boss", bridge.RoleAdmin, time.Hour)
	want("an admin's", true)
	_, err := d.RevokeAPIToken(t.Context(), "bbbbbbbbbb")
	must(t, err)
	want("revoked", false)
	d.token(t, "cccccccccc", "boss", bridge.RoleAdmin, time.Hour)
	d.exec(t, "UPDATE api_token SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE id = 'cccccccccc'")
	want("expired", false)

	if n, err := d.PurgeAPITokens(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 1 {
		t.Errorf("%d purged, %v; want the expired one alone", n, err)
	}
}
