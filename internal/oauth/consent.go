package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Where browsers go, below the public URL.
const (
	StartPath    = "/oauth/hubspot/start"
	CallbackPath = "/oauth/hubspot/callback"

	cookiePath = "/oauth/hubspot/"
	cookieName = "advocatesync_consent"

	linkParameter = "intent"
)

// visitTimeout bounds what happens between HubSpot's answer and ours: tokens,
// properties, the connection.
const visitTimeout = 25 * time.Second

// StartURL is the link that leads somebody to HubSpot's consent page.
func StartURL(publicURL, link string) string {
	return publicURL + StartPath + "?" + url.Values{linkParameter: {link}}.Encode()
}

// Intents are the connections that operators asked for and that await consent.
type Intents interface {
	IntentOf(ctx context.Context, link string) (store.Intent, error)
	BeginVisit(ctx context.Context, link, state, browser string) error
	EndVisit(ctx context.Context, state, browser string) (store.Intent, error)
	FailIntent(ctx context.Context, id, failure string) error
}

// Vendor is HubSpot's side of a consent.
type Vendor interface {
	ConsentURL(portalID int64, state, verifier string) string
	Exchange(ctx context.Context, code, verifier string) (bridge.Tokens, error)
}

// Connector makes a connection of what an operator wanted and HubSpot granted.
type Connector interface {
	FinishConsent(ctx context.Context, in store.Intent, t bridge.Tokens) (bridge.Connection, error)
}

// Consent leads a browser through HubSpot's consent page: from an operator's
// link to the page and back. Without the link of an intent, which only an
// operator can make and which expires within minutes, it shows nothing.
//
// The state that travels through HubSpot works once, and only together with the
// cookie of the browser that was sent there. The cookie is also the PKCE
// verifier, so a stolen code is worthless.
type Consent struct {
	publicURL string
	intents   Intents
	vendor    Vendor
	connector Connector
	log       *slog.Logger
}

// NewConsent returns the handlers under publicURL, which has no trailing slash.
func NewConsent(publicURL string, intents Intents, vendor Vendor, connector Connector, log *slog.Logger) *Consent {
	return &Consent{publicURL: publicURL, intents: intents, vendor: vendor, connector: connector, log: log}
}

// Register adds the handlers to a mux.
func (c *Consent) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+StartPath, c.ask)
	mux.HandleFunc("POST "+StartPath, c.leave)
	mux.HandleFunc("GET "+CallbackPath, c.back)
}

// ask shows what is about to be connected: whoever consents should know which
// tenant gets the portal's contacts, and HubSpot's page does not say.
func (c *Consent) ask(w http.ResponseWriter, r *http.Request) {
	link := r.URL.Query().Get(linkParameter)
	in, err := c.intents.IntentOf(r.Context(), link)
	if err != nil {
		c.refuse(w, r, noSuchLink, err)
		return
	}
	c.show(w, r, http.StatusOK, page{
		Title: "Connect a HubSpot portal",
		Lines: []string{
			"Its contacts will be kept in step with the participants of the Advocate tenant " + in.Tenant + ", program " + in.Program + ".",
			"Go on only if you, or somebody you trust, asked for this.",
		},
		Link: link, Target: c.publicURL + StartPath,
	})
}

// leave redirects the browser to HubSpot's page.
func (c *Consent) leave(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	link, state, verifier := r.PostFormValue(linkParameter), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	in, err := c.intents.IntentOf(r.Context(), link)
	if err == nil {
		err = c.intents.BeginVisit(r.Context(), link, state, verifier)
	}
	if err != nil {
		c.refuse(w, r, noSuchLink, err)
		return
	}
	c.setCookie(w, verifier, visitAge)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, c.vendor.ConsentURL(in.PortalID, state, verifier), http.StatusSeeOther)
}

// back handles HubSpot's answer.
func (c *Consent) back(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		c.refuse(w, r, otherBrowser, &bridge.Error{Kind: bridge.NotFound, Op: "oauth.callback", Err: errors.New("no cookie")})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), visitTimeout)
	defer cancel()
	in, err := c.intents.EndVisit(ctx, query.Get("state"), cookie.Value)
	if err != nil {
		c.refuse(w, r, otherBrowser, err)
		return
	}
	c.setCookie(w, "", -1)
	connection, err := c.finish(ctx, in, query, cookie.Value)
	if err != nil {
		c.failed(w, r, in, err)
		return
	}
	c.log.InfoContext(ctx, "portal connected", "connection", connection.ID, "portal", connection.PortalID)
	c.show(w, r, http.StatusOK, page{Title: "Connected", Lines: []string{
		"The portal is connected; its first report runs within a minute. The connection is " + connection.ID + ".",
		"You can close this page.",
	}})
}

func (c *Consent) finish(ctx context.Context, in store.Intent, query url.Values, verifier string) (bridge.Connection, error) {
	code := query.Get("code")
	if code == "" {
		return bridge.Connection{}, declined(query)
	}
	tokens, err := c.vendor.Exchange(ctx, code, verifier)
	if err != nil {
		return bridge.Connection{}, fmt.Errorf("HubSpot did not issue tokens: %w", err)
	}
	return c.connector.FinishConsent(ctx, in, tokens)
}

// declined handles an answer without a code. The answer comes through the
// visitor's browser, so it may say anything.
func declined(query url.Values) error {
	refusal := &bridge.Error{Kind: bridge.Unauthorized, Op: "hubspot.consent", VendorMessage: query.Get("error_description")}
	if code := query.Get("error"); oauthCode.MatchString(code) {
		refusal.Code = code
	}
	return fmt.Errorf("HubSpot did not receive the consent: %w", refusal)
}

// oauthCode matches an OAuth error code (RFC 6749, 4.1.2.1).
var oauthCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// failed tells the visitor and whoever waits for the intent, which stays open.
// Only the error is logged, because a vendor's message may name a person.
func (c *Consent) failed(w http.ResponseWriter, r *http.Request, in store.Intent, cause error) {
	c.log.WarnContext(r.Context(), "consent failed", "intent", in.ID, "err", cause)
	text := explain(cause)
	if err := c.intents.FailIntent(context.WithoutCancel(r.Context()), in.ID, text); err != nil {
		c.log.WarnContext(r.Context(), "failure of a consent not recorded", "intent", in.ID, "err", err)
	}
	status := http.StatusBadRequest
	if bridge.KindOf(cause) == bridge.Unavailable {
		status = http.StatusBadGateway
	}
	c.show(w, r, status, page{Title: "Not connected", Lines: []string{
		text + ".",
		"Correct that, then open the same link again. After " + in.ExpiresAt.UTC().Format("15:04 MST") + ` a new one is needed, from the console or "starter connect".`,
	}})
}

// mostWords bounds how much of a vendor's message is shown.
const mostWords = 300

// explain renders an error for people: with the vendor's message, on one line,
// without terminal control characters.
func explain(err error) string {
	text := err.Error()
	if refusal, ok := errors.AsType[*bridge.Error](err); ok && refusal.VendorMessage != "" {
		words := []rune(strings.Map(printable, strings.ToValidUTF8(refusal.VendorMessage, "")))
		if len(words) > mostWords {
			words = append(words[:mostWords], '…')
		}
		text += ". HubSpot says: " + string(words)
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimRight(text[size:], ".")
}

func printable(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r):
		return -1
	}
	return r
}

// refusal is why the page shows nothing.
type refusal struct {
	status int
	page   page
}

var (
	noSuchLink = refusal{http.StatusNotFound, page{Title: "This link does not work", Lines: []string{
		`It is older than a quarter of an hour, or was used already. Request a new one: in the console, on the page "Connect a portal", or with "starter connect".`,
	}}}
	otherBrowser = refusal{http.StatusForbidden, page{Title: "Not connected", Lines: []string{
		"HubSpot's answer belongs to another browser or to an expired visit.",
		`Open the link again in this browser, with cookies allowed. If it no longer works, request a new one: in the console, on the page "Connect a portal", or with "starter connect".`,
	}}}
)

// refuse answers a visitor without a valid link or state.
func (c *Consent) refuse(w http.ResponseWriter, r *http.Request, why refusal, err error) {
	if bridge.KindOf(err) != bridge.NotFound {
		c.log.WarnContext(r.Context(), "intent could not be looked up", "err", err)
		why = refusal{http.StatusServiceUnavailable, page{Title: "Not now", Lines: []string{"Part of this service does not answer. Try again in a minute."}}}
	}
	c.show(w, r, why.status, why.page)
}

// visitAge is how long a browser may stay on HubSpot's page.
const visitAge = 15 * time.Minute

func (c *Consent) setCookie(w http.ResponseWriter, value string, age time.Duration) {
	cookie := &http.Cookie{
		Name: cookieName, Value: value, Path: c.publicPath() + cookiePath, HttpOnly: true,
		Secure: strings.HasPrefix(c.publicURL, "https://"),
		// HubSpot's answer comes as a link from another site.
		SameSite: http.SameSiteLaxMode,
		MaxAge:   int(age / time.Second),
	}
	if age < 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// publicPath is the path of the public URL, which a proxy in front strips.
func (c *Consent) publicPath() string {
	u, err := url.Parse(c.publicURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}
