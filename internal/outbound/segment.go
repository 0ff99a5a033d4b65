package outbound

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"advocatesync/internal/bridge"
)

// mostDecodings is how often proxies on the way may decode an address.
const mostDecodings = 3

var errUnsafe = errors.New("an id cannot stand in an address: it is empty, no text, or leads to another record")

// Segment escapes an id as one segment of a path, slashes included. It refuses, as
// invalid, an id that a proxy could turn into another record's address: proxies
// decode paths and drop "." and ".." and empty segments, also those between the
// slashes of an id.
func Segment(op, id string) (string, error) {
	if !safe(id) {
		return "", &bridge.Error{Kind: bridge.Invalid, Op: op, Code: "UNSAFE_ID", Err: errUnsafe}
	}
	return url.PathEscape(id), nil
}

func safe(id string) bool {
	for range mostDecodings {
		if !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
		for part := range strings.SplitSeq(strings.ReplaceAll(id, `\`, "/"), "/") {
			if part == "" || part == "." || part == ".." {
				return false
			}
		}
		decoded, err := url.PathUnescape(id)
		if err != nil || decoded == id {
			return true
		}
		id = decoded
	}
	return true
}
