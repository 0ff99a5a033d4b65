package advocatetest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"sync"
)

// signer holds the host's webhook keys: the newest signs, the one before stays
// published until the next rotation. Keys are made when first needed, because
// making one takes a noticeable part of a second.
type signer struct {
	mu    sync.Mutex
	keys  []signingKey // newest first, at most two
	count int
}

type signingKey struct {
	id  string
	rsa *rsa.PrivateKey
}

// rotate makes a new signing key. It needs s.mu.
func (s *signer) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("advocatetest: signing key: %w", err)
	}
	s.count++
	// The vendor's key ids are opaque and may hold signs that need care.
	id := fmt.Sprintf("standin/%d=", s.count)
	s.keys = append([]signingKey{{id, key}}, s.keys...)
	s.keys = s.keys[:min(len(s.keys), 2)]
	return nil
}

func (s *signer) current() (signingKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) == 0 {
		if err := s.rotate(); err != nil {
			return signingKey{}, err
		}
	}
	return s.keys[0], nil
}

// detached signs a body: a compact JWS with the payload cut out. The payload is
// Base64URL in the signing input, whatever the header's name (RFC 7797) says.
func (s *signer) detached(body []byte) (string, error) {
	key, err := s.current()
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": key.id})
	if err != nil {
		return "", fmt.Errorf("advocatetest: jws header: %w", err)
	}
	header := base64.RawURLEncoding.EncodeToString(raw)
	digest := sha256.Sum256([]byte(header + "." + base64.RawURLEncoding.EncodeToString(body)))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.rsa, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("advocatetest: jws: %w", err)
	}
	return header + ".." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// keyedDigest is the older signature: HMAC-SHA1 with the tenant's API key.
func keyedDigest(key string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (h *Host) serveJWKS(w http.ResponseWriter, _ *http.Request) {
	if _, err := h.hooks.keys.current(); err != nil {
		writeError(w, err)
		return
	}
	h.hooks.keys.mu.Lock()
	keys := []map[string]string{}
	for _, k := range h.hooks.keys.keys {
		keys = append(keys, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.id,
			"n": base64.RawURLEncoding.EncodeToString(k.rsa.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.rsa.E)).Bytes()),
		})
	}
	h.hooks.keys.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// RotateKeys signs with a new key from now on; the previous one stays published
// until the next rotation.
func (h *Host) RotateKeys() error {
	h.hooks.keys.mu.Lock()
	defer h.hooks.keys.mu.Unlock()
	return h.hooks.keys.rotate()
}
