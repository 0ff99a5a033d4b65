package fault

import (
	"fmt"
	"html"
	"net/url"
	"strings"
)

// Quoting is how a vendor writes a value that it refuses into its message.
type Quoting string

// The ways of writing a value; the empty one is Raw.
const (
	Raw  Quoting = "raw"
	JSON Quoting = "json" // every sign but letters and digits as \u0040
	URL  Quoting = "url"
	HTML Quoting = "html" // the @ as an entity too
)

// Write returns the value in that spelling.
func (q Quoting) Write(value string) string {
	switch q {
	case JSON:
		return escapeJSON(value)
	case URL:
		return url.QueryEscape(value)
	case HTML:
		return strings.ReplaceAll(html.EscapeString(value), "@", "&#64;")
	default:
		return value
	}
}

func escapeJSON(value string) string {
	var out strings.Builder
	for _, r := range value {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r > 0xffff {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, `\u%04x`, r)
	}
	return out.String()
}
