package advocatetest

import (
	"encoding/json"
	"net/http"
)

const adminPrefix = "/_admin/"

// adminRoutes is the Go API over HTTP, for the demo and for compose. It asks for
// no credentials: a stand-in belongs on a private network.
func (h *Host) adminRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /_admin/tenants", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, h.Tenants()) })
	m.HandleFunc("GET /_admin/counts", h.adminCounts)
	m.HandleFunc("GET /_admin/deliveries", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, h.Deliveries()) })
	m.HandleFunc("GET /_admin/knobs", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, h.Knobs()) })
	m.HandleFunc("PATCH /_admin/knobs", h.adminKnobs)
	m.HandleFunc("POST /_admin/faults", h.adminFaults)
	m.HandleFunc("DELETE /_admin/faults", func(w http.ResponseWriter, _ *http.Request) {
		h.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	m.HandleFunc("POST /_admin/reset", func(w http.ResponseWriter, _ *http.Request) {
		h.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	m.HandleFunc("POST /_admin/rotate-keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct{}{}, h.RotateKeys())
	})
	for pattern, handle := range map[string]tenantHandler{
		"GET /_admin/{tenant}/users":          adminUsers,
		"POST /_admin/{tenant}/users":         adminPut,
		"POST /_admin/{tenant}/join":          adminJoin,
		"POST /_admin/{tenant}/seed":          adminSeed,
		"POST /_admin/{tenant}/edit":          adminEdit,
		"POST /_admin/{tenant}/code":          adminCode,
		"POST /_admin/{tenant}/block":         adminBlock,
		"POST /_admin/{tenant}/delete":        adminDelete,
		"GET /_admin/{tenant}/events":         adminEvents,
		"GET /_admin/{tenant}/conversions":    adminConversions,
		"POST /_admin/{tenant}/programs":      adminProgram,
		"POST /_admin/{tenant}/fail-exports":  adminFailExports,
		"POST /_admin/{tenant}/spoil-exports": adminSpoilExports,
		"POST /_admin/{tenant}/lift":          adminLift,
		"POST /_admin/{tenant}/verdict":       adminVerdict,
		"POST /_admin/{tenant}/auth-token":    adminAuthToken,
	} {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			t := h.Tenant(r.PathValue("tenant"))
			if t == nil {
				writeError(w, notFound("Tenant"))
				return
			}
			handle(w, r, t)
		})
	}
}

func (h *Host) adminCounts(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"routes": h.Counts(), "max_concurrent": h.MaxConcurrent()})
}

// adminKnobs changes the knobs that were sent and leaves the others alone.
func (h *Host) adminKnobs(w http.ResponseWriter, r *http.Request) {
	k := h.Knobs()
	if !read(w, r, &k) {
		return
	}
	h.Tune(func(now *Knobs) { *now = k })
	writeJSON(w, http.StatusOK, k)
}

func (h *Host) adminFaults(w http.ResponseWriter, r *http.Request) {
	var in []Fault
	if !read(w, r, &in) {
		return
	}
	h.Order(in...)
	w.WriteHeader(http.StatusNoContent)
}

func adminUsers(w http.ResponseWriter, r *http.Request, t *Tenant) {
	limit, offset, refused := pageParams(r)
	if refused != nil {
		writeError(w, refused)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"total": t.Count(), "users": t.Users(limit, offset)})
}

func adminPut(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in User
	if read(w, r, &in) {
		u, err := t.Put(in)
		answer(w, u, err)
	}
}

func adminJoin(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		Email      string   `json:"email"`
		FirstName  string   `json:"first_name"`
		LastName   string   `json:"last_name"`
		ReferredBy []string `json:"referred_by"`
	}
	if read(w, r, &in) {
		u, err := t.Join(in.Email, in.FirstName, in.LastName, in.ReferredBy...)
		answer(w, u, err)
	}
}

// adminSeed adds many participants at once, as Tenant.Seed does.
func adminSeed(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in []User
	if read(w, r, &in) {
		t.Seed(len(in), func(i int) User { return in[i] })
		w.WriteHeader(http.StatusNoContent)
	}
}

// person names a participant by any form of their ids.
type person struct {
	AccountID string `json:"account_id"`
	ID        string `json:"id"`
}

// adminEdit changes the fields that were sent; null in custom_fields removes.
func adminEdit(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		person
		Email        *string        `json:"email"`
		FirstName    *string        `json:"first_name"`
		LastName     *string        `json:"last_name"`
		CustomFields map[string]any `json:"custom_fields"`
	}
	if !read(w, r, &in) {
		return
	}
	u, err := t.Edit(in.AccountID, in.ID, func(u *User) {
		set(&u.Email, in.Email)
		set(&u.FirstName, in.FirstName)
		set(&u.LastName, in.LastName)
		for key, value := range in.CustomFields {
			if value == nil {
				delete(u.CustomFields, key)
				continue
			}
			u.CustomFields[key] = value
		}
	})
	answer(w, u, err)
}

func adminCode(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		person
		Program string `json:"program"`
		Code    string `json:"code"`
	}
	if read(w, r, &in) {
		u, err := t.ChangeCode(in.AccountID, in.ID, in.Program, in.Code)
		answer(w, u, err)
	}
}

func adminBlock(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		person
		Blocked bool `json:"blocked"`
	}
	if read(w, r, &in) {
		u, err := t.Block(in.AccountID, in.ID, in.Blocked)
		answer(w, u, err)
	}
}

func adminDelete(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		person
		DoNotTrack bool `json:"do_not_track"`
	}
	if read(w, r, &in) {
		writeJSON(w, http.StatusOK, map[string]bool{"deleted": t.Delete(in.AccountID, in.ID, in.DoNotTrack)})
	}
}

func adminEvents(w http.ResponseWriter, _ *http.Request, t *Tenant) {
	writeJSON(w, http.StatusOK, t.Events())
}

func adminConversions(w http.ResponseWriter, _ *http.Request, t *Tenant) {
	writeJSON(w, http.StatusOK, t.Conversions())
}

func adminProgram(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in Program
	if read(w, r, &in) {
		answer(w, in, t.SetProgram(in))
	}
}

func adminFailExports(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var verdicts []string
	if !read(w, r, &verdicts) {
		return
	}
	t.FailNextExports(verdicts...)
	w.WriteHeader(http.StatusNoContent)
}

func adminSpoilExports(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var flaws []FileFlaws
	if !read(w, r, &flaws) {
		return
	}
	t.SpoilNextExports(flaws...)
	w.WriteHeader(http.StatusNoContent)
}

func adminLift(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in person
	if read(w, r, &in) {
		writeJSON(w, http.StatusOK, map[string]bool{"lifted": t.LiftDoNotTrack(in.AccountID, in.ID)})
	}
}

func adminVerdict(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in Verdict
	if read(w, r, &in) {
		t.OrderVerdict(in)
		w.WriteHeader(http.StatusNoContent)
	}
}

func adminAuthToken(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in struct {
		Token string `json:"token"`
	}
	if read(w, r, &in) {
		t.SetAuthToken(in.Token)
		w.WriteHeader(http.StatusNoContent)
	}
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// answer sends a result, or 400 with the reason there is none.
func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
