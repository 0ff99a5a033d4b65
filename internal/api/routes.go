package api

import (
	"net/http"

	"advocatesync/internal/bridge"
)

// route is one operation of the API. The mux, the client and the test of the
// OpenAPI document are all driven by the table below.
type route struct {
	method    string
	path      string      // below Prefix, as net/http's mux and OpenAPI both write it
	operation string      // its operationId in openapi.yaml, and its name in logs and the audit log
	role      bridge.Role // which callers need, or a role that allows it
	status    int         // of a success
	handle    func(*Handler, *request) (any, error)
}

var routes = []route{
	{http.MethodGet, "/openapi.json", "getDocument", bridge.RoleViewer, http.StatusOK, (*Handler).getDocument},

	{http.MethodGet, "/connections", "listConnections", bridge.RoleViewer, http.StatusOK, (*Handler).listConnections},
	{http.MethodPost, "/connections", "connect", bridge.RoleAdmin, http.StatusOK, (*Handler).connect},
	{http.MethodGet, "/connections/{connection}", "getConnection", bridge.RoleViewer, http.StatusOK, (*Handler).getConnection},

	{http.MethodDelete, "/connections/{connection}", "disconnect", bridge.RoleAdmin, http.StatusOK, (*Handler).disconnect},
	{http.MethodGet, "/connections/{connection}/disconnection", "planDisconnect", bridge.RoleViewer, http.StatusOK, (*Handler).planDisconnect},
	{http.MethodGet, "/connections/{connection}/status", "getConnectionStatus", bridge.RoleViewer, http.StatusOK, (*Handler).getConnectionStatus},
	{http.MethodGet, "/connections/{connection}/numbers", "getNumbers", bridge.RoleViewer, http.StatusOK, (*Handler).getNumbers},
	{http.MethodPost, "/connections/{connection}/pause", "pauseConnection", bridge.RoleOperator, http.StatusOK, (*Handler).pauseConnection},
	{http.MethodPost, "/connections/{connection}/resume", "resumeConnection", bridge.RoleOperator, http.StatusOK, (*Handler).resumeConnection},

	{http.MethodGet, "/tokens", "listTokens", bridge.RoleAdmin, http.StatusOK, (*Handler).listTokens},
	{http.MethodPost, "/tokens", "createToken", bridge.RoleAdmin, http.StatusCreated, (*Handler).createToken},
	{http.MethodDelete, "/tokens/{token}", "revokeToken", bridge.RoleAdmin, http.StatusOK, (*Handler).revokeToken},
	{http.MethodGet, "/erasures", "listErasures", bridge.RoleViewer, http.StatusOK, (*Handler).listErasures},
	{http.MethodPost, "/erasures/export", "exportErasures", bridge.RolePrivacy, http.StatusOK, (*Handler).exportErasures},
	{http.MethodPost, "/erasures/replay", "replayErasures", bridge.RolePrivacy, http.StatusOK, (*Handler).replayErasures},
	{http.MethodGet, "/erasures/{erasure}", "getErasure", bridge.RoleViewer, http.StatusOK, (*Handler).getErasure},
	{http.MethodGet, "/erasures/{erasure}/receipt", "getErasureReceipt", bridge.RoleViewer, http.StatusOK, (*Handler).getErasureReceipt},
	{http.MethodGet, "/audit", "listAuditEntries", bridge.RolePrivacy, http.StatusOK, (*Handler).listAuditEntries},

	{http.MethodPost, "/keys/recovery", "newRecoveryKey", bridge.RoleAdmin, http.StatusOK, (*Handler).newRecoveryKey},
	{http.MethodPost, "/keys/rotate", "rotateKeys", bridge.RoleAdmin, http.StatusOK, (*Handler).rotateKeys},

	{http.MethodPost, "/consents", "requestConsent", bridge.RoleAdmin, http.StatusCreated, (*Handler).requestConsent},
	{http.MethodGet, "/consents/{intent}", "getConsent", bridge.RoleViewer, http.StatusOK, (*Handler).getConsent},
	{http.MethodPost, "/connections/{connection}/consents", "requestConsentAgain", bridge.RoleAdmin, http.StatusCreated, (*Handler).requestConsentAgain},

	{http.MethodGet, "/connections/{connection}/rules", "getRules", bridge.RoleViewer, http.StatusOK, (*Handler).getRules},
	{http.MethodGet, "/connections/{connection}/rules/effects", "getRuleEffects", bridge.RoleViewer, http.StatusOK, (*Handler).getRuleEffects},
	{http.MethodPatch, "/connections/{connection}/rules", "changeRules", bridge.RoleOperator, http.StatusOK, (*Handler).changeRules},

	{http.MethodPost, "/connections/{connection}/contacts/find", "findContacts", bridge.RoleViewer, http.StatusOK, (*Handler).findContacts},
	{http.MethodGet, "/connections/{connection}/contacts/{contact}", "getContact", bridge.RoleViewer, http.StatusOK, (*Handler).getContact},
	{http.MethodGet, "/connections/{connection}/contacts/{contact}/events", "listContactEvents", bridge.RoleViewer, http.StatusOK, (*Handler).listContactEvents},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/reveal", "revealContact", bridge.RolePrivacy, http.StatusOK, (*Handler).revealContact},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/erase", "eraseContact", bridge.RolePrivacy, http.StatusAccepted, (*Handler).eraseContact},
	{http.MethodPost, "/connections/{connection}/person-exports", "exportPerson", bridge.RolePrivacy, http.StatusOK, (*Handler).exportPerson},
	{http.MethodPost, "/connections/{connection}/person-erasures/plan", "planErasePerson", bridge.RolePrivacy, http.StatusOK, (*Handler).planErasePerson},
	{http.MethodPost, "/connections/{connection}/person-erasures", "erasePerson", bridge.RolePrivacy, http.StatusAccepted, (*Handler).erasePerson},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/resync", "resyncContact", bridge.RoleOperator, http.StatusAccepted, (*Handler).resyncContact},

	{http.MethodGet, "/connections/{connection}/parked", "listParked", bridge.RoleViewer, http.StatusOK, (*Handler).listParked},
	{http.MethodGet, "/connections/{connection}/parked/causes", "getParkedCauses", bridge.RoleViewer, http.StatusOK, (*Handler).getParkedCauses},
	{http.MethodPost, "/connections/{connection}/parked/retry", "retryParked", bridge.RoleOperator, http.StatusOK, (*Handler).retryParked},
	{http.MethodPost, "/connections/{connection}/parked/discard", "discardParked", bridge.RoleOperator, http.StatusOK, (*Handler).discardParked},

	{http.MethodPost, "/connections/{connection}/mass-syncs", "startMassSync", bridge.RoleOperator, http.StatusAccepted, (*Handler).startMassSync},
	{http.MethodGet, "/connections/{connection}/mass-syncs", "listMassSyncs", bridge.RoleViewer, http.StatusOK, (*Handler).listMassSyncs},
	{http.MethodGet, "/connections/{connection}/mass-syncs/{run}", "getMassSync", bridge.RoleViewer, http.StatusOK, (*Handler).getMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/pause", "pauseMassSync", bridge.RoleOperator, http.StatusAccepted, (*Handler).pauseMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/resume", "resumeMassSync", bridge.RoleOperator, http.StatusAccepted, (*Handler).resumeMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/cancel", "cancelMassSync", bridge.RoleOperator, http.StatusAccepted, (*Handler).cancelMassSync},

	{http.MethodPost, "/connections/{connection}/reconciles", "startReconcile", bridge.RoleOperator, http.StatusAccepted, (*Handler).startReconcile},
	{http.MethodGet, "/connections/{connection}/reconciles", "listReconciles", bridge.RoleViewer, http.StatusOK, (*Handler).listReconciles},
	{http.MethodGet, "/connections/{connection}/reconciles/{run}", "getReconcile", bridge.RoleViewer, http.StatusOK, (*Handler).getReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/pause", "pauseReconcile", bridge.RoleOperator, http.StatusAccepted, (*Handler).pauseReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/resume", "resumeReconcile", bridge.RoleOperator, http.StatusAccepted, (*Handler).resumeReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/cancel", "cancelReconcile", bridge.RoleOperator, http.StatusAccepted, (*Handler).cancelReconcile},

	{http.MethodGet, "/connections/{connection}/deletions", "getDeletions", bridge.RoleViewer, http.StatusOK, (*Handler).getDeletions},
	{http.MethodPost, "/connections/{connection}/deletions/approve", "approveDeletions", bridge.RoleOperator, http.StatusOK, (*Handler).approveDeletions},
	{http.MethodPost, "/connections/{connection}/deletions/reject", "rejectDeletions", bridge.RoleOperator, http.StatusOK, (*Handler).rejectDeletions},
	{http.MethodPut, "/connections/{connection}/deletions/guard", "setDeletionGuard", bridge.RoleOperator, http.StatusOK, (*Handler).setDeletionGuard},

	{http.MethodPost, "/connections/{connection}/deletions/erasures/approve", "approveErasures", bridge.RolePrivacy, http.StatusOK, (*Handler).approveErasures},
	{http.MethodPost, "/connections/{connection}/deletions/erasures/reject", "rejectErasures", bridge.RolePrivacy, http.StatusOK, (*Handler).rejectErasures},
	{http.MethodPut, "/connections/{connection}/deletions/erasures/guard", "setErasureGuard", bridge.RolePrivacy, http.StatusOK, (*Handler).setErasureGuard},

	{http.MethodGet, "/connections/{connection}/programs", "listPrograms", bridge.RoleViewer, http.StatusOK, (*Handler).listPrograms},
	{http.MethodPost, "/connections/{connection}/program-switches/plan", "planProgramSwitch", bridge.RoleOperator, http.StatusOK, (*Handler).planProgramSwitch},
	{http.MethodPost, "/connections/{connection}/program-switches", "startProgramSwitch", bridge.RoleOperator, http.StatusAccepted, (*Handler).startProgramSwitch},
	{http.MethodGet, "/connections/{connection}/program-switches/{switch}", "getProgramSwitch", bridge.RoleViewer, http.StatusOK, (*Handler).getProgramSwitch},

	{http.MethodGet, "/connections/{connection}/properties", "listProperties", bridge.RoleOperator, http.StatusOK, (*Handler).listProperties},
	{http.MethodGet, "/connections/{connection}/triggers", "listTriggers", bridge.RoleViewer, http.StatusOK, (*Handler).listTriggers},
	{http.MethodPost, "/connections/{connection}/triggers", "applyTrigger", bridge.RoleOperator, http.StatusOK, (*Handler).applyTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/{trigger}", "getTrigger", bridge.RoleViewer, http.StatusOK, (*Handler).getTrigger},
	{http.MethodPatch, "/connections/{connection}/triggers/{trigger}", "changeTrigger", bridge.RoleOperator, http.StatusOK, (*Handler).changeTrigger},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/test", "testTrigger", bridge.RoleOperator, http.StatusOK, (*Handler).testTrigger},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/approve", "approveTriggerEvents", bridge.RoleOperator, http.StatusOK, (*Handler).approveTriggerEvents},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/skip", "skipTriggerEvents", bridge.RoleOperator, http.StatusOK, (*Handler).skipTriggerEvents},
	{http.MethodGet, "/connections/{connection}/trigger-approvals", "getTriggerApprovals", bridge.RoleViewer, http.StatusOK, (*Handler).getTriggerApprovals},
	{http.MethodGet, "/connections/{connection}/tracked-events", "listTrackedEvents", bridge.RoleViewer, http.StatusOK, (*Handler).listTrackedEvents},
	{http.MethodGet, "/webhooks-manifest", "getWebhooksManifest", bridge.RoleViewer, http.StatusOK, (*Handler).getWebhooksManifest},
}

// Operation is the public part of a route.
type Operation struct {
	Method string
	Path   string // below the server's address; parameters in braces
	ID     string
	Role   bridge.Role // which callers need, or a role that allows it
}

// Operations returns all operations.
func Operations() []Operation {
	all := make([]Operation, 0, len(routes))
	for _, rt := range routes {
		all = append(all, Operation{Method: rt.method, Path: Prefix + rt.path, ID: rt.operation, Role: rt.role})
	}
	return all
}
