package activities

import (
	"errors"
	"strings"

	"advocatesync/internal/bridge"
)

// parkedItem returns an item for a cause with the vendor's message. Vendors quote
// the values that they refuse, so every personal value given is redacted from the
// message.
func parkedItem(cause bridge.Cause, refusal error, personal ...string) *bridge.ParkedItem {
	item := &bridge.ParkedItem{Cause: cause, Advice: cause.Advice()}
	var e *bridge.Error
	if errors.As(refusal, &e) {
		item.VendorMessage = bridge.Redact(e.VendorMessage, personal...)
		if e.Code != "" {
			item.VendorMessage = strings.TrimSpace(e.Code + " " + item.VendorMessage)
		}
	}
	return item
}
