package bridge

import (
	"errors"
	"log/slog"
	"time"
)

// Tokens are what HubSpot hands out once somebody has consented in a browser.
// They print, log and marshal as nothing.
type Tokens struct {
	Access    string
	Refresh   string
	ClientID  string        // of the app that they were handed out to, which alone can refresh them; no secret
	ExpiresIn time.Duration // of the access token, from when it was handed out
}

const hiddenTokens = "[tokens]"

func (Tokens) String() string { return hiddenTokens }

// GoString hides the tokens from %#v.
func (Tokens) GoString() string { return hiddenTokens }

// LogValue hides the tokens from slog.
func (Tokens) LogValue() slog.Value { return slog.StringValue(hiddenTokens) }

// MarshalJSON refuses, so that tokens never get into a workflow's history or an
// answer of ours.
func (Tokens) MarshalJSON() ([]byte, error) {
	return nil, errors.New("bridge: tokens are not for marshalling")
}
