package bridge

import (
	"errors"
	"log/slog"
	"time"
)

// Tokens are what HubSpot issues after somebody has consented in a browser. They
// are hidden from printing and logging, and refuse to be marshalled.
type Tokens struct {
	Access    string
	Refresh   string
	ClientID  string        // of the app they were issued to, which alone can refresh them; not secret
	ExpiresIn time.Duration // of the access token, from when it was issued
}

const hiddenTokens = "[tokens]"

func (Tokens) String() string { return hiddenTokens }

// GoString hides the tokens from %#v.
func (Tokens) GoString() string { return hiddenTokens }

// LogValue hides the tokens from slog.
func (Tokens) LogValue() slog.Value { return slog.StringValue(hiddenTokens) }

// MarshalJSON always fails, so that tokens never get into a workflow's history or a
// response.
func (Tokens) MarshalJSON() ([]byte, error) {
	return nil, errors.New("bridge: tokens are not for marshalling")
}
