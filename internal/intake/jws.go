package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"advocatesync/internal/outbound"
)

// jwsHeader carries a JWS in compact form without its payload, which is the body
// (SaaSquatch docs: webhook security). Despite the name the payload is signed as
// Base64URL, unlike in RFC 7797. The older X-Hook-Signature is an HMAC-SHA1 with
// the tenant's API key; it is ignored.
const jwsHeader = "X-Hook-JWS-RFC-7797"

const (
	// keyLife is how long a key is trusted after it was last seen published, so that a
	// withdrawn key does not stay valid for ever. The vendor's own code keeps keys for
	// a day.
	keyLife = 24 * time.Hour
	// Anybody may send an unknown key id, so not every one causes a fetch.
	fetchEvery = 30 * time.Second
	fetchBurst = 3

	// fetchTimeout bounds a fetch, which goes on after its caller is gone.
	fetchTimeout = 3 * time.Second

	maxKeySet = 1 << 20
)

// Why a webhook from Advocate is refused. The sender gets these texts.
var (
	errNoJWS      = errors.New("the header " + jwsHeader + " is required")
	errBadJWS     = errors.New(jwsHeader + " must be a compact JWS without payload, signed with RS256, that names its key")
	errUnknownKey = errors.New("the signature's key is not among those that Advocate publishes")
	errForged     = errors.New("the signature does not match the body")
)

// keyRing holds the public keys that Advocate signs webhooks with, by key id. The
// key of an id never changes, but ids come and go.
type keyRing struct {
	url  string // of the JSON Web Key Set
	http *http.Client
	now  func() time.Time
	may  *rate.Limiter // fetches

	mu   sync.RWMutex
	keys map[string]ringKey

	fetches singleflight.Group // one at a time, shared by all who wait
}

type ringKey struct {
	jwk  jose.JSONWebKey
	seen time.Time // last published
}

func newKeyRing(url string, client *http.Client, now func() time.Time) *keyRing {
	return &keyRing{url: url, http: outbound.HTTP(client), now: now, may: rate.NewLimiter(rate.Every(fetchEvery), fetchBurst), keys: map[string]ringKey{}}
}

// verify returns nil if the body was signed with one of Advocate's keys, and an
// unavailableError if the keys could not be fetched.
func (k *keyRing) verify(ctx context.Context, r *http.Request, body []byte) error {
	compact := r.Header.Get(jwsHeader)
	if compact == "" {
		return errNoJWS
	}
	signature, err := jose.ParseDetached(compact, body, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(signature.Signatures) != 1 || signature.Signatures[0].Header.KeyID == "" {
		return errBadJWS
	}
	key, err := k.key(ctx, signature.Signatures[0].Header.KeyID)
	if err != nil {
		return err
	}
	if signature.DetachedVerify(body, key.Key) != nil {
		return errForged
	}
	return nil
}

// unavailableError says that a signature could not be checked.
type unavailableError struct{ error }

func (e unavailableError) Unwrap() error { return e.error }

// key returns a trusted key, and fetches the set if it has none with that id.
func (k *keyRing) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	if key, ok := k.trusted(id); ok {
		return key, nil
	}
	fetched := k.fetches.DoChan("", func() (any, error) { return nil, k.refresh(ctx) })
	select {
	case result := <-fetched:
		if result.Err != nil {
			return jose.JSONWebKey{}, result.Err
		}
	case <-ctx.Done():
		return jose.JSONWebKey{}, unavailableError{context.Cause(ctx)}
	}
	if key, ok := k.trusted(id); ok {
		return key, nil
	}
	return jose.JSONWebKey{}, errUnknownKey
}

// refresh fetches the keys for all who wait for them. The fetch goes on if the
// first of them hangs up.
func (k *keyRing) refresh(ctx context.Context) error {
	if !k.may.AllowN(k.now(), 1) {
		return errUnknownKey
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	published, err := k.fetch(ctx)
	if err != nil {
		return unavailableError{fmt.Errorf("fetch Advocate's webhook keys: %w", err)}
	}
	k.remember(published)
	return nil
}

func (k *keyRing) trusted(id string) (jose.JSONWebKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, ok := k.keys[id]
	return key.jwk, ok && k.now().Before(key.seen.Add(keyLife))
}

// remember stores the published keys and drops those that have not been published
// for keyLife.
func (k *keyRing) remember(published []jose.JSONWebKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	for _, key := range published {
		k.keys[key.KeyID] = ringKey{jwk: key, seen: now}
	}
	for id, key := range k.keys {
		if !now.Before(key.seen.Add(keyLife)) {
			delete(k.keys, id)
		}
	}
}

// fetch returns the published keys of the kinds that we accept. The set may hold
// keys of unknown kinds, which are left out.
func (k *keyRing) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxKeySet)).Decode(&set); err != nil {
		return nil, errors.New("answered with something other than a key set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || key.KeyID == "" || !key.Valid() || !key.IsPublic() {
			continue
		}
		if !strings.EqualFold(key.Use, "enc") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
