package activities

import (
	"testing"

	"advocatesync/internal/bridge"
)

func TestParkedItem_keepsTheVendorsWordsWithoutPersonalData(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		words    string
		personal []string
		want     string
	}{
		"an email in any letter case": {
			"Email ANN@Shop.example is invalid", []string{"ann@shop.example"}, "INVALID Email [redacted] is invalid"},
		"a name inside an email does not leave the rest of it": {
			"ann@shop.example has no TLD, said Ann", []string{"Ann", "ann@shop.example"}, "INVALID [redacted] has no TLD, said [redacted]"},
		"several times": {
			"x42 and x42", []string{"x42"}, "INVALID [redacted] and [redacted]"},
		"letters whose lower case is longer": {
			"\u0130 is not ann@shop.example", []string{"ann@shop.example"}, "INVALID \u0130 is not [redacted]"},
		"nothing known, nothing taken": {
			"Email is invalid", []string{"", " ", "i"}, "INVALID Email is invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := parkedItem(bridge.CauseRefusedByHubSpot, &bridge.Error{Code: "INVALID", VendorMessage: tt.words}, tt.personal...)
			if item.VendorMessage != tt.want {
				t.Errorf("words = %q, want %q", item.VendorMessage, tt.want)
			}
		})
	}
}
