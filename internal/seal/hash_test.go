package seal_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
)

func newHasher(t testing.TB, peppers ...[]byte) *seal.Hasher {
	t.Helper()
	h, err := seal.NewHasher(peppers...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHasher_tellsApartWhatDiffers(t *testing.T) {
	t.Parallel()
	h := newHasher(t, key(7))
	p := bridge.Participant{AccountID: "a", UserID: "u", Email: "ann@example.com", ReferralCode: "ANN"}
	renamed := p
	renamed.FirstName = "Ann"

	tests := map[string]struct{ a, b []byte }{
		"two emails":                      {h.Email("ann@example.com"), h.Email("bob@example.com")},
		"email and contact id":            {h.Email("1"), h.ContactID("1")},
		"halves of an id swapped":         {h.Identity(bridge.Identity{AccountID: "a", UserID: "b"}), h.Identity(bridge.Identity{AccountID: "b", UserID: "a"})},
		"border between the halves moved": {h.Identity(bridge.Identity{AccountID: "ab", UserID: "c"}), h.Identity(bridge.Identity{AccountID: "a", UserID: "bc"})},
		"name and value swapped":          {h.Properties(bridge.Properties{"a": "b"}), h.Properties(bridge.Properties{"b": "a"})},
		"one property more":               {h.Properties(bridge.Properties{"a": "b"}), h.Properties(bridge.Properties{"a": "b", "c": "d"})},
		"values swapped":                  {h.Properties(bridge.Properties{"a": "1", "b": "2"}), h.Properties(bridge.Properties{"a": "2", "b": "1"})},
		"code given as cookie":            {h.Change(bridge.ParticipantChange{ReferredByCode: "x"}), h.Change(bridge.ParticipantChange{Cookie: "x"})},
		"another contact id":              {h.Change(bridge.ParticipantChange{HubSpotContactID: "1"}), h.Change(bridge.ParticipantChange{HubSpotContactID: "2"})},
		"row: first name":                 {h.Row(p, "p"), h.Row(renamed, "p")},
		"row: program":                    {h.Row(p, "p"), h.Row(p, "q")},
		"two peppers":                     {h.Email("ann@example.com"), newHasher(t, key(8)).Email("ann@example.com")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if bytes.Equal(tt.a, tt.b) {
				t.Error("same hash")
			}
		})
	}
}

func TestHasher_emptyPropertyCountsAsAbsent(t *testing.T) {
	t.Parallel()
	h := newHasher(t, key(7))
	if !bytes.Equal(h.Properties(bridge.Properties{"a": "b", "c": ""}), h.Properties(bridge.Properties{"a": "b"})) {
		t.Error("an empty value changed the hash")
	}
}

// Stored hashes outlive releases: other values would make every mapped contact
// be written again, and would lift every tombstone. These were computed apart
// from this code.
func TestHasher_staysTheSameAcrossReleases(t *testing.T) {
	t.Parallel()
	h := newHasher(t, key(7))
	tests := map[string]struct {
		got  []byte
		want string
	}{
		"email":      {h.Email("ann@example.com"), "122111645d1b9632"},
		"normalised": {h.Email(bridge.NormalEmail(" Ann@Example.com ")), "122111645d1b9632"},
		"identity":   {h.Identity(bridge.Identity{AccountID: "a", UserID: "u"}), "08091a2abeb19135"},
		"contact id": {h.ContactID("101"), "4ddc0a5f7707cdff"},
		"properties": {h.Properties(bridge.Properties{"c": "d", "a": "b"}), "789b1abcb108c736"},
		"change": {h.Change(bridge.ParticipantChange{AccountID: "a", UserID: "u", Email: "e", FirstName: "f", LastName: "l",
			ReferredByCode: "r", Cookie: "c", HubSpotContactID: "101"}), "bcef4c3ad4845b84"},
		"row": {h.Row(bridge.Participant{AccountID: "a", UserID: "u", Email: "e", FirstName: "f", LastName: "l",
			ReferralCode: "r", ShareLink: "s", HubSpotContactID: "101"}, "p"), "25e97b9f387602e4"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := fmt.Sprintf("%x", tt.got[:8]); got != tt.want {
				t.Errorf("hash starts with %s, want %s", got, tt.want)
			}
		})
	}
}

// Nobody can hash an erased email anew, so what is stored has to go over to another
// pepper by itself.
func TestHasher_carriesStoredHashesOverToAnotherPepper(t *testing.T) {
	t.Parallel()
	first, second, third := newHasher(t, key(7)), newHasher(t, key(7), key(8)), newHasher(t, key(7), key(8), key(9))
	email, id := "ann@example.com", bridge.Identity{AccountID: "a", UserID: "u"}
	tests := map[string]struct{ got, want []byte }{
		"an email, over one version":         {second.Carry(first.Email(email), 1), second.Email(email)},
		"an email, over two versions":        {third.Carry(first.Email(email), 1), third.Email(email)},
		"an identity, over the last version": {third.Carry(second.Identity(id), 2), third.Identity(id)},
		"a hash of today's version":          {third.Carry(third.Email(email), 3), third.Email(email)},
		"no hash":                            {third.Carry(nil, 1), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !bytes.Equal(tt.got, tt.want) {
				t.Errorf("carried over to %x, want %x", tt.got, tt.want)
			}
		})
	}
	if bytes.Equal(first.Email(email), second.Email(email)) {
		t.Error("the second pepper changes nothing")
	}
}

func TestHasher_knowsItsEarlierVersions(t *testing.T) {
	t.Parallel()
	h := newHasher(t, key(7), key(8))
	for name, tt := range map[string]struct {
		check []byte
		want  int
	}{
		"the first version":           {newHasher(t, key(7)).Check(), 1},
		"today's version":             {h.Check(), 2},
		"a version yet to come":       {newHasher(t, key(7), key(8), key(9)).Check(), 0},
		"the second pepper alone":     {newHasher(t, key(8)).Check(), 0},
		"another installation":        {newHasher(t, key(1)).Check(), 0},
		"something that is no check":  {[]byte("check"), 0},
		"the peppers in other order":  {newHasher(t, key(8), key(7)).Check(), 0},
		"nothing":                     {nil, 0},
		"an email, which is no check": {h.Email("check"), 0},
	} {
		if got := h.VersionOf(tt.check); got != tt.want {
			t.Errorf("%s: version %d, want %d", name, got, tt.want)
		}
	}
	if h.Version() != 2 {
		t.Errorf("two peppers are version %d", h.Version())
	}
}

// What a rotation costs for good: one more hash of 32 bytes for each hash.
func BenchmarkHasher_byVersions(b *testing.B) {
	for _, versions := range []int{1, 2, 4, 8} {
		peppers := make([][]byte, versions)
		for i := range peppers {
			peppers[i] = key(byte(i + 1))
		}
		h := newHasher(b, peppers...)
		b.Run(fmt.Sprint(versions), func(b *testing.B) {
			for b.Loop() {
				h.Email("ann@example.com")
			}
		})
	}
}

func TestHasher_printsNoPepper(t *testing.T) {
	t.Parallel()
	h := newHasher(t, []byte("0123456789abcdef0123456789abcdef"))
	if got := fmt.Sprintf("%v %+v %#v", h, *h, h); strings.Contains(got, "0123") || strings.Contains(got, "48 49 50") || strings.Contains(got, "0x30, 0x31") {
		t.Errorf("printed as %s", got)
	}
}

func TestNewHasher_refusesAShortPepperOrNone(t *testing.T) {
	t.Parallel()
	for _, peppers := range [][][]byte{{}, {key(7)[:31]}, {key(7), key(8)[:31]}} {
		if _, err := seal.NewHasher(peppers...); err == nil {
			t.Errorf("accepted %d peppers", len(peppers))
		}
	}
}
