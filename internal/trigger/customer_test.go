package trigger_test

import (
	"slices"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

func TestChooseCustomer(t *testing.T) {
	t.Parallel()
	contact := func(id string, day int, props bridge.Properties) bridge.Object {
		return bridge.Object{Type: bridge.ObjectContact, ID: id, CreatedAt: time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC), Properties: props}
	}
	code := bridge.Properties{bridge.PropReferredByCode: "ANN1"}
	cookie := bridge.Properties{bridge.PropReferralCookie: "eyJ"}
	tests := map[string]struct {
		mapped []bridge.Object
		want   string
	}{
		"who was referred comes first":    {[]bridge.Object{contact("1", 1, nil), contact("2", 2, code)}, "2"},
		"a cookie is a referral too":      {[]bridge.Object{contact("1", 1, nil), contact("2", 2, cookie)}, "2"},
		"the earlier of two who were":     {[]bridge.Object{contact("3", 3, code), contact("2", 2, cookie), contact("1", 1, nil)}, "2"},
		"the earlier of two who were not": {[]bridge.Object{contact("9", 1, nil), contact("2", 2, nil)}, "9"},
		"the lower id of two at once":     {[]bridge.Object{contact("10", 1, nil), contact("9", 1, nil)}, "9"},
		"nobody where nobody is mapped":   {nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backwards := slices.Clone(tt.mapped)
			slices.Reverse(backwards)
			for _, order := range [][]bridge.Object{tt.mapped, backwards} {
				if got, ok := trigger.ChooseCustomer(order); got.ID != tt.want || ok != (tt.want != "") {
					t.Errorf("got %q, want %q", got.ID, tt.want)
				}
			}
		})
	}
}
