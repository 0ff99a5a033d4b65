package bridge_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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
	printable := func(between string) func(string) string {
		return func(s string) string {
			var signs []string
			for _, r := range s {
				signs = append(signs, strings.ReplaceAll(fmt.Sprintf("=% X", string(r)), " ", "="))
			}
			return strings.Join(signs, between)
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
		"for HTML, without an end":      everyRune("&#%d"),
		"for HTML, in hex without one":  everyRune("&#x%x"),
		"for Python":                    everyRune(`\U%08x`),
		"for an old address":            everyRune("%%u%04x"),
		"for mail":                      printable(""),
		"for mail, on several lines":    printable("=\r\n"),
		"with accents apart":            norm.NFD.String,
		"with accents composed":         norm.NFC.String,
		"with signs that nobody sees":   func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") },
		"with tags and selectors":       func(s string) string { return strings.Join(strings.Split(s, ""), "\U000e0041\ufe0f") },
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
		"a name of two capitals": "Jürgen Weißgerber",
		"a Turkish name":         "İsmail Kılıç",
		"a name with a ligature": "Shefﬁeld",
		"a Greek name":           "Νίκος Παπαδόπουλος",
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

// Vendors trim and join what they quote: how many spaces there are, and which, does not
// count.
func TestRedact_findsAValueHoweverItIsSpaced(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"Ada Lovelace", "Ada  Lovelace", "Ada\u00a0Lovelace", "Ada\tLovelace", " Ada\r\nLovelace ", "Ada +Lovelace"} {
		for _, written := range []string{"Ada Lovelace", "Ada   Lovelace", "Ada\nLovelace", "Ada\u00a0 Lovelace", "Ada+Lovelace", "Ada%20%20Lovelace", `Ada\n\tLovelace`, "Ada&nbsp;Lovelace", "Ada=20=20Lovelace"} {
			if got := bridge.Redact("lastname "+written+" is refused", value); got != "lastname [redacted] is refused" {
				t.Errorf("%q of %q: %s", written, value, got)
			}
		}
	}
}

func TestQuotes_findsWhatRedactTakesOut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"C-1001": false, "": false, "0cc175b9c0f1b6a831c399e269772661": false, "lovelace": true, "C-LOVELACE-7": true, "TG92ZWxhY2U=": true,
		"ann@shop.example": true, "ann%40shop.example": true, "ann&#64;shop.example": true,
	} {
		if got := bridge.Quotes(text, "Lovelace", ""); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

// Base64 of a value looks different wherever it begins in what was encoded.
func TestRedact_findsAValueInBase64(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"ann@shop.example", "zoë@bücher.example", "ANNSMITH42", "Ångström Müller", "??>>??>>"} {
		for _, lead := range []string{"", "{", "{\"", "user:", "the user "} {
			for name, encoding := range map[string]*base64.Encoding{"standard": base64.StdEncoding, "for addresses": base64.RawURLEncoding} {
				whole := encoding.EncodeToString([]byte(lead + value))
				got := bridge.Redact("refused: "+whole+", see the manual", value)
				left := strings.TrimSuffix(strings.TrimPrefix(got, "refused: "), ", see the manual")
				if rest := strings.ReplaceAll(left, bridge.Redacted, ""); !strings.Contains(left, bridge.Redacted) || len(rest) > len(lead)*4/3+6 {
					t.Errorf("%s, %s after %q: %s", value, name, lead, got)
				}
			}
		}
	}
}

// A vendor may answer with megabytes, and a value may stand where the words are cut.
func TestRedact_keepsFewOfManyWords(t *testing.T) {
	t.Parallel()
	const email = "ann.smith@shop.example"
	for _, lead := range []int{0, 4070, 4085, 4096, 8180, 8192} {
		got := bridge.Redact(strings.Repeat("é", lead/2)+" "+email+strings.Repeat(" more", 1<<20), email)
		if len(got) > 4200 || strings.Contains(got, "smith") || !utf8.ValidString(got) {
			t.Errorf("after %d bytes: %d bytes, ending in %q", lead, len(got), got[max(0, len(got)-40):])
		}
	}
}

// Vendors cut what they quote: what comes through of a value is taken out, too.
func TestRedact_findsWhatIsLeftOfAValueThatWasCut(t *testing.T) {
	t.Parallel()
	const name = "Bartholomew Featherstonehaugh-Cholmondeley"
	long := strings.Repeat(name+" ", 2000)
	for what, tt := range map[string]struct{ text, value string }{
		"with dots":                   {`"Bartholomew Feather..." is too long`, name},
		"with an ellipsis":            {"Bartholomew Feather… is too long", name},
		"with dots, in a query":       {"q=Bartholomew+Feather...&x=1", name},
		"escaped for JSON":            {`{"value":"Bartholomew\u0020Feather..."}`, name},
		"at the end of the words":     {"too long: Bartholomew Feather", name},
		"where we stop reading":       {strings.Repeat("x", 4000) + " " + long, long},
		"a value longer than we read": {long, long},
	} {
		if got := bridge.Redact(tt.text, tt.value); strings.Contains(got, "Bartholo") || !strings.Contains(got, bridge.Redacted) {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := bridge.Redact("Bart... is short, and Barthol is a word", name); got != "Bart... is short, and Barthol is a word" {
		t.Errorf("got %q", got)
	}
}

// A name that holds an email, quotes or a formula is found like any other.
func TestRedact_findsOddNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Ann <ann@shop.example>", `=HYPERLINK("https://x.example","Ann")`, "+1 (555) 010-9999", "@ann", "-Ann", `Ann "the \"Boss\"" O'Neil`,
		"Ann\tSmith", "Ann; DROP TABLE contact", "{{contact.firstname}}", "%41nn", "&#65;nn", `\u0041nn`, "Ann=20Smith",
	} {
		for how, escape := range map[string]func(string) string{"as it is": func(s string) string { return s }, "for JSON": func(s string) string { b, _ := json.Marshal(s); return string(b) }, "for a query": url.QueryEscape, "for HTML": html.EscapeString} {
			got := bridge.Redact("lastname "+escape(name)+" is refused", name)
			if strings.Contains(strings.ToLower(got), "ann") || strings.Contains(got, "555") {
				t.Errorf("%s, %s: %s", name, how, got)
			}
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
	const text = "The value is not valid; see line 42 of 142, \\path, 100% & more; AT&T; limit=40 of offset=4012; caf\u00e9 Ve\u0301lo."
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
	f.Add("%"+strings.Repeat("25", 500), "&"+strings.Repeat("amp;", 300), "ann@shop.example")
	f.Add(strings.Repeat("\\", 1000), "a"+strings.Repeat("\u0323\u0302", 100), strings.Repeat("@a", 100))
	f.Add("\\u", "\\u12", "ann smith")
	f.Add("\\ud83d\\", "x", "\U0001f600")
	// What repeats itself takes no longer than anything else.
	f.Add(strings.Repeat("@", 8192), "", "@")
	f.Add(strings.Repeat("a@", 4096), "", "a@")
	f.Add(strings.Repeat("a", 8192), "", strings.Repeat("a", 4000)+"b")
	f.Add(strings.Repeat("\u0323", 4096), strings.Repeat("%25", 2000), strings.Repeat("\u0302\u0323", 500))
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

// Text and values that repeat themselves cost as much as others of their length.
func BenchmarkRedact(b *testing.B) {
	for what, tt := range map[string]struct{ text, value string }{
		"words":         {strings.Repeat("The value of the property is not valid. ", 200), "Ann Smith"},
		"signs of an @": {strings.Repeat("@", 8192), "@"},
		"one letter":    {strings.Repeat("a", 8192), strings.Repeat("a", 4000) + "b"},
	} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				bridge.Redact(tt.text, tt.value)
			}
		})
	}
}
