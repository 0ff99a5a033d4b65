package trigger

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"
)

// Change is what HubSpot told of an object.
type Change struct {
	Property   string    // that changed; empty for a creation and for a form
	OccurredAt time.Time // when, by HubSpot's clock

	// For form submissions: which form, what the submission is known by, and
	// what was entered. The latter is personal.
	Form       string
	Submission string
	Entered    map[string]string
}

// occurrence tells one change of an object from every other. It is the same
// however often HubSpot tells of it.
func (c Change) occurrence() []string {
	if c.Form != "" {
		return []string{"form", c.Form, c.Submission}
	}
	return []string{"change", c.Property, strconv.FormatInt(c.OccurredAt.UnixMilli(), 10)}
}

// orderText keeps an order id within the 64 characters that impact.com takes,
// and the characters to those of Advocate's idempotency keys.
var orderText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// OrderID names what a trigger sends for an object: the object, so that a
// person finds it again, and a digest that makes the name the trigger's own. A
// trigger that counts once per object has one for all changes.
func (d Definition) OrderID(portalID int64, objectID string, c Change) string {
	parts := []string{strconv.FormatInt(portalID, 10), string(d.Object), objectID, d.ID}
	if d.Once == OncePerChange {
		parts = append(parts, c.occurrence()...)
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strconv.Itoa(len(p)) + ":" + p)
	}
	const digest = 16 // bytes, 26 characters: enough against every accident
	sum := sha256.Sum256([]byte(b.String()))
	return string(d.Object) + "-" + objectID + "-" + orderText.EncodeToString(sum[:digest])
}
