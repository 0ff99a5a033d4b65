package bridge_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"advocatesync/internal/bridge"
)

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	const ann = "ann@shop.example"
	tests := map[string]struct{ email, want string }{
		"a plain address stays":                    {ann, ann},
		"letter case is folded":                    {"Ann@Shop.Example", ann},
		"spaces around it are trimmed":             {" \t" + ann + "\r\n", ann},
		"a no-break space around it is trimmed":    {"\u00a0" + ann + "\u00a0", ann},
		"a zero-width space is removed":            {"ann\u200b@shop.example", ann},
		"a byte order mark is removed":             {"\ufeff" + ann, ann},
		"a soft hyphen is removed":                 {"ann@sh\u00adop.example", ann},
		"a zero-width joiner is removed":           {"ann@shop\u200d.example", ann},
		"a right-to-left mark is removed":          {ann + "\u200f", ann},
		"tags are removed":                         {"ann\U000e0061\U000e007f@shop.example", ann},
		"a variation selector is removed":          {"ann\ufe0f@shop\U000e0100.example", ann},
		"a word joiner is removed":                 {"an\u2060n@shop.example", ann},
		"a grapheme joiner is removed":             {"an\u034fn@shop.example", ann},
		"a Hangul filler is removed":               {"ann\u3164@shop.example", ann},
		"a Mongolian separator is removed":         {"ann\u180e@shop.example", ann},
		"fullwidth letters stay apart":             {"\uff41nn@shop.example", "\uff41nn@shop.example"},
		"fullwidth capitals are folded":            {"\uff21nn@shop.example", "\uff41nn@shop.example"},
		"two marks have one order":                 {"a\u0323\u0302n@shop.example", "\u1eadn@shop.example"},
		"and the other order is the same":          {"a\u0302\u0323n@shop.example", "\u1eadn@shop.example"},
		"a dotted capital i apart is the same":     {"I\u0307nci@shop.example", "\u0130nci@shop.example"},
		"an Angstrom sign is an a with a ring":     {"\u212bsa@shop.example", "\u00e5sa@shop.example"},
		"a ligature stays a ligature":              {"\ufb01n@shop.example", "\ufb01n@shop.example"},
		"a mark between spaces hides no space":     {" \u200b " + ann, ann},
		"an accent is composed":                    {"rene\u0301@shop.example", "ren\u00e9@shop.example"},
		"a composed accent stays":                  {"ren\u00e9@shop.example", "ren\u00e9@shop.example"},
		"a capital with an accent is folded":       {"REN\u00c9@shop.example", "ren\u00e9@shop.example"},
		"a decomposed capital is folded":           {"RENE\u0301@shop.example", "ren\u00e9@shop.example"},
		"both small sigmas are one letter":         {"\u03bd\u03af\u03ba\u03bf\u03c2@shop.example", "\u03bd\u03af\u03ba\u03bf\u03c3@shop.example"},
		"a capital sigma is the same letter":       {"\u039d\u038a\u039a\u039f\u03a3@shop.example", "\u03bd\u03af\u03ba\u03bf\u03c3@shop.example"},
		"the Kelvin sign is a k":                   {"\u212aim@shop.example", "kim@shop.example"},
		"the long s is an s":                       {"\u017fam@shop.example", "sam@shop.example"},
		"a sharp s is not a double s":              {"wei\u00df@shop.example", "wei\u00df@shop.example"},
		"a capital sharp s is a sharp s":           {"WEI\u1e9e@shop.example", "wei\u00df@shop.example"},
		"a dotless i is not an i":                  {"\u0131nci@shop.example", "\u0131nci@shop.example"},
		"a dotted capital i is not an i":           {"\u0130nci@shop.example", "\u0130nci@shop.example"},
		"Cyrillic is folded":                       {"\u0410\u043d\u043d\u0430@shop.example", "\u0430\u043d\u043d\u0430@shop.example"},
		"letters without case stay":                {"\u738b@shop.example", "\u738b@shop.example"},
		"nothing but what nobody sees is no email": {" \u200b\ufeff ", ""},
		"nothing is no email":                      {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := bridge.NormalEmail(tt.email); got != tt.want {
				t.Errorf("NormalEmail(%+q) = %+q, want %+q", tt.email, got, tt.want)
			}
		})
	}
}

// Stored hashes and participant ids of releases before this form were made of
// the trimmed, lower-case address. Those of ASCII addresses stay what they are.
func TestNormalEmail_isWhatItWasForASCII(t *testing.T) {
	t.Parallel()
	var printable strings.Builder
	for r := ' '; r <= '~'; r++ {
		printable.WriteRune(r)
	}
	for _, email := range []string{"Ann.Archer+Shop@Example.COM", " o'brien@example.com ", printable.String()} {
		if got, want := bridge.NormalEmail(email), strings.ToLower(strings.TrimSpace(email)); got != want {
			t.Errorf("NormalEmail(%q) = %q, want %q", email, got, want)
		}
	}
}

func FuzzNormalEmail(f *testing.F) {
	for _, email := range []string{"Ann@Shop.example", "rene\u0301@shop.example", "\u0130\u0307\u200b@x", "\u1e9e\u212a\u017f\u03c2", "\u00a0\ufeff\u00a0", "\xff\xfe"} {
		f.Add(email)
	}
	f.Fuzz(func(t *testing.T, email string) {
		normal := bridge.NormalEmail(email)
		if again := bridge.NormalEmail(normal); again != normal {
			t.Errorf("the normal form of %+q is not stable: %+q, then %+q", email, normal, again)
		}
		if shouted := bridge.NormalEmail(strings.ToUpper(email)); utf8.ValidString(email) && isASCII(email) && shouted != normal {
			t.Errorf("%+q in capitals is another person: %+q, not %+q", email, shouted, normal)
		}
	})
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }) < 0
}
