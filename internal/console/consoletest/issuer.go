package consoletest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/console"
)

// Issuer is a stand-in for an identity provider. Whoever comes to its page is let in
// at once. It hands out a token only for the code that it made, with the secret and
// the verifier that belong to it.
type Issuer struct {
	*httptest.Server

	URL string // another site than the console's, as in production

	key *ecdsa.PrivateKey

	mu     sync.Mutex
	claims map[string]any // of whoever signs in
	sent   url.Values     // with what the browser came
}

const (
	oidcClient = "the-console"
	oidcSecret = "the-secret-of-the-console"

	// OIDCCode is the code that the issuer makes.
	OIDCCode = "a-code-that-works-once"
)

// NewIssuer starts an issuer. It goes with the test.
func NewIssuer(t *testing.T) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, i.Back(r.URL.Query()), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		sent := i.came()
		if id != oidcClient || secret != oidcSecret || r.PostFormValue("code") != OIDCCode ||
			base64.RawURLEncoding.EncodeToString(sum[:]) != sent.Get("code_challenge") || r.PostFormValue("redirect_uri") != sent.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": i.token(t)})
	})
	i.Server = httptest.NewServer(mux)
	i.URL = strings.Replace(i.Server.URL, "127.0.0.1", "localhost", 1)
	t.Cleanup(i.Close)
	return i
}

// Claim sets what the issuer says of whoever signs in, also over what an honest one
// would say.
func (i *Issuer) Claim(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = claims
}

// Back takes what a browser came with, and returns the address that it is sent back
// to once the person is let in.
func (i *Issuer) Back(sent url.Values) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sent = sent
	return sent.Get("redirect_uri") + "?" + url.Values{"code": {OIDCCode}, "state": {sent.Get("state")}}.Encode()
}

func (i *Issuer) came() url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent
}

// token signs the claims.
func (i *Issuer) token(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	all := map[string]any{
		"iss": i.URL, "aud": oidcClient, "sub": "u-1", "nonce": i.came().Get("nonce"),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "preferred_username": "marie",
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.Copy(all, i.claims)
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

// People is the identity provider as the console is told of it.
func (i *Issuer) People() console.OIDC {
	return console.OIDC{Issuer: i.URL, ClientID: oidcClient, ClientSecret: oidcSecret, RoleClaim: "groups", Roles: []console.RoleRule{
		{Value: "it", Role: bridge.RoleAdmin}, {Value: "marketing", Role: bridge.RoleOperator},
	}}
}
