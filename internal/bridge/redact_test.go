package bridge_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"advocatesync/internal/bridge"
)

// escapes are the ways in which vendors write what they quote.
func escapes() map[string]func(string) string {
	quoted := func(s string) string {
		b, _ := json.Marshal(s)
		return strings.Trim(string(b), `"`)
	}
	everyRune := func(format string) func(string) string {
		return func(s string) string {
			var out strings.Builder
			for _, r := range s {
				fmt.Fprintf(&out, format, r)
			}
			return out.String()
		}
	}
	return map[string]func(string) string{
		"as it is":                      func(s string) string { return s },
		"in capitals":                   strings.ToUpper,
		"in small letters":              strings.ToLower,
		"for JSON":                      quoted,
		"for JSON, twice":               func(s string) string { return quoted(quoted(s)) },
		"for JSON, rune by rune":        everyRune(`\u%04x`),
		"for JSON, in capitals":         everyRune(`\u%04X`),
		"for JSON, rune by rune, twice": func(s string) string { return quoted(everyRune(`\u%04x`)(s)) },
		"for a query":                   url.QueryEscape,
		"for a path":                    url.PathEscape,
		"for a query, twice":            func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
		"for HTML":                      html.EscapeString,
		"for HTML, in decimals":         everyRune("&#%d;"),
		"for HTML, in hexadecimal":      everyRune("&#x%x;"),
		"for HTML within JSON":          func(s string) string { return quoted(html.EscapeString(s)) },
		"for a query within JSON":       func(s string) string { return quoted(url.QueryEscape(s)) },
	}
}

func TestRedact_findsAValueHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"an email":               "Ann.Smith+vip@Shop.example",
		"an email of odd signs":  `o'brien&co/"x"@shop.example`,
		"an email in Unicode":    "zoë@bücher.example",
		"a name":                 "Ångström Müller",
		"a name with quotes":     `Robert "Bob" O'Neil`,
		"a name without case":    "李明",
		"one sign":               "李",
		"a referral code":        "ANNSMITH42",
		"a cookie":               "eyJhcHAuc3F1YXRjaC5pbyI6e30=",
		"a participant's id":     "0f8fad5b-d9cd/x==",
		"a short name by itself": "Al",
	}
	for what, value := range values {
		for how, escape := range escapes() {
			t.Run(what+" "+how, func(t *testing.T) {
				t.Parallel()
				text := `Property values were not valid: [{"value":"` + escape(value) + `","error":"INVALID"}]`
				got := bridge.Redact(text, value)
				want := `Property values were not valid: [{"value":"` + bridge.Redacted + `","error":"INVALID"}]`
				if got != want {
					t.Errorf("Redact(%s)\n= %s", text, got)
				}
			})
		}
	}
}

func TestRedact_takesOutEmailsThatNobodyNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"Contact already exists: bob@shop.example (Existing ID: 12)": "Contact already exists: [redacted] (Existing ID: 12)",
		`{"email":"bob\u0040shop.example"}`:                          `{"email":"[redacted]"}`,
		"mailto:bob%40shop.example?x":                                "mailto:[redacted]?x",
		"bob&#64;shop.example, ann@x":                                "[redacted], [redacted]",
		"<bob@localhost>":                                            "<[redacted]>",
		"hash 0cc175b9c0f1b6a831c399e269772661 is unknown":           "hash [redacted] is unknown",
		"correlation 0f8fad5b-d9cb-469f-a165-70867728950e":           "correlation 0f8fad5b-d9cb-469f-a165-70867728950e",
		"an @ alone, a@ b, @c":                                       "an @ alone, a@ b, @c",
	}
	for text, want := range tests {
		if got := bridge.Redact(text); got != want {
			t.Errorf("Redact(%s)\n= %s, want\n  %s", text, got, want)
		}
	}
}

func TestRedact_leavesOrdinaryWords(t *testing.T) {
	t.Parallel()
	const text = "The value is not valid; see line 42 of 142, \\path, 100% & more; AT&T."
	if got := bridge.Redact(text, "val", "Al", "", " ", "42x", "i"); got != text {
		t.Errorf("got %s", got)
	}
	if got, want := bridge.Redact("Al is not valid: al, AL!", "Al"), "[redacted] is not valid: [redacted], [redacted]!"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := bridge.Redact("ann ann@x annann", "annann", "ann"), "[redacted] [redacted] [redacted]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever a vendor writes, the value does not come through in any of its forms.
func FuzzRedact(f *testing.F) {
	for what, escape := range escapes() {
		f.Add("before "+what, escape("Ann.Smith+vip@shop.example"), "Ann.Smith+vip@shop.example")
	}
	f.Add("\\", "\xff%e", "&#")
	f.Add("\\u", "\\u12", "ann smith")
	f.Add("\\ud83d\\", "x", "\U0001f600")
	f.Fuzz(func(t *testing.T, before, between, value string) {
		value = strings.TrimSpace(strings.ToValidUTF8(value, ""))
		text := before + " " + value + " " + between
		got := bridge.Redact(text, value)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		if utf8.RuneCountInString(value) > 3 && strings.Contains(strings.ReplaceAll(got, bridge.Redacted, "\x00"), value) {
			t.Errorf("Redact(%q, %q) = %q", text, value, got)
		}
	})
}
