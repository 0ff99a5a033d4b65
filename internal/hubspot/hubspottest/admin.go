package hubspottest

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// action is one operation of the admin API: what it answers, or why not.
type action func(*http.Request) (any, error)

// done is what an action answers that has nothing to tell.
var done any = struct{}{}

// adminRoutes let other processes do what people do in HubSpot's pages, set
// knobs, inject faults and read what happened. They cost no calls.
func (h *Host) adminRoutes() {
	const portal, objects = "/_admin/portals/{portal}", "/_admin/portals/{portal}/objects/{objectType}"
	for pattern, do := range map[string]action{
		"POST /_admin/portals":                         h.adminAddPortal,
		"GET " + portal:                                h.adminPortal,
		"GET " + portal + "/knobs":                     h.adminKnobs,
		"PATCH " + portal + "/knobs":                   h.adminTune,
		"GET " + objects:                               h.adminRecords,
		"POST " + objects:                              h.adminCreate,
		"POST " + objects + "/seed":                    h.adminSeed,
		"POST " + objects + "/merge":                   h.adminMerge,
		"GET " + objects + "/{id}":                     h.adminRecord,
		"PATCH " + objects + "/{id}":                   h.adminEdit,
		"DELETE " + objects + "/{id}":                  h.adminArchive,
		"POST " + objects + "/{id}/restore":            h.adminRestore,
		"POST " + objects + "/{id}/gdpr-delete":        h.adminErase,
		"POST " + objects + "/{id}/forge":              h.adminForge,
		"POST " + objects + "/{id}/emails":             h.adminAddEmail,
		"POST " + objects + "/{id}/associations":       h.adminAssociate,
		"POST " + portal + "/properties/{objectType}":  h.adminDefine,
		"POST " + portal + "/forms":                    h.adminDefineForm,
		"POST " + portal + "/forms/{form}/submissions": h.adminSubmitForm,
		"POST " + portal + "/authorize":                h.adminAuthorize,
		"POST " + portal + "/revoke-tokens":            h.adminRevoke,
		"GET /_admin/webhooks":                         h.adminWebhooks,
		"PATCH /_admin/webhooks":                       h.adminTuneWebhooks,
		"PUT /_admin/webhooks/subscriptions":           h.adminSubscribe,
		"POST /_admin/webhooks/hold":                   h.adminHold,
		"POST /_admin/webhooks/release":                h.adminRelease,
		"POST /_admin/webhooks/send":                   h.adminSend,
		"POST /_admin/apps":                            h.adminAddApp,
		"GET /_admin/journal":                          h.adminJournal,
		"PATCH /_admin/journal":                        h.adminTuneJournal,
		"POST /_admin/faults":                          h.adminInject,
		"DELETE /_admin/faults":                        h.adminClearFaults,
		"GET /_admin/counters":                         h.adminCounts,
		"DELETE /_admin/counters":                      h.adminResetCounts,
	} {
		h.mux.HandleFunc(pattern, admin(do))
	}
}

// admin turns an action into a handler. A refusal of HubSpot's is passed on.
func admin(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<20)
		body, err := do(r)
		var f *failure
		switch {
		case errors.As(err, &f):
			write(w, refused(f))
		case err != nil:
			write(w, reply{status: http.StatusBadRequest, body: map[string]string{"error": err.Error()}})
		case body == done:
			write(w, noContent())
		default:
			write(w, ok(body))
		}
	}
}

// body reads JSON; an empty body leaves into as it is.
func body(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (h *Host) adminAddPortal(r *http.Request) (any, error) {
	c := PortalConfig{}
	if err := body(r, &c); err != nil {
		return nil, err
	}
	if c.ID <= 0 {
		return nil, errors.New("id must be a positive number")
	}
	return map[string]int64{"id": h.AddPortal(c).id}, nil
}

// onPortal finds the portal of the path; "default" names the first one.
func (h *Host) onPortal(r *http.Request, do func(*Portal) (any, error)) (any, error) {
	p, err := h.portalByText(r.PathValue("portal"))
	if err != nil {
		return nil, err
	}
	return do(p)
}

func (h *Host) adminPortal(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		counts := make(map[string]int)
		for _, k := range kinds {
			counts[k.plural] = p.Count(k.plural)
		}
		return map[string]any{"id": p.id, "records": counts, "writes": p.Writes()}, nil
	})
}

func (h *Host) adminKnobs(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) { return p.currentKnobs(), nil })
}

// adminTune changes the knobs that the body names.
func (h *Host) adminTune(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		var (
			changes json.RawMessage
			err     = body(r, &changes)
		)
		p.Tune(func(k *Knobs) {
			next := *k
			if err == nil {
				err = json.Unmarshal(changes, &next)
			}
			if err == nil {
				*k = next
			}
		})
		return p.currentKnobs(), err
	})
}

func (h *Host) adminAuthorize(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		var in struct {
			RedirectURI string   `json:"redirect_uri"`
			Scopes      []string `json:"scopes"`
		}
		if err := body(r, &in); err != nil {
			return nil, err
		}
		return map[string]string{"code": p.Authorize(in.RedirectURI, in.Scopes)}, nil
	})
}

func (h *Host) adminRevoke(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		h.RevokeTokens(p.id)
		return done, nil
	})
}

func (h *Host) adminDefine(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		var in Property
		if err := body(r, &in); err != nil {
			return nil, err
		}
		return done, p.DefineProperty(r.PathValue("objectType"), in)
	})
}

func (h *Host) adminDefineForm(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		var in Form
		if err := body(r, &in); err != nil {
			return nil, err
		}
		id, err := p.DefineForm(in)
		return map[string]string{"id": id}, err
	})
}

func (h *Host) adminSubmitForm(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		var in struct {
			Values  map[string]string `json:"values"`
			List    []SubmittedValue  `json:"list"` // in place of values, for fields with several
			PageURL string            `json:"page_url"`
		}
		if err := body(r, &in); err != nil {
			return nil, err
		}
		if in.List != nil {
			return done, p.Submit(r.PathValue("form"), in.List, in.PageURL)
		}
		return done, p.SubmitForm(r.PathValue("form"), in.Values, in.PageURL)
	})
}

func (h *Host) adminWebhooks(*http.Request) (any, error) {
	h.hooks.mu.Lock()
	defer h.hooks.mu.Unlock()
	return map[string]any{"target": h.hooks.target, "knobs": h.hooks.knobs, "stats": h.hooks.stats,
		"held": h.hooks.held, "subscriptions": h.hooks.subs}, nil
}

func (h *Host) adminTuneWebhooks(r *http.Request) (any, error) {
	var in struct {
		Target *string         `json:"target"`
		Knobs  json.RawMessage `json:"knobs"`
	}
	err := body(r, &in)
	h.hooks.Tune(func(k *WebhookKnobs) {
		next := *k
		if err == nil && in.Knobs != nil {
			err = json.Unmarshal(in.Knobs, &next)
		}
		if err == nil {
			*k = next
		}
	})
	if err == nil && in.Target != nil {
		h.hooks.SetTarget(*in.Target)
	}
	return done, err
}

func (h *Host) adminSubscribe(r *http.Request) (any, error) {
	var in []Subscription
	if err := body(r, &in); err != nil {
		return nil, err
	}
	return done, h.hooks.Subscribe(in...)
}

func (h *Host) adminHold(*http.Request) (any, error) {
	h.hooks.Hold()
	return done, nil
}

func (h *Host) adminRelease(*http.Request) (any, error) {
	h.hooks.Release()
	return done, nil
}

// adminSend posts the events of the body as they are, signed as HubSpot does:
// what nobody did in the portal can be claimed too.
func (h *Host) adminSend(r *http.Request) (any, error) {
	var in []Event
	if err := body(r, &in); err != nil {
		return nil, err
	}
	for i, e := range in {
		e.AppID = cmp.Or(e.AppID, h.app.ID)
		e.PortalID = cmp.Or(e.PortalID, h.first.id)
		e.OccurredAt = cmp.Or(e.OccurredAt, h.now().UnixMilli())
		in[i] = e
	}
	status, err := h.hooks.Send(r.Context(), in...)
	return map[string]int{"status": status}, err
}

func (h *Host) adminJournal(*http.Request) (any, error) {
	subs := h.journal.Subscriptions()
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	all := h.journal.upToDate(0)
	return map[string]any{"knobs": h.journal.knobs, "subscriptions": subs, "files": len(all.files), "pending": len(all.pending)}, nil
}

// adminTuneJournal changes the knobs that the body names.
func (h *Host) adminTuneJournal(r *http.Request) (any, error) {
	var err error
	h.journal.Tune(func(k *JournalKnobs) {
		next := *k
		if err = body(r, &next); err == nil {
			*k = next
		}
	})
	return done, err
}

func (h *Host) adminAddApp(r *http.Request) (any, error) {
	var in App
	if err := body(r, &in); err != nil {
		return nil, err
	}
	h.AddApp(in)
	return done, nil
}

func (h *Host) adminInject(r *http.Request) (any, error) {
	var in Fault
	if err := body(r, &in); err != nil {
		return nil, err
	}
	h.Inject(in)
	return done, nil
}

func (h *Host) adminClearFaults(*http.Request) (any, error) {
	h.ClearFaults()
	return done, nil
}

func (h *Host) adminCounts(*http.Request) (any, error) { return h.Counts(), nil }

func (h *Host) adminResetCounts(*http.Request) (any, error) {
	h.ResetCounts()
	return done, nil
}

func queryInt(r *http.Request, name string, standard int) (int, error) {
	if v := r.URL.Query().Get(name); v != "" {
		return strconv.Atoi(v)
	}
	return standard, nil
}
