package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"advocatesync/internal/seal"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, seal.KeySize) }

func newSealer(t *testing.T, key []byte, older ...[]byte) *seal.Sealer {
	t.Helper()
	s, err := seal.NewSealer(key, older...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealer_opensOnlyWhatBelongs(t *testing.T) {
	t.Parallel()
	plain := []byte("secret")
	sealed := newSealer(t, key(1)).Seal(plain, "place")
	altered := bytes.Clone(sealed)
	altered[len(altered)-1] ^= 1

	tests := map[string]struct {
		sealer  *seal.Sealer
		sealed  []byte
		context string
		want    error
	}{
		"same key, same context":     {newSealer(t, key(1)), sealed, "place", nil},
		"rotated: the key is older":  {newSealer(t, key(2), key(1)), sealed, "place", nil},
		"the key is gone":            {newSealer(t, key(2)), sealed, "place", seal.ErrUnknownKey},
		"moved to another place":     {newSealer(t, key(1)), sealed, "elsewhere", seal.ErrCorrupt},
		"altered":                    {newSealer(t, key(1)), altered, "place", seal.ErrCorrupt},
		"cut off after the key id":   {newSealer(t, key(1)), sealed[:4], "place", seal.ErrCorrupt},
		"shorter than a key id":      {newSealer(t, key(1)), sealed[:3], "place", seal.ErrCorrupt},
		"nothing at all":             {newSealer(t, key(1)), nil, "place", seal.ErrCorrupt},
		"sealed by the newer of two": {newSealer(t, key(2)), newSealer(t, key(2), key(1)).Seal(plain, "p"), "p", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.sealer.Open(tt.sealed, tt.context)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && !bytes.Equal(got, plain) {
				t.Errorf("opened %q, want %q", got, plain)
			}
		})
	}
}

func TestSealer_knowsWhatAnOlderKeySealed(t *testing.T) {
	t.Parallel()
	rotated := newSealer(t, key(2), key(1))
	for name, tt := range map[string]struct {
		sealed []byte
		want   bool
	}{
		"sealed by the first key": {rotated.Seal([]byte("secret"), "place"), true},
		"sealed by an older one":  {newSealer(t, key(1)).Seal([]byte("secret"), "place"), false},
		"blank":                   {nil, false},
	} {
		if got := rotated.Current(tt.sealed); got != tt.want {
			t.Errorf("%s: current %t, want %t", name, got, tt.want)
		}
	}
}

func TestSealer_neverRepeatsItself(t *testing.T) {
	t.Parallel()
	s := newSealer(t, key(1))
	if bytes.Equal(s.Seal([]byte("secret"), "place"), s.Seal([]byte("secret"), "place")) {
		t.Error("sealed the same text twice to the same bytes")
	}
}

func TestNewSealer_refusesKeysOfTheWrongLength(t *testing.T) {
	t.Parallel()
	for _, keys := range [][][]byte{{nil}, {key(1)[:16]}, {key(1), key(2)[:31]}} {
		if _, err := seal.NewSealer(keys[0], keys[1:]...); err == nil {
			t.Errorf("accepted keys of %d bytes, older: %d", len(keys[0]), len(keys)-1)
		}
	}
}
