package bridge

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// NormalEmail returns the form in which emails are compared, hashed and used as
// participant ids. Spellings that people and mail servers take for the same address
// become the same text: Unicode composes accents (NFC), invisible characters
// (zero-width space, soft hyphen, byte order mark, variation selectors, tags) are
// removed, letter case is folded, and spaces around the address are trimmed. An
// ASCII address is lower-cased, nothing else.
//
// Case folding is Unicode's simple one, so letters that differ by more than case
// stay distinct: "ß" from "ss", and "ı" from "i". Letters of the same shape stay
// distinct as well (no NFKC): fullwidth letters are kept.
func NormalEmail(email string) string {
	visible := strings.Map(dropInvisible, email)
	folded := strings.Map(foldCase, norm.NFC.String(visible))
	// After folding, a letter may compose with the accent that follows it.
	return strings.TrimSpace(norm.NFC.String(folded))
}

// EmailSpellings returns the forms in which a vendor that compares emails byte by
// byte may store an email: the normal form, then the given one in lower case, then
// the one with its accents decomposed. An ASCII email has one form, an empty email
// has none.
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

func dropInvisible(r rune) rune {
	if invisible(r) {
		return -1
	}
	return r
}

// invisible reports whether a character is not drawn: Unicode's format characters
// (category Cf) and its other default-ignorable code points.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// foldCase maps the letters that differ only in case to one of them: the lower-case
// form of the smallest. Both small sigmas become one, and the long s becomes s. A
// letter without case variants stays.
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
