package bridge

import (
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Redacted takes the place of personal data in a vendor's message.
const Redacted = "[redacted]"

// Redact takes personal values, and whatever looks like an email or a hash, out of
// text that a vendor wrote. Vendors quote what they refuse, and escape it on the way: a value
// is found in any letter case, as it is, and escaped for JSON, for an address or for
// HTML, also several times over. Text that is not UTF-8 comes back valid.
//
// A value of one to three letters or digits counts as a whole word only, so that a
// short name does not blank ordinary words.
func Redact(text string, personal ...string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	var values [][]rune
	for _, value := range personal {
		if folded := fold([]rune(strings.TrimSpace(value))); len(folded) > 0 {
			values = append(values, folded)
		}
	}
	hidden := make([]bool, len(text))
	hide := func(from, to place) {
		for i := from.start; i < to.end; i++ {
			hidden[i] = true
		}
	}
	for layer, escaped := plainLayer(text), true; escaped; layer, escaped = layer.unescape() {
		folded := fold(layer.runes)
		for _, value := range values {
			for _, at := range occurrences(folded, value) {
				hide(layer.places[at], layer.places[at+len(value)-1])
			}
		}
		for _, found := range append(addresses(folded), hashes(folded)...) {
			hide(layer.places[found[0]], layer.places[found[1]-1])
		}
	}
	return blank(text, hidden)
}

// blank puts one mark in the place of each run of hidden bytes.
func blank(text string, hidden []bool) string {
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			out.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
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

// occurrences finds a value, which is not empty. Both are folded.
func occurrences(text, value []rune) []int {
	var found []int
	for at := 0; at+len(value) <= len(text); at++ {
		if matches(text[at:], value) && (!wordLike(value) || alone(text, at, at+len(value))) {
			found = append(found, at)
		}
	}
	return found
}

// matches compares the beginning of text. Forms in addresses write a plus for a space.
func matches(text, value []rune) bool {
	for i, r := range value {
		if text[i] != r && !(unicode.IsSpace(r) && (text[i] == '+' || unicode.IsSpace(text[i]))) {
			return false
		}
	}
	return true
}

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
		return i >= 0 && i < len(text) && (unicode.IsLetter(text[i]) || unicode.IsDigit(text[i]))
	}
	return !inWord(from-1) && !inWord(to)
}

// addresses finds what looks like an email, as ranges of runes. No vendor's own
// words have letters on both sides of an @.
func addresses(text []rune) [][2]int {
	var found [][2]int
	for at, r := range text {
		if r != '@' {
			continue
		}
		from, to := at, at+1
		for from > 0 && !strings.ContainsRune(" \t\r\n\u00a0<>()[]{}\",;:=|\\", text[from-1]) {
			from--
		}
		for to < len(text) && (unicode.IsLetter(text[to]) || unicode.IsMark(text[to]) || unicode.IsDigit(text[to]) || strings.ContainsRune(".-_@", text[to])) {
			to++
		}
		if from < at && to > at+1 {
			found = append(found, [2]int{from, to})
		}
	}
	return found
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

// unescape undoes one round of escaping, of whatever kinds it finds. It reports
// whether there was any. As every escape is longer than what it stands for, rounds
// come to an end.
func (l layer) unescape() (layer, bool) {
	var out layer
	for i := 0; i < len(l.runes); {
		plain, length := unescapeAt(l.runes[i:])
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

// unescapeJSON reads \u0040, a pair of surrogates, \x40, and \ before anything else.
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
	case 'x':
		r, ok := hexadecimal(text, 2, 2)
		return r, map[bool]int{true: 4}[ok]
	case 'n', 'r', 't', 'b', 'f':
		return ' ', 2
	default:
		return text[1], 2
	}
}

// unescapeURL reads %40, and as many more bytes as make a rune.
func unescapeURL(text []rune) (rune, int) {
	var raw []byte
	for at := 0; len(raw) < utf8.UTFMax && at < len(text) && text[at] == '%'; at += 3 {
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

// unescapeHTML reads &#64;, &#x40; and &commat;.
func unescapeHTML(text []rune) ([]rune, int) {
	const longest = 34 // the longest name that HTML has, with its ends
	for at := 1; at < min(len(text), longest); at++ {
		if text[at] != ';' {
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

// hexadecimal reads some digits.
func hexadecimal(text []rune, at, digits int) (rune, bool) {
	if at+digits > len(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[at:at+digits]), 16, 32)
	return rune(n), err == nil
}
