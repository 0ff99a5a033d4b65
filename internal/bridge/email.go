package bridge

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// NormalEmail is the one form in which emails are compared, hashed and used as
// participant ids. Two spellings that people and mail servers take for the same
// address become the same text: Unicode composes accents (NFC), format
// characters that nobody sees (category Cf: zero-width space, soft hyphen, byte
// order mark) are removed, letter case is folded, and spaces around the address
// are trimmed. An ASCII address is lower-cased, nothing else.
//
// Case folding is Unicode's simple one, so that no two letters that differ by
// more than case become one: "ß" stays apart from "ss", and "ı" from "i".
func NormalEmail(email string) string {
	visible := strings.Map(dropFormat, email)
	folded := strings.Map(foldCase, norm.NFC.String(visible))
	// A folded letter may compose with the accent that follows it.
	return strings.TrimSpace(norm.NFC.String(folded))
}

// EmailSpellings are the forms under which a vendor may keep an email that it
// compares as it is written: the normal one first, then the given one in lower
// case, and the one with its accents apart. An ASCII email has one; one that is
// empty has none.
func EmailSpellings(email string) []string {
	normal := NormalEmail(email)
	if normal == "" {
		return nil
	}
	spellings := []string{normal}
	for _, other := range []string{strings.ToLower(strings.TrimSpace(email)), norm.NFD.String(normal)} {
		if !slices.Contains(spellings, other) {
			spellings = append(spellings, other)
		}
	}
	return spellings
}

func dropFormat(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// foldCase maps the letters that differ only in case to one of them: the
// lower-case form of the smallest. So both small sigmas become one, and the long
// s is an s. A letter without another case stays.
func foldCase(r rune) rune {
	smallest, other := r, unicode.SimpleFold(r)
	if other == r {
		return r
	}
	for ; other != r; other = unicode.SimpleFold(other) {
		smallest = min(smallest, other)
	}
	return unicode.ToLower(smallest)
}
