package advocatetest

import (
	"net/http"
	"net/url"
)

// dialogs are where the media's prefilled share dialogs live.
var dialogs = map[string]string{
	"EMAIL": "mailto:?body=", "SMS": "sms:?body=", "FACEBOOK": "https://www.facebook.com/sharer/sharer.php?u=",
	"FBMESSENGER": "fb-messenger://share?link=", "TWITTER": "https://twitter.com/intent/tweet?text=",
	"LINKEDIN": "https://www.linkedin.com/sharing/share-offsite/?url=", "PINTEREST": "https://www.pinterest.com/pin/create/button/?url=",
	"WHATSAPP": "https://wa.me/?text=", "LINEMESSENGER": "https://line.me/R/share?text=",
}

// followMessageLink redirects to the share dialog of a medium, prefilled with
// the participant's own link. It takes no credentials: the links are public.
func (h *Host) followMessageLink(w http.ResponseWriter, r *http.Request) {
	t, q := h.Tenant(r.PathValue("tenant")), r.URL.Query()
	medium, engagement := r.PathValue("medium"), q.Get("engagementMedium")
	if t == nil || dialogs[medium] == "" || mediumCodes[engagement] == nil {
		writeError(w, notFound("Message link"))
		return
	}
	h.mu.RLock()
	u := t.people.find(t.canonical(q.Get("accountId")), t.canonical(q.Get("userId")))
	program := t.programIndex(q.Get("programId"))
	link := ""
	if u != nil && program >= 0 {
		link = t.shareLink(u, program, engagement, medium)
	}
	h.mu.RUnlock()
	if link == "" {
		writeError(w, notFound("Message link"))
		return
	}
	w.Header().Set("Location", dialogs[medium]+url.QueryEscape(link))
	w.WriteHeader(http.StatusFound)
}
