package workflows_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/receipt"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// exported is all that is exported, page by page.
func exported(t *testing.T, o *operator.Operator) (pages []string) {
	t.Helper()
	for next := ""; ; {
		page, following, err := o.ExportErasures(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
		if next = following; next == "" {
			return pages
		}
	}
}

// replayed replays all pages and returns what came of them together.
func replayed(t *testing.T, o *operator.Operator, pages []string) (all operator.Replayed) {
	t.Helper()
	for _, page := range pages {
		r, err := o.ReplayErasures(t.Context(), page, bridge.Caller{Name: "dpo"})
		if err != nil {
			t.Fatal(err)
		}
		all.Tombstones, all.Begun, all.Known, all.Ended = all.Tombstones+r.Tombstones, all.Begun+r.Begun, all.Known+r.Known, all.Ended+r.Ended
		all.UnknownPortals = append(all.UnknownPortals, r.UnknownPortals...)
	}
	return all
}

// The restore drill: a dump is made, five people are erased, the dump is restored,
// and the erasures are replayed. The five are gone again, whoever else there is
// stays, and the receipts that were given out still verify.
func TestRestoreDrill_theErasedAreGoneAgain(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	var people []string
	email := func(i int) string { return fmt.Sprintf("person-%d@shop.example", i) }
	for i := range 6 {
		people = append(people, mappedContact(t, s, email(i)))
	}
	erasedIDs, bystander := people[:5], people[5]
	dump := s.Dump(t)

	var receipts []string
	for _, id := range erasedIDs {
		erase(t, s, id)
		live(t, s, id, heardErasure(t, s, id))
		wantState(t, s, id, bridge.StateErased)
	}
	for _, e := range erasures(t, s) {
		signed, err := s.Operator.Receipt(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, signed)
	}
	pages := exported(t, s.Operator)
	for i := range erasedIDs {
		if strings.Contains(strings.Join(pages, ""), email(i)) {
			t.Error("the export names a person")
		}
	}

	s.Restore(t, dump)

	for _, id := range erasedIDs {
		wantState(t, s, id, bridge.StateMapped) // they are back: that is what the drill is about
	}
	got := replayed(t, s.Operator, pages)
	if got.Begun != 5 || got.Tombstones == 0 || got.Known != 0 || len(got.UnknownPortals) != 0 {
		t.Errorf("replayed %+v", got)
	}
	again := submits(t, s, email(0)) // before anything else is done
	live(t, s, again, created())
	wantState(t, s, again, bridge.StateErased)
	for id, heard := range relayed(t, s) {
		live(t, s, id, heard)
	}

	for i, id := range erasedIDs {
		wantState(t, s, id, bridge.StateErased)
		wantParticipant(t, s, email(i), false)
	}
	wantState(t, s, bystander, bridge.StateMapped)
	s.InStep(t, bystander, email(5), email(5))
	for _, e := range erasures(t, s) {
		if e.Open() || e.Source != store.ErasureByReplay || e.RequestedBy != "dpo" {
			t.Errorf("%+v", e)
		}
	}
	if twice := replayed(t, s.Operator, pages); twice.Begun != 0 || twice.Tombstones != 0 || twice.Known != 5 {
		t.Errorf("replayed again: %+v", twice)
	}
	keys, err := s.Operator.ReceiptKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, signed := range receipts {
		if _, err := receipt.Verify(signed, keys); err != nil {
			t.Errorf("a receipt from before: %v", err)
		}
	}
}

// The pepper's drill, with the vendors: it is replaced after an erasure, and whoever
// was erased stays out, under email and participant alike. Everybody else goes on, and
// costs no write. What was exported before is still understood.
func TestPepperDrill_theErasedStayOutUnderAnotherPepper(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const other = "bystander@shop.example"
	id, bystander := mappedContact(t, s, ann), mappedContact(t, s, other)
	erase(t, s, id)
	live(t, s, id, heardErasure(t, s, id))
	wantState(t, s, id, bridge.StateErased)
	pages := exported(t, s.Operator)

	s.RotatePepper(t)

	again := submits(t, s, ann)
	live(t, s, again, created())
	wantState(t, s, again, bridge.StateErased)
	wantParticipant(t, s, ann, false)
	s.HubSpot.ResetCounts()
	live(t, s, bystander, created())
	wantState(t, s, bystander, bridge.StateMapped)
	s.InStep(t, bystander, other, other)
	if n := s.HubSpot.Counts().Calls[batchUpdate]; n != 0 {
		t.Errorf("%d writes for a contact that did not change", n)
	}
	if got := replayed(t, s.Operator, pages); got.Begun != 0 || got.Tombstones != 0 || got.Known != 1 {
		t.Errorf("an export from before the rotation: %+v", got)
	}
}

// submits has somebody fill in a form in HubSpot, which makes a contact also of an
// erased email, and returns the contact's id.
func submits(t *testing.T, s *wiringtest.System, email string) string {
	t.Helper()
	form, err := s.Portal.DefineForm(hubspottest.Form{Name: "Newsletter", Fields: []string{"email"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Portal.SubmitForm(form, map[string]string{"email": email}, "https://shop.example"); err != nil {
		t.Fatal(err)
	}
	id, _ := s.ContactByEmail(t, email)
	return id
}

// relayed is all that the inbox holds, by contact.
func relayed(t *testing.T, s *wiringtest.System) map[string]bridge.Hints {
	t.Helper()
	heard := map[string]bridge.Hints{}
	_, err := s.Store.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
		for _, c := range batch {
			heard[c.ContactID] = heard[c.ContactID].Merge(c.Hints)
		}
		return make([]error, len(batch))
	})
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

// heardErasure is HubSpot telling of a privacy deletion, and what the contact's life
// hears of it.
func heardErasure(t *testing.T, s *wiringtest.System, id string) bridge.Hints {
	t.Helper()
	_, err := s.Store.AppendEvents(t.Context(), []store.Event{{
		ConnectionID: s.Connection.ID, ContactID: id, Kind: store.EventErased, OccurredAt: erased().ErasedAt, DedupeKey: "erased/" + id,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return due(t, s, id)
}

// erasures are all on record, the first first.
func erasures(t *testing.T, s *wiringtest.System) []store.ErasureRecord {
	t.Helper()
	all, err := s.Store.Erasures(t.Context(), s.Connection.ID, false, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

func TestReplayErasures_refusesWhatThisInstallationDidNotExport(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	e, err := s.Store.RequestErasure(t.Context(), s.Connection.ID, id, "dpo", erased().ErasedAt)
	if err != nil {
		t.Fatal(err)
	}
	own := exported(t, s.Operator)
	last := own[len(own)-1]
	tests := map[string]string{
		"another installation's": foreignExport(t),
		"changed":                last[:len(last)/2] + "AAAA" + last[len(last)/2+4:],
		"cut off":                last[:len(last)-10],
		"a receipt":              signedReceipt(t, s, e.ID),
		"nothing":                "",
	}
	for name, page := range tests {
		if _, err := s.Operator.ReplayErasures(t.Context(), page, bridge.Caller{Name: "dpo"}); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// foreignExport is an export that somebody else has signed.
func foreignExport(t *testing.T) string {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	page, err := receipt.SignExport(receipt.Export{Version: receipt.ExportVersion}, key)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// signedReceipt is signed with the installation's key all right.
func signedReceipt(t *testing.T, s *wiringtest.System, id int64) string {
	t.Helper()
	key, err := s.Store.ReceiptSigner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := receipt.Sign(receipt.Receipt{Version: receipt.Version, ErasureID: id}, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
