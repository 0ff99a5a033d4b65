package outbound_test

import (
	"errors"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

func TestOfOneCall_accusesTheAccountOnlyWhereAnotherCallConfirmsIt(t *testing.T) {
	t.Parallel()
	refusal := func(kind bridge.Kind, status int) error {
		return &bridge.Error{Kind: kind, Op: "vendor.call", Status: status}
	}
	tests := map[string]struct {
		failed, probe error
		want          bridge.Kind
		probed        bool
	}{
		"success":                                 {nil, nil, "", false},
		"a refusal of the record":                 {refusal(bridge.Invalid, 400), nil, bridge.Invalid, false},
		"an outage":                               {refusal(bridge.Unavailable, 503), nil, bridge.Unavailable, false},
		"credentials that are refused":            {refusal(bridge.Unauthorized, 401), nil, bridge.Unauthorized, false},
		"a redirect to another host":              {refusal(bridge.Misdirected, 307), nil, bridge.Misdirected, false},
		"an error of no kind":                     {errors.New("odd"), nil, "", false},
		"refused with a record and without":       {refusal(bridge.Misdirected, 451), refusal(bridge.Misdirected, 451), bridge.Misdirected, true},
		"refused with a record, for credentials":  {refusal(bridge.Misdirected, 401), refusal(bridge.Unauthorized, 401), bridge.Misdirected, true},
		"refused with a record alone":             {refusal(bridge.Misdirected, 406), nil, bridge.Unavailable, true},
		"the vendor has no such record, it says":  {refusal(bridge.Misdirected, 404), refusal(bridge.NotFound, 404), bridge.Unavailable, true},
		"the vendor wants more than that":         {refusal(bridge.Misdirected, 400), refusal(bridge.Invalid, 400), bridge.Unavailable, true},
		"an outage comes between":                 {refusal(bridge.Misdirected, 418), refusal(bridge.Unavailable, 502), bridge.Unavailable, true},
		"the limit is reached with the first one": {refusal(bridge.Misdirected, 418), refusal(bridge.Throttled, 429), bridge.Throttled, true},
		"there is no leave for another call":      {refusal(bridge.Misdirected, 418), refusal(bridge.Pending, 0), bridge.Pending, true},
		"the other call breaks off":               {refusal(bridge.Misdirected, 418), errors.New("odd"), bridge.Unavailable, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			probed := false
			err := outbound.OfOneCall(tt.failed, func() error { probed = true; return tt.probe })
			if bridge.KindOf(err) != tt.want || probed != tt.probed || (err == nil) != (tt.failed == nil) {
				t.Errorf("got %v, asked again: %t", err, probed)
			}
		})
	}
}
