package api

import "net/http"

// route is one operation of the API. The mux, the client and the test of the
// OpenAPI document are all driven by the table below.
type route struct {
	method    string
	path      string // below Prefix, as net/http's mux and OpenAPI both write it
	operation string // its operationId in openapi.yaml, and its name in logs
	status    int    // of a success
	handle    func(*Handler, *request) (any, error)
}

var routes = []route{
	{http.MethodGet, "/openapi.json", "getDocument", http.StatusOK, (*Handler).getDocument},

	{http.MethodGet, "/connections", "listConnections", http.StatusOK, (*Handler).listConnections},
	{http.MethodPost, "/connections", "connect", http.StatusOK, (*Handler).connect},
	{http.MethodGet, "/connections/{connection}", "getConnection", http.StatusOK, (*Handler).getConnection},

	{http.MethodDelete, "/connections/{connection}", "disconnect", http.StatusOK, (*Handler).disconnect},
	{http.MethodGet, "/connections/{connection}/disconnection", "planDisconnect", http.StatusOK, (*Handler).planDisconnect},
	{http.MethodGet, "/connections/{connection}/status", "getConnectionStatus", http.StatusOK, (*Handler).getConnectionStatus},
	{http.MethodPost, "/connections/{connection}/pause", "pauseConnection", http.StatusOK, (*Handler).pauseConnection},
	{http.MethodPost, "/connections/{connection}/resume", "resumeConnection", http.StatusOK, (*Handler).resumeConnection},

	{http.MethodPost, "/keys/rotate", "rotateKeys", http.StatusOK, (*Handler).rotateKeys},

	{http.MethodPost, "/consents", "requestConsent", http.StatusCreated, (*Handler).requestConsent},
	{http.MethodGet, "/consents/{intent}", "getConsent", http.StatusOK, (*Handler).getConsent},
	{http.MethodPost, "/connections/{connection}/consents", "requestConsentAgain", http.StatusCreated, (*Handler).requestConsentAgain},

	{http.MethodGet, "/connections/{connection}/rules", "getRules", http.StatusOK, (*Handler).getRules},
	{http.MethodPatch, "/connections/{connection}/rules", "changeRules", http.StatusOK, (*Handler).changeRules},

	{http.MethodGet, "/connections/{connection}/contacts/{contact}", "getContact", http.StatusOK, (*Handler).getContact},
	{http.MethodGet, "/connections/{connection}/contacts/{contact}/events", "listContactEvents", http.StatusOK, (*Handler).listContactEvents},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/reveal", "revealContact", http.StatusOK, (*Handler).revealContact},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/resync", "resyncContact", http.StatusAccepted, (*Handler).resyncContact},

	{http.MethodGet, "/connections/{connection}/parked", "listParked", http.StatusOK, (*Handler).listParked},
	{http.MethodPost, "/connections/{connection}/parked/retry", "retryParked", http.StatusOK, (*Handler).retryParked},
	{http.MethodPost, "/connections/{connection}/parked/discard", "discardParked", http.StatusOK, (*Handler).discardParked},

	{http.MethodPost, "/connections/{connection}/mass-syncs", "startMassSync", http.StatusAccepted, (*Handler).startMassSync},
	{http.MethodGet, "/connections/{connection}/mass-syncs/{run}", "getMassSync", http.StatusOK, (*Handler).getMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/pause", "pauseMassSync", http.StatusAccepted, (*Handler).pauseMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/resume", "resumeMassSync", http.StatusAccepted, (*Handler).resumeMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/cancel", "cancelMassSync", http.StatusAccepted, (*Handler).cancelMassSync},

	{http.MethodPost, "/connections/{connection}/reconciles", "startReconcile", http.StatusAccepted, (*Handler).startReconcile},
	{http.MethodGet, "/connections/{connection}/reconciles/{run}", "getReconcile", http.StatusOK, (*Handler).getReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/pause", "pauseReconcile", http.StatusAccepted, (*Handler).pauseReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/resume", "resumeReconcile", http.StatusAccepted, (*Handler).resumeReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/cancel", "cancelReconcile", http.StatusAccepted, (*Handler).cancelReconcile},

	{http.MethodGet, "/connections/{connection}/programs", "listPrograms", http.StatusOK, (*Handler).listPrograms},
	{http.MethodPost, "/connections/{connection}/program-switches/plan", "planProgramSwitch", http.StatusOK, (*Handler).planProgramSwitch},
	{http.MethodPost, "/connections/{connection}/program-switches", "startProgramSwitch", http.StatusAccepted, (*Handler).startProgramSwitch},
	{http.MethodGet, "/connections/{connection}/program-switches/{switch}", "getProgramSwitch", http.StatusOK, (*Handler).getProgramSwitch},

	{http.MethodGet, "/connections/{connection}/triggers", "listTriggers", http.StatusOK, (*Handler).listTriggers},
	{http.MethodPost, "/connections/{connection}/triggers", "applyTrigger", http.StatusOK, (*Handler).applyTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/{trigger}", "getTrigger", http.StatusOK, (*Handler).getTrigger},
	{http.MethodPatch, "/connections/{connection}/triggers/{trigger}", "changeTrigger", http.StatusOK, (*Handler).changeTrigger},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/test", "testTrigger", http.StatusOK, (*Handler).testTrigger},
	{http.MethodGet, "/connections/{connection}/tracked-events", "listTrackedEvents", http.StatusOK, (*Handler).listTrackedEvents},
	{http.MethodGet, "/webhooks-manifest", "getWebhooksManifest", http.StatusOK, (*Handler).getWebhooksManifest},
}

// Operation is what anybody may know of a route.
type Operation struct {
	Method string
	Path   string // below the server's address; parameters in braces
	ID     string
}

// Operations lists all there are.
func Operations() []Operation {
	all := make([]Operation, 0, len(routes))
	for _, rt := range routes {
		all = append(all, Operation{Method: rt.method, Path: Prefix + rt.path, ID: rt.operation})
	}
	return all
}
