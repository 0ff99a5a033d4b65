package advocatetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (h *Host) postExport(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in exportRequest
	if refused := readJSON(r, h.Knobs(), &in); refused != nil {
		writeError(w, refused)
		return
	}
	h.mu.Lock()
	e, refused := t.startExport(in)
	var out map[string]any
	if refused == nil {
		out = e.render(e.created)
	}
	h.mu.Unlock()
	if refused != nil {
		writeError(w, refused)
		return
	}
	writeJSON(w, http.StatusCreated, out)
}

func (h *Host) getExport(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.mu.RLock()
	e := t.export(r.PathValue("id"))
	var out map[string]any
	if e != nil {
		out = e.render(h.millis())
	}
	h.mu.RUnlock()
	if e == nil {
		writeError(w, notFound("Export"))
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// listExports answers newest first.
func (h *Host) listExports(w http.ResponseWriter, r *http.Request, t *Tenant) {
	limit, offset, refused := pageParams(r)
	if refused != nil {
		writeError(w, refused)
		return
	}
	h.mu.RLock()
	now, data := h.millis(), []map[string]any{}
	for i := len(t.exports) - 1 - offset; i >= 0 && len(data) < limit; i-- {
		data = append(data, t.exports[i].render(now))
	}
	total := len(t.exports)
	h.mu.RUnlock()
	writeJSON(w, http.StatusOK, map[string]any{"data": data, "count": len(data), "totalCount": total})
}

func (h *Host) downloadExport(w http.ResponseWriter, r *http.Request, t *Tenant) {
	s, refused := h.sheet(t, r.PathValue("id"))
	switch {
	case refused != nil:
		writeError(w, refused)
	case h.Knobs().DirectDownload:
		writeSheet(w, s)
	default:
		w.Header().Set("Location", h.link(r, t, r.PathValue("id")))
		w.WriteHeader(http.StatusSeeOther)
	}
}

func (h *Host) sheet(t *Tenant, id string) (sheet, *apiError) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	e := t.export(id)
	if e == nil {
		return sheet{}, notFound("Export")
	}
	switch status := e.status(h.millis()); status {
	case Completed:
		return t.freeze(e), nil
	case Expired:
		return sheet{}, notFound("Export file")
	default:
		return sheet{}, &apiError{Message: "Export is " + status, StatusCode: http.StatusBadRequest, APIErrorCode: "BAD_REQUEST"}
	}
}

func writeSheet(w http.ResponseWriter, s sheet) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	// A caller that hung up ends the stream; there is nobody left to tell.
	_ = s.write(w)
}

// link is a short-lived address that needs no credentials and, like the storage
// the vendor redirects to, refuses them.
func (h *Host) link(r *http.Request, t *Tenant, id string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	base := h.knobs.PublicURL
	if base == "" {
		base = "http://" + r.Host
	}
	return h.linkFor(base, t, id)
}

// linkFor needs host.mu.
func (h *Host) linkFor(base string, t *Tenant, id string) string {
	until := h.millis() + time.Duration(h.knobs.LinkLifetime).Milliseconds()
	text := fmt.Sprintf("%s|%s|%d", t.cfg.Alias, id, until)
	token := base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + h.sign(text)
	return strings.TrimSuffix(base, "/") + "/_storage/" + token
}

func (h *Host) sign(text string) string {
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (h *Host) serveStorage(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		http.Error(w, "only one auth mechanism allowed", http.StatusBadRequest)
		return
	}
	part, signature, _ := strings.Cut(r.PathValue("token"), ".")
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !hmac.Equal([]byte(signature), []byte(h.sign(string(raw)))) {
		http.Error(w, "signature does not match", http.StatusForbidden)
		return
	}
	fields := strings.Split(string(raw), "|")
	until, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
	h.mu.RLock()
	late := h.millis() > until
	h.mu.RUnlock()
	if err != nil || late || len(fields) != 3 {
		http.Error(w, "request has expired", http.StatusForbidden)
		return
	}
	t := h.Tenant(fields[0])
	if t == nil {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	s, refused := h.sheet(t, fields[1])
	if refused != nil {
		http.Error(w, refused.Message, refused.StatusCode)
		return
	}
	writeSheet(w, s)
}
