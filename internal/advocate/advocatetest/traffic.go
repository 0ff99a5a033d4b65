package advocatetest

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"advocatesync/internal/standin/fault"
)

// Fault is one ordered misbehaviour. The zero value of each field asks for
// nothing; Status and the two Drops exclude each other.
type Fault struct {
	// Route is one of the Route constants; empty means any API route.
	Route string `json:"route"`
	// Contains hits only calls whose address or body holds this text: one
	// record, by its id or one of its values.
	Contains string `json:"contains"`
	// Times is how many calls are hit; 0 means one, negative all until Reset.
	Times int `json:"times"`
	// Status answers with this status instead of doing anything.
	Status int `json:"status"`
	// RetryAfter is the header's value with Status: seconds or an HTTP date.
	RetryAfter string `json:"retry_after"`
	// RSCode goes into the error body.
	RSCode string `json:"rs_code"`
	// DropBefore closes the connection without doing the work, DropAfter after
	// the work was done: the caller cannot tell which.
	DropBefore bool `json:"drop_before"`
	DropAfter  bool `json:"drop_after"`
	// Answer spoils the answer: that of Status, or the right one where Status is 0.
	fault.Answer
}

// Count is what one route has seen.
type Count struct {
	Calls         int         `json:"calls"`
	MaxConcurrent int         `json:"max_concurrent"`
	Statuses      map[int]int `json:"statuses"` // 0 counts dropped connections
	inFlight      int
}

// traffic counts calls and applies faults. It has a lock of its own, so that a
// slow answer blocks nobody.
type traffic struct {
	mu     sync.Mutex
	counts map[string]*Count
	all    Count
	faults []Fault
}

func newTraffic() *traffic { return &traffic{counts: map[string]*Count{}} }

func (tr *traffic) reset() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.counts, tr.faults = map[string]*Count{}, nil
	tr.all = Count{inFlight: tr.all.inFlight}
}

// serve runs one request through the mux. Administration is neither counted nor
// disturbed.
func (tr *traffic) serve(w http.ResponseWriter, r *http.Request, mux *http.ServeMux, ceiling int) {
	_, pattern := mux.Handler(r)
	route := strings.Replace(pattern, tenantPrefix, "", 1)
	if route == "" || route == "/" || strings.Contains(route, adminPrefix) {
		mux.ServeHTTP(w, r)
		return
	}
	watched := &watchedWriter{ResponseWriter: w}
	ordered, concurrent := tr.enter(route, r)
	defer func() { tr.leave(route, watched.status) }()
	if ceiling > 0 && concurrent > ceiling {
		if strings.HasPrefix(r.URL.Path, brandPrefix) {
			writeJSON(watched, http.StatusTooManyRequests, brandError{Status: "ERROR", Message: "Too many requests"})
			return
		}
		writeError(watched, &apiError{Message: "Too many requests", StatusCode: http.StatusTooManyRequests})
		return
	}
	ordered.serve(watched, r, mux)
}

func (f Fault) serve(w *watchedWriter, r *http.Request, mux *http.ServeMux) {
	switch {
	case f.DropBefore:
		panic(http.ErrAbortHandler)
	case f.DropAfter:
		mux.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		// The net/http server learns of a caller that hangs up only once the
		// body was read.
		_, _ = io.Copy(io.Discard, r.Body)
		f.Serve(w, r, func(w http.ResponseWriter) { f.refuse(w, r) })
	default:
		f.Serve(w, r, func(w http.ResponseWriter) { mux.ServeHTTP(w, r) })
	}
}

// refuse answers in the words of the API that was called.
func (f Fault) refuse(w http.ResponseWriter, r *http.Request) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if strings.HasPrefix(r.URL.Path, brandPrefix) {
		writeJSON(w, f.Status, brandError{Status: "ERROR", Message: "Ordered fault"})
		return
	}
	e := &apiError{Message: "Ordered fault", StatusCode: f.Status}
	if f.RSCode != "" {
		e.RSCode = &f.RSCode
	}
	writeError(w, e)
}

// holds reports whether a call's address or body contains the text.
func holds(r *http.Request, text string) bool {
	if text == "" || strings.Contains(r.URL.RequestURI(), text) {
		return true
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), errorReader{err}))
	return bytes.Contains(body, []byte(text))
}

// errorReader ends as a body that was read before ended.
type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, cmp.Or(e.err, io.EOF) }

// enter counts a call and takes the fault ordered for it, if any.
func (tr *traffic) enter(route string, r *http.Request) (Fault, int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	c := tr.counts[route]
	if c == nil {
		c = &Count{Statuses: map[int]int{}}
		tr.counts[route] = c
	}
	for _, n := range []*Count{c, &tr.all} {
		n.Calls++
		n.inFlight++
		n.MaxConcurrent = max(n.MaxConcurrent, n.inFlight)
	}
	for i := range tr.faults {
		f := tr.faults[i]
		if f.Route != "" && f.Route != route || !holds(r, f.Contains) {
			continue
		}
		if f.Times > 0 {
			tr.faults[i].Times--
			if tr.faults[i].Times == 0 {
				tr.faults = append(tr.faults[:i:i], tr.faults[i+1:]...)
			}
		}
		return f, tr.all.inFlight
	}
	return Fault{}, tr.all.inFlight
}

func (tr *traffic) leave(route string, status int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.all.inFlight--
	if c := tr.counts[route]; c != nil { // a reset may have come between
		c.inFlight--
		c.Statuses[status]++
	}
}

// Order adds faults; for one route they are used up in the order they came.
func (h *Host) Order(faults ...Fault) {
	h.traffic.mu.Lock()
	defer h.traffic.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		h.traffic.faults = append(h.traffic.faults, f)
	}
}

// ClearFaults takes back all faults that were not used up.
func (h *Host) ClearFaults() {
	h.traffic.mu.Lock()
	defer h.traffic.mu.Unlock()
	h.traffic.faults = nil
}

// Counts tells what every route has seen since the start or the last Reset.
func (h *Host) Counts() map[string]Count {
	h.traffic.mu.Lock()
	defer h.traffic.mu.Unlock()
	out := map[string]Count{}
	for route, c := range h.traffic.counts {
		n := *c
		n.Statuses = map[int]int{}
		for status, times := range c.Statuses {
			n.Statuses[status] = times
		}
		out[route] = n
	}
	return out
}

// Calls is the number of calls one route has seen.
func (h *Host) Calls(route string) int { return h.Counts()[route].Calls }

// MaxConcurrent is the largest number of calls that were under way at once, over
// all routes.
func (h *Host) MaxConcurrent() int {
	h.traffic.mu.Lock()
	defer h.traffic.mu.Unlock()
	return h.traffic.all.MaxConcurrent
}

// watchedWriter remembers the status that was sent; 0 if none was.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap lets the net/http package find what it can do with the connection.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watchedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}
