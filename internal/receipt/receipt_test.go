package receipt_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/receipt"
)

func key(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(b)), ed25519.SeedSize)))
}

func public(b byte) ed25519.PublicKey { return key(b).Public().(ed25519.PublicKey) }

var done = receipt.Receipt{
	Version: receipt.Version, Issuer: "https://sync.example.com", IssuedAt: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
	ErasureID: 7, ConnectionID: "c234567abc", PortalID: 42, Tenant: "acme", ContactID: "101",
	Requested:  receipt.Requested{Source: "operator", By: "dpo", OccurredAt: time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)},
	Steps:      []receipt.Step{{Step: "heard", At: time.Date(2026, 11, 28, 11, 0, 1, 0, time.UTC)}},
	Checked:    receipt.Checked{HubSpot: "not_found", Advocate: "not_found", IdentitiesAsked: 1},
	OutOfReach: receipt.OutOfReach{ImpactOrders: []string{"hs-42-7"}, Backups: receipt.Backups},
}

// published is a key set as somebody downloads it.
func published(t *testing.T, keys ...ed25519.PublicKey) receipt.KeySet {
	t.Helper()
	text, err := json.Marshal(receipt.NewKeySet(keys...))
	if err != nil {
		t.Fatal(err)
	}
	set, err := receipt.ParseKeySet(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// signAs signs anything in any way.
func signAs(t *testing.T, alg jose.SignatureAlgorithm, key any, typ, kid, payload string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestVerify_acceptsWhatWasSignedAndNothingElse(t *testing.T) {
	t.Parallel()
	const typ = "advocatesync-erasure-receipt"
	good, err := receipt.Sign(done, key('a'))
	if err != nil {
		t.Fatal(err)
	}
	kid := receipt.KeyID(public('a'))
	parts := strings.Split(good, ".")
	altered := done
	altered.Counts.ParticipantsDeleted = 9
	changed, err := json.Marshal(altered)
	if err != nil {
		t.Fatal(err)
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"` + typ + `","kid":"` + kid + `"}`))
	tests := map[string]struct {
		compact string
		keys    receipt.KeySet
		want    error
	}{
		"as signed":                               {good, published(t, public('a')), nil},
		"the key is one of several":               {good, published(t, public('b'), public('a')), nil},
		"the key is not published":                {good, published(t, public('b')), receipt.ErrUnknownKey},
		"another payload under its signature":     {parts[0] + "." + base64.RawURLEncoding.EncodeToString(changed) + "." + parts[2], published(t, public('a')), receipt.ErrForged},
		"no signature":                            {parts[0] + "." + parts[1] + ".", published(t, public('a')), receipt.ErrForged},
		"the algorithm none":                      {none + "." + parts[1] + ".", published(t, public('a')), receipt.ErrMalformed},
		"the public key as a shared secret":       {signAs(t, jose.HS256, []byte(public('a')), typ, kid, `{"version":1}`), published(t, public('a')), receipt.ErrMalformed},
		"signed by another key in its name":       {signAs(t, jose.EdDSA, key('b'), typ, kid, `{"version":1}`), published(t, public('a')), receipt.ErrForged},
		"names no key":                            {signAs(t, jose.EdDSA, key('a'), typ, "", `{"version":1}`), published(t, public('a')), receipt.ErrUnknownKey},
		"something else that the key signed":      {signAs(t, jose.EdDSA, key('a'), "JWT", kid, `{"version":1}`), published(t, public('a')), receipt.ErrMalformed},
		"signed, but no JSON":                     {signAs(t, jose.EdDSA, key('a'), typ, kid, "yes"), published(t, public('a')), receipt.ErrMalformed},
		"of a later version":                      {signAs(t, jose.EdDSA, key('a'), typ, kid, `{"version":2}`), published(t, public('a')), receipt.ErrTooNew},
		"without a version":                       {signAs(t, jose.EdDSA, key('a'), typ, kid, `{}`), published(t, public('a')), receipt.ErrTooNew},
		"not a JWS":                               {"a receipt", published(t, public('a')), receipt.ErrMalformed},
		"nothing":                                 {"", published(t, public('a')), receipt.ErrMalformed},
		"the JWS in JSON form, with a key of its": {`{"payload":"e30","signatures":[]}`, published(t, public('a')), receipt.ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := receipt.Verify(tt.compact, tt.keys)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil {
				if diff := cmp.Diff(done, got); diff != "" {
					t.Errorf("(-signed +read)\n%s", diff)
				}
			}
		})
	}
}

func TestParseKeySet_refusesWhatHoldsNoKey(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"kty":"oct"}]}`, "<html>"} {
		if _, err := receipt.ParseKeySet([]byte(text)); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

// The example of RFC 8037, appendix A.3.
func TestKeyID_isTheThumbprint(t *testing.T) {
	t.Parallel()
	raw, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	if got := receipt.KeyID(raw); got != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("key id %s", got)
	}
}

func TestKeysHandler_readsTheKeysAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	now, reads, failing := time.Now(), 0, false
	h := receipt.NewKeysHandler(func(context.Context) (receipt.KeySet, error) {
		reads++
		if failing {
			return receipt.KeySet{}, errors.New("the database is away")
		}
		return receipt.NewKeySet(public('a')), nil
	}, slog.New(slog.DiscardHandler), func() time.Time { return now })
	ask := func(method string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, receipt.KeysPath, http.NoBody))
		return w
	}
	for range 3 {
		w := ask(http.MethodGet)
		if _, err := receipt.ParseKeySet(w.Body.Bytes()); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
	}
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
	if w := ask(http.MethodPost); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	now, failing = now.Add(time.Hour), true
	if w := ask(http.MethodGet); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "database") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
