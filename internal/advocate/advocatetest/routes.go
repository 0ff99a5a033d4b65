package advocatetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// The routes by name: method and path below /api/v1/{tenant}. Faults and
// counters use the same names.
const (
	RouteUpsert       = "PUT /open/account/{account}/user/{user}"
	RouteCreate       = "POST /open/account/{account}/user/{user}"
	RouteGet          = "GET /open/account/{account}/user/{user}"
	RouteDelete       = "DELETE /open/account/{account}/user/{user}"
	RouteDropAccount  = "DELETE /open/account/{account}"
	RouteEvents       = "POST /open/account/{account}/user/{user}/events"
	RouteShareURLs    = "GET /account/{account}/user/{user}/shareurls"
	RouteOpenShare    = "GET /open/account/{account}/user/{user}/shareurls"
	RoutePlainUser    = "GET /account/{account}/user/{user}"
	RoutePII          = "GET /account/{account}/user/{user}/pii"
	RouteUsers        = "GET /users"
	RouteExport       = "POST /export"
	RouteExportGet    = "GET /export/{id}"
	RouteExportFile   = "GET /export/{id}/download"
	RouteExportList   = "GET /export/history/list"
	RouteGraphQL      = "POST /graphql"
	RouteSubscribe    = "POST /subscription"
	RouteSubscribers  = "GET /subscription"
	RouteUnsubscribe  = "DELETE /subscription/{url}"
	RouteHookTest     = "POST /subscription/{url}/test"
	RouteStorage      = "GET /_storage/{token}"
	RouteJWKS         = "GET /.well-known/jwks.json"
	RouteMessageLink  = "GET /a/{tenant}/message/redirect/{medium}"
	RouteConversion   = "POST /Advertisers/{sid}/Conversions"
	RouteSubmission   = "GET /Advertisers/{sid}/APISubmissions/{id}"
	RouteReversal     = "DELETE /Advertisers/{sid}/Actions"
	RouteCampaigns    = "GET /Advertisers/{sid}/Campaigns"
	tenantPrefix      = "/api/v1/{tenant}"
	maxBody           = 8 << 20
	acceptedMediaType = "application/json"
)

type tenantHandler func(w http.ResponseWriter, r *http.Request, t *Tenant)

func (h *Host) routes() *http.ServeMux {
	m := http.NewServeMux()
	for route, handle := range map[string]tenantHandler{
		RouteUpsert:      h.putUser,
		RouteCreate:      h.postUser,
		RouteGet:         h.getUser,
		RouteDelete:      h.deleteUser,
		RouteDropAccount: h.deleteAccount,
		RouteEvents:      h.postEvents,
		RouteShareURLs:   h.getShareURLs,
		RouteOpenShare:   h.getShareURLs,
		RoutePlainUser:   h.getPlainUser,
		RoutePII:         h.getPII,
		RouteUsers:       h.listUsers,
		RouteExport:      h.postExport,
		RouteExportGet:   h.getExport,
		RouteExportFile:  h.downloadExport,
		RouteExportList:  h.listExports,
		RouteGraphQL:     h.postGraphQL,
		RouteSubscribe:   h.postSubscription,
		RouteSubscribers: h.listSubscriptions,
		RouteUnsubscribe: h.deleteSubscription,
		RouteHookTest:    h.testSubscription,
	} {
		method, path, _ := strings.Cut(route, " ")
		m.HandleFunc(method+" "+tenantPrefix+path, h.forTenant(route, handle))
	}
	m.HandleFunc(RouteStorage, h.serveStorage)
	m.HandleFunc(RouteJWKS, h.serveJWKS)
	m.HandleFunc(RouteMessageLink, h.followMessageLink)
	h.brandRoutes(m)
	h.adminRoutes(m)
	m.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeError(w, notFound("Resource")) })
	return m
}

// forTenant finds the tenant and checks the credentials. On GraphQL, missing
// credentials look like a missing tenant (recorded from the vendor's host).
func (h *Host) forTenant(route string, next tenantHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		k := h.Knobs()
		t := h.Tenant(r.PathValue("tenant"))
		user, password, sent := r.BasicAuth()
		switch {
		case t == nil:
			writeError(w, noTenant(k))
		case !sent && route == RouteGraphQL:
			writeError(w, noTenant(k))
		case !sent:
			writeError(w, unauthorized("Credentials are missing"))
		case !t.admits(user, password):
			writeError(w, unauthorized("Credentials are wrong"))
		default:
			next(w, r.WithContext(context.WithValue(r.Context(), tenantKey{}, t)), t)
		}
	}
}

// admits knows both styles of HTTP Basic: empty user with the tenant's key, and
// account SID with auth token.
func (t *Tenant) admits(user, password string) bool {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	if user == "" {
		return password == t.cfg.Key
	}
	return t.cfg.AccountSID != "" && user == t.cfg.AccountSID && password == t.cfg.AuthToken
}

// readJSON decodes a body, refusing fields the vendor does not know: a typo must
// not pass for success.
func readJSON(r *http.Request, k Knobs, v any) *apiError {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != acceptedMediaType {
		return refuse(k, "RS046", "Content-Type must be application/json")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return invalid("Body cannot be read")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return invalid("Body is not what this call takes: " + err.Error())
	}
	if dec.More() {
		return invalid("Body has more than one value")
	}
	return checkSpelling(body, v)
}

// checkSpelling refuses names that match a field only when case is ignored,
// which encoding/json lets pass.
func checkSpelling(body []byte, v any) *apiError {
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(body, &sent); err != nil {
		return invalid("Body must be an object")
	}
	known := map[string]bool{}
	fields := reflect.TypeOf(v).Elem()
	for i := range fields.NumField() {
		known[fields.Field(i).Tag.Get("json")] = true
	}
	for name := range sent {
		if !known[name] {
			return invalid("Unknown field " + name)
		}
	}
	return nil
}
