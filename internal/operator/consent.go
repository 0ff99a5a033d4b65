package operator

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/oauth"
	"advocatesync/internal/store"
)

// consentLife is how long a consent link works.
const consentLife = 15 * time.Minute

// ConsentRequest is a link for somebody who may install apps in the portal.
// Following it creates the connection. Whoever has the link can use it, once.
type ConsentRequest struct {
	ID        string    `json:"intent_id"`
	URL       string    `json:"consent_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// RequestConsent is Connect for a portal without a static token: it checks
// everything except HubSpot, and returns the link for a browser. For an existing
// connection its portal has to consent again.
func (o *Operator) RequestConsent(ctx context.Context, in ConnectInput) (ConsentRequest, error) {
	if o.vendors.App.ClientID == "" || o.vendors.App.ClientSecret == "" {
		return ConsentRequest{}, refuse(bridge.Conflict, "no_app", "a portal can only consent to an app: set HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET, or give --hubspot-token (HUBSPOT_ACCESS_TOKEN)")
	}
	if err := o.checkProgram(ctx, in); err != nil {
		return ConsentRequest{}, err
	}
	link := rand.Text()
	in.Credentials.HubSpotToken = ""
	kept, err := o.store.SaveIntent(ctx, store.Intent{
		PortalID: in.PortalID, Tenant: in.Tenant, Program: in.Program, Credentials: in.Credentials,
	}, link, consentLife)
	if err != nil {
		return ConsentRequest{}, err
	}
	return ConsentRequest{ID: kept.ID, URL: oauth.StartURL(o.cfg.PublicURL, link), ExpiresAt: kept.ExpiresAt}, nil
}

// RequestConsentAgain returns a link for another consent of a connection's portal:
// after the app was uninstalled, or to replace a static token. Nothing else of the
// connection changes.
func (o *Operator) RequestConsentAgain(ctx context.Context, c bridge.Connection) (ConsentRequest, error) {
	secrets, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return ConsentRequest{}, err
	}
	return o.RequestConsent(ctx, ConnectInput{PortalID: c.PortalID, Tenant: c.Tenant, Program: c.Program, Credentials: secrets})
}

// FinishConsent makes the connection that an operator requested, once HubSpot has
// issued its tokens.
func (o *Operator) FinishConsent(ctx context.Context, in store.Intent, t bridge.Tokens) (bridge.Connection, error) {
	hub := o.vendors.Consented(t.Access)
	account, err := hub.AccountDetails(ctx)
	if err != nil {
		return bridge.Connection{}, fmt.Errorf("cannot ask HubSpot which portal consented: %w", err)
	}
	if in.PortalID != 0 && account.PortalID != in.PortalID {
		return bridge.Connection{}, fmt.Errorf("portal %d consented, but %d is to be connected: choose that account on HubSpot's page", account.PortalID, in.PortalID)
	}
	wanted := ConnectInput{PortalID: account.PortalID, Tenant: in.Tenant, Program: in.Program, Credentials: in.Credentials}
	connection, err := o.join(ctx, hub, wanted, func(c bridge.Connection) (bridge.Connection, error) {
		return o.store.SaveConsented(ctx, c, in.Credentials, t)
	})
	if err != nil {
		return bridge.Connection{}, err
	}
	return connection, o.store.FinishIntent(ctx, in.ID, connection.ID)
}

// ConsentState returns the outcome of a link. After a failed visit the link can be
// used again until it expires.
func (o *Operator) ConsentState(ctx context.Context, intentID string) (store.IntentState, error) {
	state, err := o.store.IntentState(ctx, intentID)
	if bridge.KindOf(err) == bridge.NotFound {
		err = refuse(bridge.NotFound, "unknown_consent", "there is no such link: request a new one")
	}
	return state, err
}
