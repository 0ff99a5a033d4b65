package bridge_test

import (
	"errors"
	"testing"
	"time"

	"advocatesync/internal/bridge"
)

func TestHear_keepsWhatEachVendorRefuses(t *testing.T) {
	t.Parallel()
	const forms, deals, contacts = bridge.CapabilityForms, bridge.CapabilityDeals, bridge.CapabilityContacts
	refusal := func(kind bridge.Kind, status int, code string) error {
		return &bridge.Error{Kind: kind, Op: "vendor.call", Status: status, Code: code}
	}
	hubspot := func(c bridge.Capability, err error) bridge.Answer {
		return bridge.Answer{System: bridge.SystemHubSpot, Capability: c, Err: err}
	}
	advocate := func(err error) bridge.Answer {
		return bridge.Answer{System: bridge.SystemAdvocate, Capability: bridge.CapabilityParticipants, Err: err}
	}
	impact := func(err error) bridge.Answer {
		return bridge.Answer{System: bridge.SystemImpact, Capability: bridge.CapabilityConversions, Err: err}
	}
	scope, token := refusal(bridge.Unauthorized, 403, "MISSING_SCOPES"), refusal(bridge.Unauthorized, 401, "")
	elsewhere := refusal(bridge.Misdirected, 488, "")
	tests := map[string]struct {
		answers []bridge.Answer
		status  bridge.ConnectionStatus
		open    int // refusals
	}{
		"all is well": {[]bridge.Answer{hubspot(contacts, nil), advocate(nil)}, bridge.StatusActive, 0},
		"a token that is refused stops everything":   {[]bridge.Answer{hubspot(contacts, token)}, bridge.StatusUnauthorized, 1},
		"a portal that lives elsewhere does so, too": {[]bridge.Answer{hubspot(contacts, elsewhere)}, bridge.StatusMisdirected, 1},
		"and goes on once a call gets through":       {[]bridge.Answer{hubspot(contacts, elsewhere), hubspot(forms, nil)}, bridge.StatusActive, 0},
		"the other vendor is reached":                {[]bridge.Answer{hubspot(contacts, elsewhere), advocate(nil)}, bridge.StatusMisdirected, 1},
		"forms elsewhere leave the rest":             {[]bridge.Answer{hubspot(forms, elsewhere)}, bridge.StatusForbidden, 1},
		"and outlive the success of contacts":        {[]bridge.Answer{hubspot(forms, elsewhere), hubspot(contacts, nil)}, bridge.StatusForbidden, 1},
		"and take back nothing":                      {[]bridge.Answer{hubspot(contacts, elsewhere), hubspot(forms, elsewhere)}, bridge.StatusMisdirected, 2},
		"impact.com elsewhere stops no sync":         {[]bridge.Answer{impact(elsewhere)}, bridge.StatusForbidden, 1},
		"any success of the vendor takes that back":  {[]bridge.Answer{hubspot(contacts, token), hubspot(forms, nil)}, bridge.StatusActive, 0},
		"the other vendor's success does not":        {[]bridge.Answer{hubspot(contacts, token), advocate(nil)}, bridge.StatusUnauthorized, 1},
		"a missing scope leaves the rest":            {[]bridge.Answer{hubspot(forms, scope)}, bridge.StatusForbidden, 1},
		"and outlives the success of another part":   {[]bridge.Answer{hubspot(forms, scope), hubspot(contacts, nil), advocate(nil)}, bridge.StatusForbidden, 1},
		"and goes with its own":                      {[]bridge.Answer{hubspot(forms, scope), hubspot(forms, nil)}, bridge.StatusActive, 0},
		"several scopes are missing":                 {[]bridge.Answer{hubspot(forms, scope), hubspot(deals, scope), hubspot(contacts, nil)}, bridge.StatusForbidden, 2},
		"a missing scope proves the token":           {[]bridge.Answer{hubspot(contacts, token), hubspot(forms, scope)}, bridge.StatusForbidden, 1},
		"a scope that an item of a batch lacks":      {[]bridge.Answer{hubspot(deals, refusal(bridge.Unauthorized, 207, "MISSING_SCOPES"))}, bridge.StatusForbidden, 1},
		"told twice, it is known once":               {[]bridge.Answer{hubspot(forms, scope), hubspot(forms, scope)}, bridge.StatusForbidden, 1},
		"both vendors refuse, and one gives in":      {[]bridge.Answer{hubspot(contacts, token), advocate(token), hubspot(contacts, nil)}, bridge.StatusUnauthorized, 1},
		"impact.com alone stops no sync":             {[]bridge.Answer{impact(token)}, bridge.StatusForbidden, 1},
		"an outage says nothing":                     {[]bridge.Answer{hubspot(contacts, refusal(bridge.Unavailable, 503, ""))}, bridge.StatusActive, 0},
		"nor does it take anything back":             {[]bridge.Answer{hubspot(contacts, token), hubspot(contacts, refusal(bridge.Unavailable, 503, ""))}, bridge.StatusUnauthorized, 1},
		"a refused record says nothing":              {[]bridge.Answer{hubspot(contacts, refusal(bridge.Invalid, 400, ""))}, bridge.StatusActive, 0},
		"an error of no kind says nothing":           {[]bridge.Answer{hubspot(contacts, errors.New("other"))}, bridge.StatusActive, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var known []bridge.Refusal
			for _, a := range tt.answers {
				known = bridge.Hear(known, a, time.Now())
			}
			status, reason := bridge.StatusOf(known)
			if status.Stopped() != (tt.status == bridge.StatusUnauthorized || tt.status == bridge.StatusMisdirected) {
				t.Errorf("%s stops the work: %t", status, status.Stopped())
			}
			if status != tt.status || len(known) != tt.open || (reason == "") != (tt.open == 0) {
				t.Errorf("%s (%s) with %d refusals, want %s with %d", status, reason, len(known), tt.status, tt.open)
			}
			for _, r := range known {
				if r.Advice() == "" {
					t.Errorf("%+v has no advice", r)
				}
			}
		})
	}
}
