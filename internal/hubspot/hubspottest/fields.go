package hubspottest

import (
	"encoding/binary"
	"slices"
)

// fields holds the property values of one record, packed into one string as
// (key, length, bytes)*: a map per record would cost several times as much
// memory, and a million records are one pointer each for the collector.
// Empty values are not kept, HubSpot does not tell them from absent ones.
type fields string

// change sets one property; an empty value clears it.
type change struct {
	key   int
	value string
}

func (f fields) each(visit func(key int, value string) bool) {
	for len(f) > 0 {
		key, n := uvarint(f)
		f = f[n:]
		size, n := uvarint(f)
		f = f[n:]
		if !visit(int(key), string(f[:size])) {
			return
		}
		f = f[size:]
	}
}

func (f fields) get(key int) string {
	found := ""
	f.each(func(k int, v string) bool {
		if k == key {
			found = v
		}
		return k != key
	})
	return found
}

// with returns the values after the changes; keys for which keep is false are dropped.
func (f fields) with(changes []change, keep func(key int) bool) fields {
	size := len(f)
	for _, c := range changes {
		size += len(c.value) + 8
	}
	out := make([]byte, 0, size)
	f.each(func(k int, v string) bool {
		changed := slices.ContainsFunc(changes, func(c change) bool { return c.key == k })
		if !changed && keep(k) {
			out = appendField(out, k, v)
		}
		return true
	})
	for _, c := range changes {
		if c.value != "" {
			out = appendField(out, c.key, c.value)
		}
	}
	return fields(out)
}

func appendField(out []byte, key int, value string) []byte {
	out = binary.AppendUvarint(out, uint64(key))
	out = binary.AppendUvarint(out, uint64(len(value)))
	return append(out, value...)
}

// uvarint is binary.Uvarint for a string.
func uvarint(s fields) (uint64, int) {
	var x uint64
	for i := range len(s) {
		b := s[i]
		x |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return x, i + 1
		}
	}
	return x, len(s)
}
