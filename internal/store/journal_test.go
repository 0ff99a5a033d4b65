package store_test

import (
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestJournal_onlyItsReaderMovesTheOffset(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.ClaimJournal(t.Context(), "one", time.Minute)
	must(t, err)
	_, err = d.ClaimJournal(t.Context(), "two", time.Minute)
	wantKind(t, err, bridge.NotFound)
	wantKind(t, d.AdvanceJournal(t.Context(), "two", "b", at(1)), bridge.NotFound)
	must(t, d.AdvanceJournal(t.Context(), "one", "a", at(2)))
	must(t, d.AdvanceJournal(t.Context(), "one", "b", at(1))) // the moment never goes back

	d.exec(t, "UPDATE journal SET held_until = now() - interval '1 second'")
	wantKind(t, d.AdvanceJournal(t.Context(), "one", "c", at(3)), bridge.NotFound)
	j, err := d.ClaimJournal(t.Context(), "two", time.Minute)
	must(t, err)
	if j.Offset != "b" || !j.Until.Equal(at(2)) {
		t.Errorf("it goes on from %+v", j)
	}
	must(t, d.ReleaseJournal(t.Context(), "one")) // somebody else's lease
	wantKind(t, d.RestartJournal(t.Context(), "one", "", at(4)), bridge.NotFound)
}

func TestJournal_aGapIsClosedUnlessAnotherWasNotedSince(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.ClaimJournal(t.Context(), "one", time.Minute)
	must(t, err)
	must(t, d.NoteJournalPortal(t.Context(), 1001, "", false))
	must(t, d.NoteJournalPortal(t.Context(), 1002, "the app is not installed", false))
	gaps := func() (open []store.JournalPortal) {
		all, err := d.JournalPortals(t.Context())
		must(t, err)
		for _, p := range all {
			if !p.GapAt.IsZero() {
				open = append(open, p)
			}
		}
		return open
	}
	must(t, d.RestartJournal(t.Context(), "one", "", at(1)))
	first := gaps()
	if len(first) != 1 || first[0].PortalID != 1001 {
		t.Fatalf("gaps %+v, want one of the portal that is recorded", first)
	}
	must(t, d.NoteJournalPortal(t.Context(), 1001, "", true))
	must(t, d.CloseJournalGap(t.Context(), first[0]))
	second := gaps()
	if len(second) != 1 {
		t.Fatal("a gap that was noted since is closed with the earlier one")
	}
	must(t, d.CloseJournalGap(t.Context(), second[0]))
	if len(gaps()) != 0 {
		t.Error("the gap stays")
	}
}
