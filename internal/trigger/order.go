package trigger

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"
)

// Change is one change of an object, as we heard it.
type Change struct {
	Property   string    // the one that changed; empty for a creation and for a form
	OccurredAt time.Time // when, by HubSpot's clock

	// For form submissions: the form, the submission's hash, and the entered values,
	// which are personal.
	Form       string
	Submission string
	Entered    map[string]string
}

// occurrence identifies one change of an object. It is the same for every event
// about that change.
func (c Change) occurrence() []string {
	if c.Form != "" {
		return []string{"form", c.Form, c.Submission}
	}
	return []string{"change", c.Property, strconv.FormatInt(c.OccurredAt.UnixMilli(), 10)}
}

// orderText keeps an order id within the 64 characters that impact.com accepts, and
// within the alphabet of Advocate's idempotency keys.
var orderText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// OrderID returns the id of what a trigger sends for an object: the object's id, so
// that a person can find it, and a digest that makes it unique to the trigger. A
// trigger that counts once per object has one id for all its changes.
func (d Definition) OrderID(portalID int64, objectID string, c Change) string {
	parts := []string{strconv.FormatInt(portalID, 10), string(d.Object), objectID, d.ID}
	if d.Once == OncePerChange {
		parts = append(parts, c.occurrence()...)
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strconv.Itoa(len(p)) + ":" + p)
	}
	const digest = 16 // bytes, 26 characters: enough to rule out collisions
	sum := sha256.Sum256([]byte(b.String()))
	return string(d.Object) + "-" + objectID + "-" + orderText.EncodeToString(sum[:digest])
}
