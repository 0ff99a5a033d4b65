// Package seal keeps secrets and personal data out of reach of whoever can read
// the database: a [Sealer] encrypts what must be read back, a [Hasher] makes
// keyed hashes of what only has to be recognised.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is the length of an encryption key in bytes.
const KeySize = 32

var (
	// ErrUnknownKey means that the text was sealed under a key that the Sealer
	// does not hold.
	ErrUnknownKey = errors.New("seal: sealed under a key that is not configured")
	// ErrCorrupt means that the text was altered, cut off, or sealed for
	// another context.
	ErrCorrupt = errors.New("seal: not readable in this context")
)

// keyID names the key that sealed a text, so that an old one can still open
// what it sealed after a new one took over.
type keyID [4]byte

// Sealer encrypts with AES-256-GCM under its first key, and opens what any of
// its keys sealed. It is safe for concurrent use.
type Sealer struct {
	current keyID
	keys    map[keyID]cipher.AEAD
}

// NewSealer returns a Sealer that seals under key and also opens what the older
// keys sealed. Every key has KeySize bytes.
func NewSealer(key []byte, older ...[]byte) (*Sealer, error) {
	s := &Sealer{current: idOf(key), keys: make(map[keyID]cipher.AEAD, 1+len(older))}
	for _, k := range append([][]byte{key}, older...) {
		if len(k) != KeySize {
			return nil, fmt.Errorf("seal: a key must have %d bytes, this one has %d", KeySize, len(k))
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		if s.keys[idOf(k)], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
	}
	return s, nil
}

func idOf(key []byte) keyID {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("advocatesync key id"))
	return keyID(mac.Sum(nil))
}

// Seal encrypts plain for one context: the place the text belongs to, such as
// a column and a row. A text moved to another place does not open.
func (s *Sealer) Seal(plain []byte, context string) []byte {
	return s.keys[s.current].Seal(s.current[:], nil, plain, []byte(context))
}

// Current tells that a text was sealed under the first key. One that was not has
// to be sealed anew before its key may go.
func (s *Sealer) Current(sealed []byte) bool {
	return len(sealed) >= len(keyID{}) && keyID(sealed) == s.current
}

// Open decrypts what Seal made for the same context. The error is ErrUnknownKey
// or ErrCorrupt.
func (s *Sealer) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < len(keyID{}) {
		return nil, ErrCorrupt
	}
	id, text := keyID(sealed), sealed[len(keyID{}):]
	aead, ok := s.keys[id]
	if !ok {
		return nil, ErrUnknownKey
	}
	plain, err := aead.Open(nil, nil, text, []byte(context))
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}
