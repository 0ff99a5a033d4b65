package hubspottest

import (
	"net/http"
	"slices"
	"strconv"
)

// maxSubscriptions is the most an app can have (HubSpot docs: 1,000).
const maxSubscriptions = 1000

// subscribed is a subscription as the management API shows it.
type subscribed struct {
	ID     string `json:"id"`
	Active bool   `json:"active"`
	Subscription
	CreatedAt string `json:"createdAt"`
}

func (w *Webhooks) subscribe(s Subscription, active bool) subscribed {
	w.subID++
	one := subscribed{ID: formatID(w.subID), Active: active, Subscription: s, CreatedAt: timestamp(w.now().UnixMilli())}
	w.subs = append(w.subs, one)
	w.index()
	return one
}

// index rebuilds the lookup of active subscriptions.
func (w *Webhooks) index() {
	clear(w.ids)
	for _, s := range w.subs {
		if id, err := strconv.ParseInt(s.ID, 10, 64); err == nil && s.Active {
			w.ids[s.Subscription] = id
		}
	}
}

// subscriptionRoutes are the management API of legacy public apps, which moved
// to another path in 2026-09. The developer key (hapikey) is the client secret here.
func (h *Host) subscriptionRoutes() {
	for _, root := range []string{"/webhooks/v3", "/webhooks/2026-03", "/app-webhooks/" + current} {
		for _, rt := range []route{
			{method: "GET", path: "/settings", handle: h.readSettings},
			{method: "PUT", path: "/settings", handle: h.writeSettings},
			{method: "DELETE", path: "/settings", handle: h.dropSettings},
			{method: "GET", path: "/subscriptions", handle: h.listSubscriptions},
			{method: "POST", path: "/subscriptions", handle: h.addSubscription},
			{method: "GET", path: "/subscriptions/{id}", handle: h.readSubscription},
			{method: "PATCH", path: "/subscriptions/{id}", handle: h.patchSubscription},
			{method: "DELETE", path: "/subscriptions/{id}", handle: h.dropSubscription},
			{method: "POST", path: "/subscriptions/batch/update", handle: h.patchSubscriptions},
		} {
			rt.open, rt.handle = true, h.asDeveloper(rt.handle)
			pattern := rt.method + " " + root + "/{app}" + rt.path
			rt.path = "/app-webhooks/" + current + "/{app}" + rt.path
			h.mux.HandleFunc(pattern, h.serve(rt, current))
		}
	}
}

// asDeveloper checks the developer key and locks the webhooks for the handler.
func (h *Host) asDeveloper(handle handler) handler {
	return func(c *call) reply {
		if c.URL.Query().Get("hapikey") != h.app.ClientSecret {
			return refused(fail(http.StatusUnauthorized, "INVALID_AUTHENTICATION", "A developer API key is required"))
		}
		if c.PathValue("app") != formatID(h.app.ID) {
			return refused(notFound())
		}
		h.hooks.mu.Lock()
		defer h.hooks.mu.Unlock()
		return handle(c)
	}
}

type webhookSettings struct {
	TargetURL  string `json:"targetUrl"`
	Throttling struct {
		MaxConcurrentRequests int `json:"maxConcurrentRequests"`
	} `json:"throttling"`
}

func (h *Host) settings() reply {
	out := webhookSettings{TargetURL: h.hooks.target}
	out.Throttling.MaxConcurrentRequests = maxInFlight
	return ok(out)
}

func (h *Host) readSettings(*call) reply {
	if h.hooks.target == "" {
		return refused(notFound())
	}
	return h.settings()
}

func (h *Host) writeSettings(c *call) reply {
	var in webhookSettings
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if in.TargetURL == "" || in.Throttling.MaxConcurrentRequests <= 5 {
		return refused(invalid("targetUrl and maxConcurrentRequests greater than five are required"))
	}
	h.hooks.target = in.TargetURL
	return h.settings()
}

func (h *Host) dropSettings(*call) reply {
	h.hooks.target = ""
	return noContent()
}

func (h *Host) listSubscriptions(*call) reply {
	return ok(map[string]any{"results": h.hooks.subs})
}

func (h *Host) addSubscription(c *call) reply {
	var in struct {
		Subscription
		Active bool `json:"active"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if f := in.check(); f != nil {
		return refused(f)
	}
	if len(h.hooks.subs) >= maxSubscriptions {
		return refused(invalid("An app can have at most %d subscriptions", maxSubscriptions))
	}
	return created(h.hooks.subscribe(in.Subscription, in.Active))
}

func (h *Host) subscription(id string) (int, *failure) {
	i := slices.IndexFunc(h.hooks.subs, func(s subscribed) bool { return s.ID == id })
	if i < 0 {
		return 0, notFound()
	}
	return i, nil
}

func (h *Host) readSubscription(c *call) reply {
	i, f := h.subscription(c.PathValue("id"))
	if f != nil {
		return refused(f)
	}
	return ok(h.hooks.subs[i])
}

func (h *Host) setActive(id string, active bool) (subscribed, *failure) {
	i, f := h.subscription(id)
	if f != nil {
		return subscribed{}, f
	}
	h.hooks.subs[i].Active = active
	h.hooks.index()
	return h.hooks.subs[i], nil
}

func (h *Host) patchSubscription(c *call) reply {
	var in struct {
		Active bool `json:"active"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	out, f := h.setActive(c.PathValue("id"), in.Active)
	if f != nil {
		return refused(f)
	}
	return ok(out)
}

func (h *Host) patchSubscriptions(c *call) reply {
	var in struct {
		Inputs []struct {
			ID     text `json:"id"`
			Active bool `json:"active"`
		} `json:"inputs"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	results := []subscribed{}
	for _, one := range in.Inputs {
		out, f := h.setActive(string(one.ID), one.Active)
		if f != nil {
			return refused(f)
		}
		results = append(results, out)
	}
	return ok(map[string]any{"status": "COMPLETE", "results": results})
}

func (h *Host) dropSubscription(c *call) reply {
	i, f := h.subscription(c.PathValue("id"))
	if f != nil {
		return refused(f)
	}
	h.hooks.subs = slices.Delete(h.hooks.subs, i, i+1)
	h.hooks.index()
	return noContent()
}
