// Package console is the web console at "/": for the person who runs campaigns
// and never opens a terminal, and for the engineer on call.
//
// It is a face, not a brain. Its handlers ask the admin API, in this process and
// as whoever is signed in, so roles, the audit log and refusals are the API's own,
// and the console can do nothing that the API and the commands cannot. There is no
// SQL, no vendor and no Temporal here.
//
// # A page
//
// Each page has a file: its handlers, the struct that its template shows, and the
// template of the same name in templates/. A handler returns an answer: a page, a
// redirect after a form (so that reloading repeats nothing), or a live stream.
// Everything works without scripts; console.js adds only the reader's time zone
// and regions that follow the server's events.
//
// # Adding one
//
//  1. A row of the table in routes.go, with the role that it needs.
//  2. The handler and its template.
//  3. A row in the table of TestRoutes_openToTheirRolesAlone.
//  4. What there is to look at or to do, in the tables of internal/demo/browser.
package console

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// Config is what a Console is made of. Every field is required, but for OIDC.
type Config struct {
	API       *api.Handler
	Access    *operator.Access // says whether whoever signed in may still go on, and keeps the audit log
	Sessions  scs.CtxStore     // where sessions are kept
	OIDC      OIDC             // who lets people sign in, besides tokens; the zero value: nobody
	PublicURL string           // how browsers reach us, without a trailing slash
	HubSpot   string           // where HubSpot's own pages are, such as https://app.hubspot.com
	Stopping  <-chan struct{}  // closed when the server is about to stop: live streams end
	Log       *slog.Logger
	Now       func() time.Time
}

// Console serves the pages.
type Console struct {
	api      *api.Handler
	access   *operator.Access
	sessions *scs.SessionManager
	identity *identity // nil: people sign in with tokens alone
	pages    *pages
	hubspot  string        // where HubSpot's own pages are
	streams  chan struct{} // a place for each live stream that may be open
	stopping <-chan struct{}
	log      *slog.Logger
	now      func() time.Time
	handler  http.Handler
}

// New returns the console of an installation.
func New(cfg Config) (*Console, error) {
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("the console's public address: %w", err)
	}
	prefix := strings.TrimRight(public.Path, "/")
	pages, err := parsePages(prefix)
	if err != nil {
		return nil, err
	}
	c := &Console{
		api: cfg.API, access: cfg.Access, sessions: newSessions(cfg.Sessions, public, cfg.Log), pages: pages,
		hubspot: cfg.HubSpot, streams: make(chan struct{}, maxStreams), stopping: cfg.Stopping, log: cfg.Log, now: cfg.Now,
	}
	if cfg.OIDC.Issuer != "" {
		c.identity = &identity{cfg: cfg.OIDC, public: cfg.PublicURL}
	}
	// A form of another site would carry the visitor's cookie. Browsers say where a
	// request comes from, and the standard library refuses those.
	sameOrigin := http.NewCrossOriginProtection()
	if err := sameOrigin.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		return nil, fmt.Errorf("the console's public address: %w", err)
	}
	sameOrigin.SetDenyHandler(http.HandlerFunc(c.crossOrigin))
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux() // files need no session, so no query either
	mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	mux.Handle("/", sameOrigin.Handler(c.sessions.LoadAndSave(c.mux())))
	c.handler = mux
	return c, nil
}

func (c *Console) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range routes {
		mux.Handle(rt.method+" "+rt.path, c.route(rt))
	}
	mux.Handle("/", c.route(route{handle: (*Console).nothingHere}))
	return mux
}

// maxBody bounds what a form may send: the largest is a trigger's definition, or
// the ids of a page of parked items.
const maxBody = 256 << 10

// policy is what a page may load and do: our own style sheet, script and events,
// and nothing inline or from elsewhere.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP serves a page, or what a page needs.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	limit := int64(maxBody)
	if r.URL.Path == replayPath {
		limit = maxReplay // nothing is read of it before the role is known
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	c.handler.ServeHTTP(w, r)
}

// cached lets browsers keep files that carry their content's hash in the address.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

// route serves one route: it finds out who asks, checks the role, and writes what
// the handler answers.
func (c *Console) route(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		v := c.newVisit(r)
		w.Header().Set("X-Request-Id", v.id)
		answer, err := c.serve(rt, v)
		if err == nil {
			err = answer.write(c, v, w)
		}
		if err != nil {
			c.fail(w, v, err)
		}
	})
}

func (c *Console) serve(rt route, v *visit) (answer, error) {
	if err := c.identify(v); err != nil {
		return nil, err
	}
	switch {
	case rt.role == "":
	case v.caller.Role == "":
		return signInFirst(v), nil
	case !v.caller.Role.Allows(rt.role):
		return nil, forbidden(v.caller, rt.role)
	}
	return rt.handle(c, v)
}

// visit is one request.
type visit struct {
	*http.Request
	id     string // of the request, in logs, the audit log and on pages of errors
	caller bridge.Caller
	client *api.Client // of the API, as the caller; nil: nobody is signed in
}

func (c *Console) newVisit(r *http.Request) *visit { return &visit{Request: r, id: newRequestID()} }

// ctx is the request's context.
func (v *visit) ctx() context.Context { return v.Context() }

// connection is the id of the connection that the address names.
func (v *visit) connection() string { return v.PathValue("connection") }
