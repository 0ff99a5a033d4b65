package outbound

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"advocatesync/internal/bridge"
)

// CodeUnsafeID marks a call that was not made because of an id in its address.
const CodeUnsafeID = "UNSAFE_ID"

var errUnsafe = errors.New("an id cannot stand in an address: it is empty, no text, or leads to another record")

// checkPath refuses, as invalid, an address that something on the way could take
// for another one: proxies decode paths, also more than once, and drop "." and ".."
// and empty segments, also those that slashes within an id make. Java servers drop
// whatever follows a semicolon. Then the deletion of one record deletes another.
func checkPath(u *url.URL) error {
	if u.Path == "" || u.Path == "/" {
		return nil
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		segment = strings.ReplaceAll(segment, ";", "") // no id's, which we escape: parameters in an address that a vendor names
		id, err := url.PathUnescape(segment)
		if err != nil || !unambiguous(id) {
			return &bridge.Error{Kind: bridge.Invalid, Code: CodeUnsafeID, Err: errUnsafe}
		}
	}
	return nil
}

// mostDecodings is how often an address may be decoded on its way.
const mostDecodings = 3

func unambiguous(id string) bool {
	for range mostDecodings {
		if !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r == ';' }) {
			return false
		}
		parts := strings.Split(strings.ReplaceAll(id, `\`, "/"), "/")
		if slices.Contains(parts, ".") || slices.Contains(parts, "..") || parts[0] == "" || parts[len(parts)-1] == "" {
			return false // an empty part in the middle, as of "https://x", leads nowhere
		}
		decoded, err := url.PathUnescape(id)
		if err != nil || decoded == id {
			return true
		}
		id = decoded
	}
	return true
}
