package hubspottest

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// current is the version under which routes are counted and faults are matched.
const current = "2026-09"

// versions are the aliases of every dated path that share one handler.
var versions = []string{"v3", "2026-03", current}

// maxBody is generous: HubSpot's own cap on request bodies is not published.
const maxBody = 16 << 20

// call is one request on its way through a handler.
type call struct {
	*http.Request
	host    *Host
	portal  *Portal // nil on open routes
	grant   grant
	version string
	body    []byte
	store   *store // nil where the path names no object type
}

type handler func(*call) reply

// route is one operation under its canonical, current-version path.
type route struct {
	method, path string
	open         bool // needs no bearer token
	search       bool // counts against the search limit instead of the burst limit
	handle       handler
}

func (h *Host) routes() {
	h.objectRoutes()
	h.propertyRoutes()
	h.associationRoutes()
	h.formRoutes()
	h.oauthRoutes()
	h.accountRoutes()
	h.subscriptionRoutes()
	h.journalRoutes()
	h.adminRoutes()
	h.pageRoutes()
}

// versioned registers a route under each alias. In area the version follows
// the area ("/crm/objects/2026-09"), but v3 stands before it ("/crm/v3/objects").
func (h *Host) versioned(area string, rt route) {
	suffix := rt.path
	for _, v := range versions {
		prefix := area + "/" + v
		if root, leaf, ok := strings.Cut(strings.TrimPrefix(area, "/"), "/"); ok && v == "v3" {
			prefix = "/" + root + "/v3/" + leaf
		}
		rt.path = area + "/" + current + suffix
		h.mux.HandleFunc(rt.method+" "+prefix+suffix, h.serve(rt, v))
	}
}

func (h *Host) fixed(rt route) {
	h.mux.HandleFunc(rt.method+" "+rt.path, h.serve(rt, current))
}

func (h *Host) serve(rt route, version string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, host: h, version: version}
		name := rt.method + " " + routeName(rt.path, r)
		h.counters.call(name)
		out, f := h.answer(c, rt, name, w.Header())
		h.counters.answer(out.status)
		f.spoil(w, r, out)
	}
}

// routeName is the canonical path with the object types filled in, so that
// calls for contacts and deals are told apart.
func routeName(path string, r *http.Request) string {
	for _, part := range []string{"objectType", "toType"} {
		if v := r.PathValue(part); v != "" {
			if k, ok := kindNamed(v); ok {
				v = k.plural
			}
			path = strings.ReplaceAll(path, "{"+part+"}", v)
		}
	}
	return path
}

// answer runs the stages of a call. The order matters: an unauthorised call
// costs no quota, and a fault strikes only calls that were admitted.
func (h *Host) answer(c *call, rt route, name string, head http.Header) (reply, Fault) {
	if f := c.read(); f != nil {
		return refused(f), Fault{}
	}
	if !rt.open {
		if f := h.authenticate(c); f != nil {
			return refused(f), Fault{}
		}
		h.counters.portal(c.portal.id)
		lim := c.portal.currentKnobs().Limits
		if policy := c.portal.limiter.admit(h.now(), lim, rt.search, head); policy != "" {
			return h.tooMany(policy, lim.RetryAfter), Fault{}
		}
	}
	f, struck := h.faults.next(name, c, nil)
	if struck && !f.After && f.replaces() {
		return h.faulted(f), f
	}
	if !rt.open {
		if f := c.authorize(); f != nil {
			return refused(f), Fault{}
		}
	}
	out := rt.handle(c)
	switch {
	case struck && f.After && f.Status > 0:
		out = h.faulted(f)
	case !struck && h.faults.showing():
		if f, struck = h.faults.next(name, c, &out); struck && f.replaces() {
			out = h.faulted(f)
		}
	}
	return out, f
}

func (c *call) read() *failure {
	if c.Body == nil { // a request that never went over a wire
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(c.Body, maxBody+1))
	switch {
	case err != nil:
		return invalid("Unable to read the request body")
	case len(body) > maxBody:
		return fail(http.StatusRequestEntityTooLarge, "", "Request body too large")
	}
	c.body = body
	return nil
}

// decode reads the JSON body. HubSpot refuses other media types with 415.
func (c *call) decode(into any) *failure {
	media, _, _ := strings.Cut(c.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(media) != "application/json" {
		return fail(http.StatusUnsupportedMediaType, "", "Unsupported Media Type")
	}
	return decode(c.body, into)
}

func timestamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
