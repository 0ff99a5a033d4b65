package bridge

import (
	"cmp"
	"encoding/base64"
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Redacted takes the place of personal data in a vendor's message.
const Redacted = "[redacted]"

// Redact takes personal values, and whatever looks like an email or a hash, out of
// text that a vendor wrote. Vendors quote what they refuse, and escape it on the way: a
// value is found in any letter case, also where a letter has two capitals, with its
// accents apart or composed, with or without characters that nobody sees, with any
// number of spaces between words, as it is, in Base64 or quoted-printable, and escaped
// for JSON, for an address or for HTML, also several times over. Text that is not UTF-8
// comes back valid.
//
// Of a longer text, mostWords bytes are left.
//
// A value of one to three letters or digits counts as a whole word only, so that a
// short name does not blank ordinary words.
func Redact(text string, personal ...string) string {
	// Beyond what is left, only as much is read as a value may reach back.
	text = strings.ToValidUTF8(text[:min(len(text), 2*mostWords)], "\ufffd")
	hidden := coverage(text, personal, func(folded []rune) [][2]int { return append(addresses(folded), hashes(folded)...) })
	return shortened(blank(text, hidden))
}

// Quotes reports whether a text holds one of the values, or an email, in any of the
// ways in which Redact finds them.
func Quotes(text string, values ...string) bool {
	hidden := coverage(strings.ToValidUTF8(text, "\ufffd"), values, addresses)
	return slices.ContainsFunc(hidden, func(n int) bool { return n != 0 })
}

// coverage finds personal values in a text, and what patterns finds in its folded
// letters. It tells for each byte how many finds begin there, less those that end.
func coverage(text string, personal []string, patterns func([]rune) [][2]int) []int {
	values, encoded := wanted(personal)
	hidden := make([]int, len(text)+1)
	hide := func(from, to place) {
		if from.start < to.end {
			hidden[from.start]++
			hidden[to.end]--
		}
	}
	search := func(l layer, values [][]rune) {
		for _, value := range values {
			for _, found := range occurrences(l.runes, value) {
				hide(l.places[found[0]], l.places[found[1]-1])
			}
		}
	}
	layer, escaped := plainLayer(text), true
	for round := 0; escaped && round < mostRounds; round++ {
		bones := layer.skeleton()
		search(bones, values)
		search(bones, encoded)
		if printable, quoted := layer.unescape(unescapePrintable); quoted { // "=40" alone may be anything
			search(printable.skeleton(), values)
		}
		folded := fold(layer.runes)
		for _, found := range patterns(folded) {
			hide(layer.places[found[0]], layer.places[found[1]-1])
		}
		layer, escaped = layer.unescape(unescapeAt)
	}
	return hidden
}

// mostWords is how much of a vendor's words is kept, in bytes. An answer may have
// megabytes of them.
const mostWords = 4096

// mostValue bounds what is looked for, in bytes: properties have up to 64 KiB.
const mostValue = 2 * mostWords

// mostRounds is how often words may have been escaped. Each round costs a pass, and a
// text of percent signs could ask for thousands.
const mostRounds = 8

func shortened(text string) string {
	if len(text) <= mostWords {
		return text
	}
	return strings.ToValidUTF8(text[:mostWords], "") + "…"
}

// wanted are the values to be found, as a skeleton has them, and what Base64 makes
// of them wherever they stand in what was encoded.
func wanted(personal []string) (values, encoded [][]rune) {
	for _, value := range personal {
		value = strings.TrimSpace(value)
		if len(value) > mostValue {
			value = value[:mostValue] // what comes through of it is the beginning
		}
		add := func(l layer) {
			if bones := l.skeleton().runes; len(bones) > 0 {
				values = append(values, bones)
			}
		}
		plain := plainLayer(strings.ToValidUTF8(value, "\ufffd"))
		add(plain)
		// A value may look escaped itself, and comes out of an escaped text as if it were.
		layer, escaped := plain.unescape(unescapeAt)
		for round := 1; escaped && len(layer.runes) >= telling && round < mostRounds; round++ {
			add(layer)
			layer, escaped = layer.unescape(unescapeAt)
		}
		for lead := 0; len(value) >= telling && lead < 3; lead++ {
			// A sign holds six bits: those that hold bits of a neighbour are left out.
			raw := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", lead) + value))
			certain := raw[(lead*8+5)/6 : (lead+len(value))*8/6]
			encoded = append(encoded, plainLayer(certain).skeleton().runes, plainLayer(strings.NewReplacer("+", "-", "/", "_").Replace(certain)).skeleton().runes)
		}
	}
	return values, encoded
}

// blank puts one mark in the place of each run of hidden bytes.
func blank(text string, hidden []int) string {
	var out strings.Builder
	covered := 0 // by so many ranges
	for i := range len(text) {
		before := covered
		covered += hidden[i]
		switch {
		case covered == 0:
			out.WriteByte(text[i])
		case before == 0:
			out.WriteString(Redacted)
		}
	}
	return out.String()
}

// fold makes runes comparable whatever their letter case. It keeps their number.
func fold(runes []rune) []rune {
	folded := make([]rune, len(runes))
	for i, r := range runes {
		folded[i] = r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			folded[i] = min(folded[i], other)
		}
	}
	return folded
}

// telling is how many signs tell a person: fewer may be a part of any word.
const telling = 6

// occurrences finds a value, which is not empty, wherever it stands, as ranges of
// runes. Both are folded. A beginning of the value counts where the text ends, or dots
// say that there is more: vendors cut what they quote. However text and value repeat
// themselves, it takes one pass over each (Knuth, Morris, Pratt).
func occurrences(text, value []rune) [][2]int {
	var found [][2]int
	borders := bordersOf(value)
	matched := 0 // so much of the value ends here
	for at := 0; ; at++ {
		if from := at - matched; matched == len(value) {
			if !wordLike(value) || alone(text, from, at) {
				found = append(found, [2]int{from, at})
			}
			matched = borders[matched-1]
		} else if matched >= telling && cut(text[at:]) {
			found = append(found, [2]int{from, at})
		}
		if at == len(text) {
			return found
		}
		for matched > 0 && !same(text[at], value[matched]) {
			matched = borders[matched-1]
		}
		if same(text[at], value[matched]) {
			matched++
		}
	}
}

// cut tells whether a text ends, or says that something was left out.
func cut(text []rune) bool {
	return len(text) == 0 || text[0] == '\u2026' || len(text) > 2 && string(text[:3]) == "..."
}

// bordersOf tells for each beginning of a value how much of it is also its end.
func bordersOf(value []rune) []int {
	borders := make([]int, len(value))
	for at, matched := 1, 0; at < len(value); at++ {
		for matched > 0 && !same(value[at], value[matched]) {
			matched = borders[matched-1]
		}
		if same(value[at], value[matched]) {
			matched++
		}
		borders[at] = matched
	}
	return borders
}

// same compares signs. Forms in addresses write a plus for a space.
func same(a, b rune) bool { return a == b || space(a) && space(b) }

func space(r rune) bool { return r == '+' || unicode.IsSpace(r) }

// wordLike tells a value that may well be a part of an ordinary word. Scripts
// without letter case put no spaces between words.
func wordLike(value []rune) bool {
	const short = 3
	for _, r := range value {
		if !unicode.IsDigit(r) && (!unicode.IsLetter(r) || unicode.Is(unicode.Lo, r)) {
			return false
		}
	}
	return len(value) <= short
}

func alone(text []rune, from, to int) bool {
	inWord := func(i int) bool {
		return i >= 0 && i < len(text) && (unicode.IsLetter(text[i]) || unicode.IsMark(text[i]) || unicode.IsDigit(text[i]))
	}
	return !inWord(from-1) && !inWord(to)
}

// addresses finds what looks like an email, as ranges of runes. No vendor's own
// words have letters on both sides of an @.
func addresses(text []rune) [][2]int {
	var found [][2]int
	from, to := 0, 0 // behind the last sign that cannot stand before an @; the end of what may stand behind one
	for at, r := range text {
		if strings.ContainsRune(" \t\r\n\u00a0<>()[]{}\",;:=|\\", r) {
			from = at + 1
		}
		if r != '@' {
			continue
		}
		to = max(to, at+1)
		for to < len(text) && inDomain(text[to]) {
			to++
		}
		if from < at && to > at+1 {
			found = append(found, [2]int{from, to})
		}
	}
	return found
}

func inDomain(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune(".-_@", r)
}

// hashes finds runs of as many hexadecimal digits as the hash of an email has.
func hashes(text []rune) [][2]int {
	const shortest = 32 // MD5
	var found [][2]int
	from := 0
	for at := range len(text) + 1 {
		if at < len(text) && unicode.Is(unicode.ASCII_Hex_Digit, text[at]) {
			continue
		}
		if at-from >= shortest {
			found = append(found, [2]int{from, at})
		}
		from = at + 1
	}
	return found
}

// layer is a text as it reads after some rounds of unescaping, each rune with its
// place in the original.
type layer struct {
	runes  []rune
	places []place
}

// place is a range of bytes.
type place struct{ start, end int }

func plainLayer(text string) layer {
	var l layer
	for i, r := range text {
		l.runes = append(l.runes, r)
		l.places = append(l.places, place{i, i + utf8.RuneLen(r)})
	}
	return l
}

// skeleton is the text in a form in which all spellings of a value are the same:
// accents apart, letter case folded, one space between words, and nothing that nobody
// sees.
func (l layer) skeleton() layer {
	var out layer
	capitals := cases.Upper(language.Und) // "ß" becomes two letters, and "ı" the capital of "i"
	for i, r := range l.runes {
		switch {
		case r < utf8.RuneSelf:
			out.add(r, l.places[i])
		case !invisible(r):
			for _, part := range norm.NFD.String(capitals.String(string(r))) {
				out.add(part, l.places[i])
			}
		}
	}
	out.orderMarks()
	out.runes = fold(out.runes)
	return out
}

// add adds a sign to a skeleton, unless it says nothing behind the one before: a space
// behind a space, and the dot of a Turkish capital I, which no other language keeps.
func (l *layer) add(r rune, at place) {
	const dotAbove = '\u0307'
	if n := len(l.runes); n > 0 {
		before := l.runes[n-1]
		if space(r) && space(before) || r == dotAbove && (before == 'i' || before == 'I') {
			return
		}
	}
	l.runes, l.places = append(l.runes, r), append(l.places, at)
}

// orderMarks puts the marks of each letter into Unicode's canonical order.
func (l layer) orderMarks() {
	type sign struct {
		rune  rune
		place place
		class uint8
	}
	for from := 0; from < len(l.runes); from++ {
		var marks []sign
		for _, r := range l.runes[from:] {
			class := uint8(0)
			if r >= utf8.RuneSelf {
				class = norm.NFD.PropertiesString(string(r)).CCC()
			}
			if class == 0 {
				break
			}
			marks = append(marks, sign{r, l.places[from+len(marks)], class})
		}
		slices.SortStableFunc(marks, func(a, b sign) int { return cmp.Compare(a.class, b.class) })
		for i, m := range marks {
			l.runes[from+i], l.places[from+i] = m.rune, m.place
		}
		from += len(marks)
	}
}

// unescape undoes one round of escaping, of whatever kinds it finds. It reports
// whether there was any. As every escape is longer than what it stands for, rounds
// come to an end.
func (l layer) unescape(at func([]rune) ([]rune, int)) (layer, bool) {
	var out layer
	for i := 0; i < len(l.runes); {
		plain, length := at(l.runes[i:])
		for _, r := range plain {
			out.runes = append(out.runes, r)
			out.places = append(out.places, place{l.places[i].start, l.places[i+length-1].end})
		}
		i += length
	}
	return out, len(out.runes) < len(l.runes)
}

// unescapeAt reads one rune, or one escape, and tells how many runes it takes.
func unescapeAt(text []rune) (plain []rune, length int) {
	switch text[0] {
	case '\\':
		if r, length := unescapeJSON(text); length > 0 {
			return []rune{r}, length
		}
	case '%':
		if r, length := unescapeURL(text); length > 0 {
			return []rune{r}, length
		}
	case '&':
		if r, length := unescapeHTML(text); length > 0 {
			return r, length
		}
	}
	return text[:1], 1
}

// unescapePrintable reads =40 and =C3=AB of quoted-printable, and its line breaks.
func unescapePrintable(text []rune) (plain []rune, length int) {
	if text[0] != '=' {
		return text[:1], 1
	}
	for _, soft := range []string{"=\r\n", "=\n"} {
		if len(text) >= len(soft) && string(text[:len(soft)]) == soft {
			return nil, len(soft)
		}
	}
	if r, length := hexBytes(text, '='); length > 0 {
		return []rune{r}, length
	}
	return text[:1], 1
}

// unescapeJSON reads \u0040, a pair of surrogates, \U00000040, \x40, \100, and \ before
// anything else.
func unescapeJSON(text []rune) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[1] {
	case 'u':
		high, ok := hexadecimal(text, 2, 4)
		if !ok {
			return 0, 0
		}
		if utf16.IsSurrogate(high) && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
			if low, ok := hexadecimal(text, 8, 4); ok {
				return utf16.DecodeRune(high, low), 12
			}
		}
		return high, 6
	case 'U':
		r, ok := hexadecimal(text, 2, 8)
		return r, map[bool]int{true: 10}[ok]
	case 'x':
		r, ok := hexadecimal(text, 2, 2)
		return r, map[bool]int{true: 4}[ok]
	case '0', '1', '2', '3':
		const octal = 4
		if len(text) >= octal {
			if n, err := strconv.ParseUint(string(text[1:octal]), 8, 8); err == nil {
				return rune(n), octal
			}
		}
		return text[1], 2
	case 'n', 'r', 't', 'b', 'f':
		return ' ', 2
	default:
		return text[1], 2
	}
}

// unescapeURL reads %40, and as many more bytes as make a rune, and %u0040.
func unescapeURL(text []rune) (rune, int) {
	if len(text) > 1 && (text[1] == 'u' || text[1] == 'U') {
		r, ok := hexadecimal(text, 2, 4)
		return r, map[bool]int{true: 6}[ok]
	}
	return hexBytes(text, '%')
}

// hexBytes reads the bytes of one rune, each in two digits after a sign.
func hexBytes(text []rune, sign rune) (rune, int) {
	var raw []byte
	for at := 0; len(raw) < utf8.UTFMax && at < len(text) && text[at] == sign; at += 3 {
		b, ok := hexadecimal(text, at+1, 2)
		if !ok {
			break
		}
		raw = append(raw, byte(b))
		if r, size := utf8.DecodeRune(raw); utf8.FullRune(raw) && (r != utf8.RuneError || size > 1) {
			return r, at + 3
		}
	}
	return 0, 0
}

// unescapeHTML reads &#64;, &#x40; and &commat;, and numbers without their end.
func unescapeHTML(text []rune) ([]rune, int) {
	const longest = 34 // the longest name that HTML has, with its ends
	for at := 1; at < min(len(text), longest); at++ {
		if text[at] != ';' {
			if numberEnds(text, at) {
				return number(text[:at]), at
			}
			continue
		}
		escaped := string(text[:at+1])
		plain := []rune(html.UnescapeString(escaped))
		if len(plain) > 0 && len(plain) <= at && string(plain) != escaped {
			return plain, at + 1
		}
		break
	}
	return nil, 0
}

// numberEnds tells whether an HTML number ends before a sign that is no digit of it.
func numberEnds(text []rune, at int) bool {
	if text[1] != '#' || at < 3 {
		return false
	}
	if text[2] == 'x' || text[2] == 'X' {
		return at > 3 && !unicode.Is(unicode.ASCII_Hex_Digit, text[at])
	}
	return text[at] < '0' || text[at] > '9'
}

// number is what HTML reads of &#64 or &#x40 without a semicolon; where that is
// nothing, the text stays.
func number(escaped []rune) []rune {
	plain := []rune(html.UnescapeString(string(escaped) + ";"))
	if len(plain) != 1 {
		return escaped
	}
	return plain
}

// hexadecimal reads some digits.
func hexadecimal(text []rune, at, digits int) (rune, bool) {
	if at+digits > len(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[at:at+digits]), 16, 32)
	return rune(n), err == nil
}
