package console

import (
	"net/http"
	"slices"

	"advocatesync/internal/bridge"
)

// route is one address of the console. The mux and the test of who may do what
// are both driven by the table below.
type route struct {
	method, path string
	role         bridge.Role // that the visitor needs, or a role that allows it; empty: anybody, also who is not signed in
	handle       func(*Console, *visit) (answer, error)
}

var routes = slices.Concat([]route{
	{http.MethodGet, "/sign-in", "", (*Console).signInForm},
	{http.MethodPost, "/sign-in", "", (*Console).signIn},
	{http.MethodGet, "/sign-in/oidc", "", (*Console).leave},
	{http.MethodGet, callbackPath, "", (*Console).back},
	{http.MethodPost, "/sign-out", "", (*Console).signOut},

	{http.MethodGet, "/{$}", bridge.RoleViewer, (*Console).overview},

	{http.MethodGet, "/connections/{connection}", bridge.RoleViewer, (*Console).showConnection},
	{http.MethodGet, "/connections/{connection}/numbers", bridge.RoleViewer, (*Console).numbers},
	{http.MethodGet, "/connections/{connection}/pause", bridge.RoleOperator, (*Console).askPause},
	{http.MethodPost, "/connections/{connection}/pause", bridge.RoleOperator, (*Console).pauseConnection},
	{http.MethodGet, "/connections/{connection}/resume", bridge.RoleOperator, (*Console).askResume},
	{http.MethodPost, "/connections/{connection}/resume", bridge.RoleOperator, (*Console).resumeConnection},

	{http.MethodGet, "/connections/{connection}/contacts", bridge.RoleViewer, (*Console).lookUp},
	{http.MethodPost, "/connections/{connection}/contacts", bridge.RoleViewer, (*Console).findContact},
	{http.MethodGet, "/connections/{connection}/contacts/{contact}", bridge.RoleViewer, (*Console).showContact},
	{http.MethodGet, "/connections/{connection}/contacts/{contact}/resync", bridge.RoleOperator, (*Console).askResync},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/resync", bridge.RoleOperator, (*Console).resyncContact},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/reveal", bridge.RolePrivacy, (*Console).revealContact},
	{http.MethodGet, "/connections/{connection}/contacts/{contact}/erase", bridge.RolePrivacy, (*Console).askErase},
	{http.MethodPost, "/connections/{connection}/contacts/{contact}/erase", bridge.RolePrivacy, (*Console).eraseContact},

	{http.MethodPost, "/connections/{connection}/person/plan", bridge.RolePrivacy, (*Console).planErasePerson},
	{http.MethodPost, "/connections/{connection}/person/erase", bridge.RolePrivacy, (*Console).erasePerson},
	{http.MethodPost, "/connections/{connection}/person/export", bridge.RolePrivacy, (*Console).exportPerson},

	{http.MethodGet, "/connections/{connection}/problems", bridge.RoleViewer, (*Console).problems},
	{http.MethodGet, "/connections/{connection}/problems/ask", bridge.RoleOperator, (*Console).askProblems},
	{http.MethodPost, "/connections/{connection}/problems/retry", bridge.RoleOperator, (*Console).retryProblems},
	{http.MethodPost, "/connections/{connection}/problems/discard", bridge.RoleOperator, (*Console).discardProblems},

	{http.MethodGet, "/connections/{connection}/mass-syncs", bridge.RoleViewer, (*Console).massSyncs},
	{http.MethodPost, "/connections/{connection}/mass-syncs", bridge.RoleOperator, (*Console).startMassSync},
	{http.MethodGet, "/connections/{connection}/mass-syncs/start", bridge.RoleOperator, (*Console).askMassSync},
	{http.MethodGet, "/connections/{connection}/mass-syncs/{run}", bridge.RoleViewer, (*Console).showMassSync},
	{http.MethodGet, "/connections/{connection}/mass-syncs/{run}/live", bridge.RoleViewer, (*Console).followMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/pause", bridge.RoleOperator, (*Console).pauseMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/resume", bridge.RoleOperator, (*Console).resumeMassSync},
	{http.MethodGet, "/connections/{connection}/mass-syncs/{run}/cancel", bridge.RoleOperator, (*Console).askCancelMassSync},
	{http.MethodPost, "/connections/{connection}/mass-syncs/{run}/cancel", bridge.RoleOperator, (*Console).cancelMassSync},

	{http.MethodGet, "/connections/{connection}/reconciles", bridge.RoleViewer, (*Console).reconciles},
	{http.MethodPost, "/connections/{connection}/reconciles", bridge.RoleOperator, (*Console).startReconcile},
	{http.MethodGet, "/connections/{connection}/reconciles/start", bridge.RoleOperator, (*Console).askReconcile},
	{http.MethodGet, "/connections/{connection}/reconciles/{run}", bridge.RoleViewer, (*Console).showReconcile},
	{http.MethodGet, "/connections/{connection}/reconciles/{run}/live", bridge.RoleViewer, (*Console).followReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/pause", bridge.RoleOperator, (*Console).pauseReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/resume", bridge.RoleOperator, (*Console).resumeReconcile},
	{http.MethodGet, "/connections/{connection}/reconciles/{run}/cancel", bridge.RoleOperator, (*Console).askCancelReconcile},
	{http.MethodPost, "/connections/{connection}/reconciles/{run}/cancel", bridge.RoleOperator, (*Console).cancelReconcile},

	{http.MethodGet, "/connections/{connection}/deletions", bridge.RoleViewer, (*Console).deletions},

	{http.MethodGet, "/connections/{connection}/rules", bridge.RoleViewer, (*Console).rules},
	{http.MethodGet, "/connections/{connection}/rules/{rule}", bridge.RoleOperator, (*Console).askRule},
	{http.MethodPost, "/connections/{connection}/rules/{rule}", bridge.RoleOperator, (*Console).changeRule},

	{http.MethodGet, "/connections/{connection}/program", bridge.RoleViewer, (*Console).program},
	{http.MethodGet, "/connections/{connection}/program/plan", bridge.RoleOperator, (*Console).askSwitch},
	{http.MethodPost, "/connections/{connection}/program/switches", bridge.RoleOperator, (*Console).startSwitch},
	{http.MethodGet, "/connections/{connection}/program/switches/{switch}", bridge.RoleViewer, (*Console).showSwitch},
	{http.MethodGet, "/connections/{connection}/program/switches/{switch}/live", bridge.RoleViewer, (*Console).followSwitch},

	{http.MethodGet, "/connections/{connection}/triggers", bridge.RoleViewer, (*Console).triggers},
	{http.MethodPost, "/connections/{connection}/triggers", bridge.RoleOperator, (*Console).applyTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/new", bridge.RoleOperator, (*Console).newTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/{trigger}", bridge.RoleViewer, (*Console).showTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/{trigger}/edit", bridge.RoleOperator, (*Console).editTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/{trigger}/enable", bridge.RoleOperator, (*Console).askEnable},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/enable", bridge.RoleOperator, (*Console).enableTrigger},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/test", bridge.RoleOperator, (*Console).tryTrigger},
	{http.MethodGet, "/connections/{connection}/triggers/{trigger}/approval", bridge.RoleOperator, (*Console).askApproval},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/approve", bridge.RoleOperator, (*Console).approveEvents},
	{http.MethodPost, "/connections/{connection}/triggers/{trigger}/skip", bridge.RoleOperator, (*Console).skipEvents},
	{http.MethodGet, "/connections/{connection}/events", bridge.RoleViewer, (*Console).events},

	{http.MethodGet, "/connect", bridge.RoleAdmin, (*Console).connectForm},
	{http.MethodPost, "/connect", bridge.RoleAdmin, (*Console).connect},
	{http.MethodGet, "/connect/{intent}", bridge.RoleAdmin, (*Console).showConsent},
	{http.MethodGet, "/connect/{intent}/live", bridge.RoleAdmin, (*Console).followConsent},
	{http.MethodPost, "/connections/{connection}/consent", bridge.RoleAdmin, (*Console).consentAgain},
	{http.MethodGet, "/connections/{connection}/disconnect", bridge.RoleAdmin, (*Console).askDisconnect},
	{http.MethodPost, "/connections/{connection}/disconnect", bridge.RoleAdmin, (*Console).disconnect},

	{http.MethodGet, "/erasures", bridge.RoleViewer, (*Console).erasures},
	{http.MethodPost, "/erasures/export", bridge.RolePrivacy, (*Console).exportErasures},
	{http.MethodPost, replayPath, bridge.RolePrivacy, (*Console).replayErasures},
	{http.MethodGet, "/erasures/{erasure}", bridge.RoleViewer, (*Console).showErasure},
	{http.MethodGet, "/erasures/{erasure}/live", bridge.RoleViewer, (*Console).followErasure},
	{http.MethodGet, "/erasures/{erasure}/receipt", bridge.RoleViewer, (*Console).receipt},
	{http.MethodGet, "/audit", bridge.RolePrivacy, (*Console).audit},
	{http.MethodGet, "/tokens", bridge.RoleAdmin, (*Console).tokens},
	{http.MethodPost, "/tokens", bridge.RoleAdmin, (*Console).createToken},
	{http.MethodGet, "/tokens/{token}/revoke", bridge.RoleAdmin, (*Console).askRevoke},
	{http.MethodPost, "/tokens/{token}/revoke", bridge.RoleAdmin, (*Console).revokeToken},
}, guardRoutes())

// Route is what anybody may know of a route.
type Route struct {
	Method, Path string
}

// Routes lists all there are.
func Routes() []Route {
	all := make([]Route, 0, len(routes))
	for _, rt := range routes {
		all = append(all, Route{rt.method, rt.path})
	}
	return all
}
