package advocatetest

import (
	"net/http"
	"net/url"
	"slices"
)

func (h *Host) postSubscription(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		EndpointURL string `json:"endpointUrl"`
		Name        string `json:"name"`
	}
	if refused := readJSON(r, h.Knobs(), &in); refused != nil {
		writeError(w, refused)
		return
	}
	h.mu.Lock()
	s, refused := t.subscribe(in.EndpointURL, in.Name, nil)
	var out subscription
	if refused == nil {
		out = *s
	}
	h.mu.Unlock()
	if refused != nil {
		writeError(w, refused)
		return
	}
	writeJSON(w, http.StatusCreated, out)
}

// subscribe adds an endpoint, or changes the one with that address. Types are
// operations, "~" in front removes one; none means all. It needs host.mu.
func (t *Tenant) subscribe(endpoint, name string, types []string) (*subscription, *apiError) {
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, invalid("endpointUrl is invalid")
	}
	s := t.subscription(endpoint)
	if s == nil {
		s = &subscription{EndpointURL: endpoint, Source: "MANUAL"}
		if types == nil {
			s.WebhookTypes = []string{"*"}
		}
		t.subs = append(t.subs, s)
	}
	s.Name = name
	for _, op := range types {
		if op != "" && op[0] == '~' {
			s.WebhookTypes = slices.DeleteFunc(s.WebhookTypes, func(k string) bool { return k == op[1:] })
		} else if !slices.Contains(s.WebhookTypes, op) {
			s.WebhookTypes = append(s.WebhookTypes, op)
		}
	}
	return s, nil
}

func (t *Tenant) subscription(endpoint string) *subscription {
	for _, s := range t.subs {
		if s.EndpointURL == endpoint {
			return s
		}
	}
	return nil
}

func (h *Host) listSubscriptions(w http.ResponseWriter, _ *http.Request, t *Tenant) {
	h.mu.RLock()
	out := []subscription{}
	for _, s := range t.subs {
		c := *s
		c.WebhookTypes = slices.Clone(s.WebhookTypes)
		out = append(out, c)
	}
	h.mu.RUnlock()
	writeJSON(w, http.StatusOK, out)
}

func (h *Host) deleteSubscription(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.mu.Lock()
	s := t.subscription(r.PathValue("url"))
	if s != nil {
		t.subs = slices.DeleteFunc(t.subs, func(x *subscription) bool { return x == s })
	}
	h.mu.Unlock()
	if s == nil {
		writeError(w, notFound("Subscription"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Host) testSubscription(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.mu.Lock()
	s := t.subscription(r.PathValue("url"))
	if s != nil {
		t.deliver(s, "test", map[string]any{})
	}
	h.mu.Unlock()
	if s == nil {
		writeError(w, notFound("Subscription"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
