package api

import (
	"context"
	"time"

	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Consent is a link. Once somebody who may install apps in the portal follows
// it, the connection is made. Whoever has the link can use it, once.
type Consent struct {
	ID        string    `json:"intent_id"`
	URL       string    `json:"consent_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// ConsentState is the outcome of a link.
type ConsentState struct {
	ConnectionID string    `json:"connection_id,omitempty"` // empty: nothing yet
	Failure      string    `json:"failure,omitempty"`       // why the last visit failed
	ExpiresAt    time.Time `json:"expires_at"`
	Expired      bool      `json:"expired"`
}

func (h *Handler) requestConsent(r *request) (any, error) {
	in, err := r.connectInput()
	if err != nil {
		return nil, err
	}
	link, err := h.operator.RequestConsent(r.Context(), in)
	return consentOf(link), err
}

func (h *Handler) requestConsentAgain(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	link, err := h.operator.RequestConsentAgain(r.Context(), c)
	return consentOf(link), err
}

func consentOf(link operator.ConsentRequest) Consent {
	return Consent{ID: link.ID, URL: link.URL, ExpiresAt: link.ExpiresAt.UTC()}
}

func (h *Handler) getConsent(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	state, err := h.operator.ConsentState(r.Context(), r.PathValue("intent"))
	return consentState(state), err
}

func consentState(s store.IntentState) ConsentState {
	return ConsentState{ConnectionID: s.ConnectionID, Failure: s.Failure, ExpiresAt: s.ExpiresAt.UTC(), Expired: s.Expired}
}

// RequestConsent asks for a link with which a portal consents to be connected,
// instead of a static token.
func (c *Client) RequestConsent(ctx context.Context, in ConnectRequest) (Consent, error) {
	return send[Consent](ctx, c, call{operation: "requestConsent", in: in})
}

// RequestConsentAgain asks for a link with which the portal of a connection
// consents again. Nothing else about the connection changes.
func (c *Client) RequestConsentAgain(ctx context.Context, connection string) (Consent, error) {
	return send[Consent](ctx, c, call{operation: "requestConsentAgain", path: []string{connection}})
}

// Consent returns the outcome of a link.
func (c *Client) Consent(ctx context.Context, intent string) (ConsentState, error) {
	return send[ConsentState](ctx, c, call{operation: "getConsent", path: []string{intent}})
}
