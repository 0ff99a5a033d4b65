package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
)

func TestError_keepsTheVendorsWordsToItself(t *testing.T) {
	t.Parallel()
	err := &bridge.Error{
		Kind: bridge.Invalid, Op: "hubspot.batch_update_contacts", Status: 400, Code: "INVALID_EMAIL",
		VendorMessage: "ann@example is not a valid email", Err: errors.New("correlation 42"),
	}
	want := "hubspot.batch_update_contacts: invalid (status 400, INVALID_EMAIL): correlation 42"
	if err.Error() != want {
		t.Errorf("Error() = %q, want %q", err, want)
	}
	if strings.Contains(err.Error(), "ann@") {
		t.Error("the message carries personal data")
	}
}

func TestKindOf_seesThroughWrapping(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("link contact 101: %w", &bridge.Error{Kind: bridge.DoNotTrack})
	if got := bridge.KindOf(wrapped); got != bridge.DoNotTrack {
		t.Errorf("KindOf() = %q, want do_not_track", got)
	}
	if got := bridge.KindOf(errors.New("other")); got != bridge.Unknown {
		t.Errorf("KindOf() = %q, want unknown", got)
	}
}
