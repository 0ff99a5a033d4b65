package config

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[hidden]"

// Secret is text that nothing prints: no fmt verb, no logger, no JSON. Convert
// it with string(s) where it is used.
type Secret string

// String hides the secret.
func (Secret) String() string { return hidden }

// Format hides the secret from every verb; String alone would leave the ones
// that do not suit text.
func (Secret) Format(f fmt.State, _ rune) { conceal(f) }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from JSON and other text encodings.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Key is 32 bytes of key material that nothing prints. Slice it with k[:]
// where it is used.
type Key [32]byte

// String hides the key.
func (Key) String() string { return hidden }

// Format hides the key from every verb.
func (Key) Format(f fmt.State, _ rune) { conceal(f) }

// LogValue hides the key from slog.
func (Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the key from JSON and other text encodings.
func (Key) MarshalText() ([]byte, error) { return []byte(hidden), nil }

func conceal(w io.Writer) {
	// A fmt.State cannot fail to take text.
	_, _ = io.WriteString(w, hidden)
}
