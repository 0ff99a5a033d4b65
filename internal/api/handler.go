package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/operator"
)

// answerTimeout bounds the work on one request. The server's own timeout is a
// little longer, so that a problem still gets through.
const answerTimeout = 20 * time.Second

// Config configures a Handler. Every field but TrustedProxies is required.
type Config struct {
	Operator *operator.Operator
	Access   *operator.Access // tokens and the audit log
	Callers  Authenticator    // who may call: Access itself, or Local
	Metrics  prometheus.Registerer
	Log      *slog.Logger
	Now      func() time.Time

	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
}

// Handler serves the API under Prefix.
type Handler struct {
	operator *operator.Operator
	access   *operator.Access
	auth     tokenAuth
	proxies  proxies
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	mux      *http.ServeMux
}

// NewHandler returns a handler of all routes, and registers its metrics.
func NewHandler(cfg Config) *Handler {
	h := &Handler{
		operator: cfg.Operator, access: cfg.Access,
		auth:    tokenAuth{callers: cfg.Callers, throttle: newThrottle(cfg.Now)},
		proxies: cfg.TrustedProxies, metrics: newMetrics(cfg.Metrics), log: cfg.Log, now: cfg.Now, mux: http.NewServeMux(),
	}
	for _, rt := range routes {
		h.mux.Handle(rt.method+" "+Prefix+rt.path, h.route(rt))
	}
	h.mux.HandleFunc(anything, h.noRoute)
	return h
}

// ServeHTTP refuses every request without a valid token, whatever its path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	r.Header.Set(headerRequestID, id) // what the caller gave, or ours
	header := w.Header()
	header.Set(headerRequestID, id)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store") // some answers hold personal data, and all are stale at once
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	from := h.proxies.remote(r)
	caller, refused := h.auth.authenticate(r, from)
	if refused != nil {
		h.metrics.refusals.WithLabelValues(strconv.Itoa(refused.Status)).Inc()
		h.turnedAway(r, from, refused)
		header.Set("WWW-Authenticate", `Bearer realm="advocatesync"`)
		refused.write(w, id)
		return
	}
	h.mux.ServeHTTP(w, r.WithContext(withCaller(ctx, caller, from)))
}

// turnedAway logs a wrong token. It logs no more per address than the throttle
// allows, so that nobody can fill the log.
func (h *Handler) turnedAway(r *http.Request, from netip.Addr, refused *Problem) {
	if h.auth.throttle.wrong(attempt{from: customer(from), tokenID: anyToken}) == 0 {
		h.log.WarnContext(r.Context(), "api caller turned away", "request_id", requestID(r), "remote", from.String(), "code", refused.Code)
	}
}

// route serves one operation.
func (h *Handler) route(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := h.now()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status := rt.status
		req := newRequest(r)
		answer, err := h.onRecord(req, rt, func() (any, error) {
			if !req.caller.Role.Allows(rt.role) {
				return nil, forbidden(req.caller, rt.role)
			}
			return rt.handle(h, req)
		})
		if err != nil {
			problem := problemOf(err)
			status = problem.Status
			problem.write(w, requestID(r))
		} else {
			writeJSON(w, "application/json", status, answer)
		}
		h.served(req, rt.operation, status, h.now().Sub(began), err)
	})
}

// served counts and logs a request without its path and body, which may hold
// anything.
func (h *Handler) served(r *request, operation string, status int, took time.Duration, err error) {
	h.metrics.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	level, cause := slog.LevelInfo, slog.Attr{}
	switch {
	case status >= http.StatusInternalServerError:
		level, cause = slog.LevelError, slog.Any("err", err)
	case r.Method == http.MethodGet:
		level = slog.LevelDebug // reads are frequent, changes rare
	}
	h.log.LogAttrs(r.Context(), level, "api request", slog.String("request_id", requestID(r.Request)), slog.String("operation", operation),
		slog.Int("status", status), slog.String("caller", r.caller.Name), slog.Int64("duration_ms", took.Milliseconds()), cause)
}

// anything matches every path that is no route.
const anything = "/"

// noRoute answers as net/http's mux does, with a problem as the body.
func (h *Handler) noRoute(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := h.mux.Handler(other); pattern != anything {
			allowed = append(allowed, method)
		}
	}
	p := newProblem(http.StatusNotFound, codeNotFound, "there is no such path: "+Prefix+"/openapi.json lists them")
	if len(allowed) > 0 {
		methods := strings.Join(allowed, ", ")
		w.Header().Set("Allow", methods)
		p = newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "this path takes "+methods+" only")
	}
	p.write(w, requestID(r))
}

const headerRequestID = "X-Request-Id"

var fitRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID returns the caller's own request id if it is safe to log, else a
// new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get(headerRequestID); fitRequestID.MatchString(id) {
		return id
	}
	return strings.ToLower(rand.Text()[:16])
}

func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // keep links readable
	_ = encoder.Encode(body)     // the caller may have hung up
}
