package console

import (
	"strings"
	"testing"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

func TestStateOf_saysWhatAVendorRefuses(t *testing.T) {
	t.Parallel()
	refused := func(status bridge.ConnectionStatus, all ...api.Refusal) api.ConnectionStatus {
		return api.ConnectionStatus{Connection: api.Connection{Status: status, StatusReason: "hubspot.contact: 401", Refusals: all}}
	}
	hubspot, advocate := api.Refusal{System: bridge.SystemHubSpot}, api.Refusal{System: bridge.SystemAdvocate}
	forms, impact := api.Refusal{System: bridge.SystemHubSpot, Capability: bridge.CapabilityForms}, api.Refusal{System: bridge.SystemImpact}
	tests := map[string]struct {
		status api.ConnectionStatus
		want   string
	}{
		"credentials":                        {refused(bridge.StatusUnauthorized, hubspot), "HubSpot refuses our credentials: all work waits."},
		"calls that do not arrive":           {refused(bridge.StatusMisdirected, advocate), "Our calls do not reach Advocate: all work waits."},
		"a scope, and then the credentials":  {refused(bridge.StatusUnauthorized, forms, hubspot), "HubSpot refuses our credentials: all work waits."},
		"a scope":                            {refused(bridge.StatusForbidden, forms), "HubSpot refuses forms: part of the work waits."},
		"an account of impact.com":           {refused(bridge.StatusForbidden, impact), "impact.com refuses our account: part of the work waits."},
		"what a release before did not keep": {refused(bridge.StatusUnauthorized), "All work waits: hubspot.contact: 401."},
	}
	for name, tt := range tests {
		if got := stateOf(tt.status); got.Sentence != tt.want || got.Tone != "bad" {
			t.Errorf("%s: %s %q, want %q", name, got.Tone, got.Sentence, tt.want)
		}
	}
	if got := stateOf(api.ConnectionStatus{Connection: api.Connection{Status: bridge.StatusActive}}); strings.Contains(got.Sentence, "refuses") {
		t.Errorf("nobody refuses anything: %q", got.Sentence)
	}
}
