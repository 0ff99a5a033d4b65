package workflows_test

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// kept is all that is kept or handed out, by place: each table of a dump, receipts
// and exports.
func kept(t *testing.T, s *wiringtest.System) map[string]string {
	t.Helper()
	places, dump := map[string]string{}, string(s.Dump(t))
	for _, m := range regexp.MustCompile(`(?s)COPY public\.(\w+) [^\n]*\n(.*?)\\\.\n`).FindAllStringSubmatch(dump, -1) {
		places["the table "+m[1]] = strings.ToLower(m[2])
	}
	for _, m := range regexp.MustCompile(`CREATE (?:UNLOGGED )?TABLE public\.(\w+)`).FindAllStringSubmatch(dump, -1) {
		if _, searched := places["the table "+m[1]]; !searched {
			t.Errorf("the rows of table %s are not searched", m[1])
		}
	}
	documents := exported(t, s.Operator)
	for _, e := range erasures(t, s) {
		if !e.ForgottenAt.IsZero() {
			signed, err := s.Operator.Receipt(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, signed)
		}
	}
	for _, document := range documents {
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(document, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		places["receipts and exports"] += strings.ToLower(string(payload))
	}
	return places
}

// names tells in which form a place names a value.
func names(text, value string) bool {
	value = strings.ToLower(value)
	return strings.Contains(text, value) || strings.Contains(text, hex.EncodeToString([]byte(value))) ||
		strings.Contains(text, strings.ToLower(base64.StdEncoding.EncodeToString([]byte(value))))
}

// After an erasure nothing that is kept, table by table, and nothing that is handed
// out about it, names the person.
func TestErasure_leavesNothingInAnyTableReceiptOrExport(t *testing.T) {
	t.Parallel()
	const email = "zephyrine.quux@privacy.example"
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{
		"email": email, "firstname": "Zephyrine", "lastname": "Quuxworth", bridge.PropReferralCookie: "not a cookie of Quuxworth!",
	})
	live(t, s, id, created())
	wantParked(t, s, bridge.CauseCookieDropped)
	user, _ := s.Tenant.User(email, email)
	canaries := []string{email, "Zephyrine", "Quuxworth", user.ID, user.ReferralCodes[wiringtest.Program]}
	before := kept(t, s)
	if len(before) < 20 || !names(before["the table mapping"], user.ID) {
		t.Fatalf("the search looks at the wrong places: %d", len(before))
	}

	erase(t, s, id)
	live(t, s, id, heardErasure(t, s, id))

	wantState(t, s, id, bridge.StateErased)
	for place, text := range kept(t, s) {
		for _, canary := range canaries {
			if names(text, canary) {
				t.Errorf("%s names %q", place, canary)
			}
		}
	}
}
