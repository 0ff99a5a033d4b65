package advocatetest

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// brandError is the general error body of the Brand API; conversions have their
// own, see conversionErrors.
type brandError struct {
	Status  string       `json:"Status"`
	Message string       `json:"Message"`
	Errors  []brandField `json:"Errors,omitempty"`
}

type brandField struct {
	Field   string `json:"Field"`
	Message string `json:"Message"`
}

// callsPerHour is the Brand API's limit for one account; conversions are exempt
// (impact.com Brand API docs: rate limits).
const callsPerHour = 1000

// brandPrefix is where the Brand API's paths begin.
const brandPrefix = "/Advertisers/"

func (h *Host) brandRoutes(m *http.ServeMux) {
	m.HandleFunc(RouteConversion, h.forAccount(false, h.postConversion))
	m.HandleFunc(RouteReversal, h.forAccount(true, h.deleteAction))
	m.HandleFunc(RouteSubmission, h.forAccount(true, h.getSubmission))
	m.HandleFunc(RouteCampaigns, h.forAccount(true, h.listCampaigns))
}

// forAccount checks the account's credentials and, where it applies, its limit.
func (h *Host) forAccount(limited bool, next tenantHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "json") {
			writeXML(w) // what callers get who do not ask for JSON
			return
		}
		sid, token, _ := r.BasicAuth()
		t, admitted := h.account(sid, token)
		switch {
		case !admitted:
			writeJSON(w, http.StatusUnauthorized, brandError{Status: "ERROR", Message: "Authentication failed"})
			return
		case sid != r.PathValue("sid"):
			writeJSON(w, http.StatusForbidden, brandError{Status: "ERROR", Message: "Access denied"})
			return
		}
		if limited && !h.spend(w, t) {
			writeJSON(w, http.StatusTooManyRequests, brandError{Status: "ERROR", Message: "Rate limit exceeded"})
			return
		}
		next(w, r, t)
	}
}

// account finds the tenant of an account, and reports whether the token opens it.
func (h *Host) account(sid, token string) (t *Tenant, admitted bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, t := range h.tenants {
		if sid != "" && t.cfg.AccountSID == sid {
			return t, token != "" && token == t.cfg.AuthToken
		}
	}
	return nil, false
}

// spend takes one call out of the account's hour and writes the headers that
// tell what is left.
func (h *Host) spend(w http.ResponseWriter, t *Tenant) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	hour := h.millis() / time.Hour.Milliseconds()
	if t.brandHour != hour {
		t.brandHour, t.brandCalls = hour, 0
	}
	t.brandCalls++
	left := callsPerHour - t.brandCalls
	reset := (hour+1)*3600 - h.millis()/1000
	if h.knobs.ResetEpoch {
		reset = (hour + 1) * 3600
	}
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(callsPerHour))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(max(left, 0)))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(reset, 10))
	return left >= 0
}

func writeXML(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = w.Write([]byte(xml.Header + "<ImpactRadiusResponse/>\n"))
}

// listCampaigns names the tenant's programs the way the Brand API does.
func (h *Host) listCampaigns(w http.ResponseWriter, _ *http.Request, t *Tenant) {
	h.mu.RLock()
	campaigns := []map[string]string{}
	for _, p := range t.programs {
		state := "ACTIVE"
		if p.Status != Live {
			state = "INACTIVE"
		}
		campaigns = append(campaigns, map[string]string{"Id": p.ID, "Name": p.Name, "State": state})
	}
	h.mu.RUnlock()
	writeJSON(w, http.StatusOK, map[string]any{"Campaigns": campaigns})
}
