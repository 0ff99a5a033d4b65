package receipt

import (
	"crypto"
	"crypto/ed25519"
	_ "crypto/sha256" // of thumbprints
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// KeySet holds the public keys that receipts were signed with.
type KeySet jose.JSONWebKeySet

// NewKeySet returns the set of some public keys, to be published.
func NewKeySet(keys ...ed25519.PublicKey) KeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: KeyID(key), Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	return KeySet(set)
}

// ParseKeySet reads a published set. It refuses one without any key.
func ParseKeySet(published []byte) (KeySet, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil {
		return KeySet{}, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	if len(set.Keys) == 0 {
		return KeySet{}, errors.New("the JSON Web Key Set has no key")
	}
	return KeySet(set), nil
}

// KeyID is a key's name: its JWK thumbprint (RFC 7638, RFC 8037 appendix A.3), so
// that nobody has to trust whoever names it.
func KeyID(key ed25519.PublicKey) string {
	jwk := jose.JSONWebKey{Key: key}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "" // only for a key of the wrong size, which the database refuses
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}
