// Package fault spoils the answers of the stand-ins the way networks, gateways
// and the vendors themselves do. Both stand-ins use it, so a fault that one
// vendor can show is there for the other as well.
package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Answer says how one answer goes wrong on its way. A zero field does not
// apply. The fields work together: a page may come slowly and break off.
type Answer struct {
	// Body replaces the body; ContentType, if set, says what it claims to be.
	Body        string `json:"body,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	// Page replaces the body with the HTML page of a gateway.
	Page bool `json:"page,omitempty"`
	// Location is the target of a redirect; the status must be a 3xx.
	Location string `json:"location,omitempty"`
	// Alter changes the vendor's JSON: odd types, missing fields, cursors that
	// repeat, categories that nobody documented.
	Alter []Edit `json:"alter,omitempty"`
	// Pad sends that many spaces before the body, which JSON allows.
	Pad int `json:"pad,omitempty"`
	// Slow sends half of the body, waits that long, and sends the rest.
	Slow Duration `json:"slow,omitempty"`
	// CutAfter closes the connection after that many bytes of the body.
	CutAfter int `json:"cut_after,omitempty"`
	// Hang never ends the answer; it waits until the caller hangs up: before
	// the status, or after CutAfter bytes.
	Hang bool `json:"hang,omitempty"`
}

// Zero reports whether the answer stays as it is.
func (a Answer) Zero() bool {
	return a.Body == "" && a.ContentType == "" && !a.Page && a.Location == "" && len(a.Alter) == 0 &&
		a.Pad == 0 && a.Slow == 0 && a.CutAfter == 0 && !a.Hang
}

// Serve lets the vendor answer, and sends what becomes of its answer. It panics
// with http.ErrAbortHandler to cut the connection, as net/http asks for.
func (a Answer) Serve(w http.ResponseWriter, r *http.Request, vendor func(http.ResponseWriter)) {
	if a.Zero() {
		vendor(w)
		return
	}
	rec := httptest.NewRecorder()
	rec.Body = &bytes.Buffer{}
	vendor(rec)
	if a.Hang && a.CutAfter == 0 {
		<-r.Context().Done()
		return
	}
	body := a.rewrite(rec)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	if !a.Hang {
		// The promised length is that of the whole answer: a caller can tell
		// that one that breaks off is not complete.
		w.Header().Set("Content-Length", strconv.Itoa(a.Pad+len(body)))
	}
	w.WriteHeader(rec.Code)
	a.send(w, r, body)
}

// rewrite applies what changes the answer itself.
func (a Answer) rewrite(rec *httptest.ResponseRecorder) []byte {
	if a.Location != "" {
		rec.Header().Set("Location", a.Location)
	}
	body := rec.Body.Bytes()
	switch {
	case a.Page:
		rec.Header().Set("Content-Type", "text/html; charset=UTF-8")
		body = page(rec.Code)
	case a.Body != "":
		body = []byte(a.Body)
	}
	if a.ContentType != "" {
		rec.Header().Set("Content-Type", a.ContentType)
	}
	if len(a.Alter) > 0 {
		body = alter(body, a.Alter)
	}
	return body
}

// send writes the body at the pace that the fault asks for.
func (a Answer) send(w http.ResponseWriter, r *http.Request, body []byte) {
	if !pad(w, a.Pad) {
		return
	}
	whole := a.CutAfter == 0 || a.CutAfter >= len(body)
	if !whole {
		body = body[:a.CutAfter]
	}
	if a.Slow > 0 {
		half := len(body) / 2
		if !write(w, body[:half]) {
			return
		}
		timer := time.NewTimer(time.Duration(a.Slow))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
		body = body[half:]
	}
	if !write(w, body) {
		return
	}
	if a.Hang {
		<-r.Context().Done()
	} else if whole {
		return
	}
	panic(http.ErrAbortHandler)
}

// write sends at once, whatever size it has; it is false once the caller is gone.
func write(w http.ResponseWriter, body []byte) bool {
	if _, err := w.Write(body); err != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}

// pad writes n spaces in blocks, so that a gigabyte of them costs no memory here.
func pad(w http.ResponseWriter, n int) bool {
	block := bytes.Repeat([]byte{' '}, 64<<10)
	for ; n > 0; n -= len(block) {
		if _, err := w.Write(block[:min(n, len(block))]); err != nil {
			return false
		}
	}
	return true
}

// page is what a gateway in front of a vendor shows.
func page(status int) []byte {
	return fmt.Appendf(nil, "<!DOCTYPE html><html><head><title>%[1]d %[2]s</title></head>"+
		"<body><h1>Error %[1]d</h1><p>Ray ID: 8f2c1d</p></body></html>", status, http.StatusText(status))
}

// Duration is a time.Duration that reads "1m30s" in JSON.
type Duration time.Duration

// String writes the duration as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as time.Duration.String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	*d = Duration(v)
	return nil
}

// raw is a value as JSON; what a test passes can always be written.
func raw(v any) json.RawMessage {
	out, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fault: %v cannot be JSON: %v", v, err))
	}
	return out
}
