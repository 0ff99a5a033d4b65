package advocatetest

import (
	"net/http"
	"strconv"
	"strings"
)

func (h *Host) putUser(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.writeUser(w, r, t, upsertUser, http.StatusOK)
}

func (h *Host) postUser(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.writeUser(w, r, t, createOnly, http.StatusCreated)
}

func (h *Host) writeUser(w http.ResponseWriter, r *http.Request, t *Tenant, mode upsertMode, status int) {
	var in userInput
	if refused := readJSON(r, h.Knobs(), &in); refused != nil {
		writeError(w, refused)
		return
	}
	if deref(in.AccountID) != r.PathValue("account") || deref(in.ID) != r.PathValue("user") {
		writeError(w, invalid("id and accountId must be those of the path"))
		return
	}
	q := r.URL.Query()
	if q.Has("fields") && q.Has("extraFields") {
		writeError(w, invalid("fields and extraFields exclude each other"))
		return
	}
	h.mu.Lock()
	u, refused := t.upsert(in, mode)
	var out map[string]any
	if refused == nil {
		out = t.openUser(u)
	}
	h.mu.Unlock()
	if refused != nil {
		writeError(w, refused)
		return
	}
	if fields := q.Get("fields"); fields != "" {
		out = pick(out, strings.Split(fields, ","))
	}
	writeJSON(w, status, out)
}

func pick(m map[string]any, keys []string) map[string]any {
	out := map[string]any{}
	for _, key := range keys {
		if v, ok := m[key]; ok {
			out[key] = v
		}
	}
	return out
}

// withUser finds the user of the path, or answers 404 in the vendor's words.
func (h *Host) withUser(w http.ResponseWriter, r *http.Request, t *Tenant, render func(*user) map[string]any) {
	h.mu.RLock()
	u := t.people.find(t.canonical(r.PathValue("account")), t.canonical(r.PathValue("user")))
	var out map[string]any
	if u != nil {
		out = render(u)
	}
	h.mu.RUnlock()
	if u == nil {
		writeError(w, h.noUser(t, r.PathValue("account"), r.PathValue("user")))
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (h *Host) noUser(t *Tenant, accountID, id string) *apiError {
	k := h.Knobs()
	h.mu.RLock()
	defer h.mu.RUnlock()
	account := t.canonical(accountID)
	_, empty := t.people.emptyAccounts[account]
	for range t.people.inAccount(account) {
		empty = true
	}
	if !empty {
		return refuse(k, "RS041", "Account %s not found", accountID)
	}
	return refuse(k, "RS042", "User %s not found", id)
}

func (h *Host) getUser(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.withUser(w, r, t, t.openUser)
}

func (h *Host) getPlainUser(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.withUser(w, r, t, t.plainUser)
}

func (h *Host) getPII(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.withUser(w, r, t, func(u *user) map[string]any {
		return map[string]any{"user": pick(t.plainUser(u), []string{
			"id", "accountId", "email", "firstName", "lastName", "emailHash", "firstSeenIP", "lastSeenIP", "customFields",
		})}
	})
}

func (h *Host) getShareURLs(w http.ResponseWriter, r *http.Request, t *Tenant) {
	q := r.URL.Query()
	engagement, share := q.Get("engagementMedium"), q.Get("shareMedium")
	h.mu.RLock()
	program := t.programIndex(q.Get("programId"))
	h.mu.RUnlock()
	if program < 0 {
		writeError(w, invalid("programId is missing or unknown"))
		return
	}
	if engagement != "" && mediumCodes[engagement] == nil {
		writeError(w, refuse(h.Knobs(), "RS037", "Engagement medium is invalid"))
		return
	}
	h.withUser(w, r, t, func(u *user) map[string]any {
		return map[string]any{"shareLinks": t.shareURLs(u, program, engagement, share)}
	})
}

func (h *Host) deleteUser(w http.ResponseWriter, r *http.Request, t *Tenant) {
	doNotTrack, err := boolParam(r, "doNotTrack", false)
	if err != nil {
		writeError(w, err)
		return
	}
	keepAccount, err := boolParam(r, "preserveEmptyAccount", true)
	if err != nil {
		writeError(w, err)
		return
	}
	accountID, id := r.PathValue("account"), r.PathValue("user")
	h.mu.Lock()
	found := t.remove(accountID, id, doNotTrack, keepAccount)
	h.mu.Unlock()
	if !found {
		writeError(w, h.noUser(t, accountID, id))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// remove deletes a user; doNotTrack keeps the identity from coming back. It
// needs host.mu.
func (t *Tenant) remove(accountID, id string, doNotTrack, keepAccount bool) bool {
	u := t.people.find(t.canonical(accountID), t.canonical(id))
	if u == nil && !t.host.knobs.EraseAbsent {
		return false
	}
	if hash := t.erasureHash(accountID, id); doNotTrack {
		if _, known := t.erased[hash]; !known {
			t.erased[hash] = t.host.millis()
			t.erasedOrder = append(t.erasedOrder, hash)
		}
	}
	if u == nil {
		return false
	}
	t.people.remove(u, keepAccount)
	return true
}

func (h *Host) deleteAccount(w http.ResponseWriter, r *http.Request, t *Tenant) {
	doNotTrack, refused := boolParam(r, "doNotTrack", false)
	if refused != nil {
		writeError(w, refused)
		return
	}
	accountID := r.PathValue("account")
	h.mu.Lock()
	found := t.removeAccount(accountID, doNotTrack)
	h.mu.Unlock()
	if !found {
		writeError(w, refuse(h.Knobs(), "RS041", "Account %s not found", accountID))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// removeAccount deletes an account with everybody on it. It needs host.mu.
func (t *Tenant) removeAccount(accountID string, doNotTrack bool) bool {
	account := t.canonical(accountID)
	_, found := t.people.emptyAccounts[account]
	var members []*user
	for u := range t.people.inAccount(account) {
		members = append(members, u)
	}
	for _, u := range members {
		t.remove(u.accountID, u.id, doNotTrack, false)
	}
	delete(t.people.emptyAccounts, account)
	return found || len(members) > 0
}

func (h *Host) listUsers(w http.ResponseWriter, r *http.Request, t *Tenant) {
	limit, offset, refused := pageParams(r)
	if refused != nil {
		writeError(w, refused)
		return
	}
	query := strings.ToLower(r.URL.Query().Get("query"))
	h.mu.RLock()
	users := []map[string]any{}
	total := 0
	for u := range t.people.all() {
		if query != "" && !strings.Contains(strings.ToLower(u.email+" "+u.firstName+" "+u.lastName+" "+u.id), query) {
			continue
		}
		if total >= offset && len(users) < limit {
			users = append(users, t.plainUser(u))
		}
		total++
	}
	h.mu.RUnlock()
	writeJSON(w, http.StatusOK, map[string]any{"count": len(users), "totalCount": total, "users": users})
}

func pageParams(r *http.Request) (limit, offset int, refused *apiError) {
	limit, offset = 10, 0
	for name, dst := range map[string]*int{"limit": &limit, "offset": &offset} {
		if text := r.URL.Query().Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return 0, 0, invalid(name + " must be a number")
			}
			*dst = n
		}
	}
	return limit, offset, nil
}

func boolParam(r *http.Request, name string, fallback bool) (bool, *apiError) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid(name + " must be true or false")
	}
	return v, nil
}
