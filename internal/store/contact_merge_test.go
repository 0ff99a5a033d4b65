package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestMerges_areFollowedBothWays(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	merge := func(contact, survivor string) store.Event {
		e := d.event(contact, store.EventMerged, 1)
		e.MergedInto = survivor
		return e
	}
	// 501 and 502 became 700; 700 and 503 became 800. Of one of them HubSpot was asked.
	d.mustAppend(t, merge("700", ""), merge("501", "700"), merge("502", "700"))
	must(t, d.AddMerge(t.Context(), d.conn.ID, "700", "800"))
	must(t, d.AddMerge(t.Context(), d.conn.ID, "503", "800"))
	must(t, d.AddMerge(t.Context(), d.conn.ID, "501", "800"))                 // asked late: adds nothing
	_, err := d.AppendEvents(t.Context(), []store.Event{merge("501", "700")}) // told again
	must(t, err)

	for contact, want := range map[string]struct{ survivors, merged []string }{
		"501": {[]string{"700", "800"}, nil},
		"502": {[]string{"700", "800"}, nil},
		"700": {[]string{"800"}, []string{"501", "502"}},
		"800": {nil, []string{"501", "502", "503", "700"}},
		"900": {nil, nil},
	} {
		survivors, err := d.Survivors(t.Context(), d.conn.ID, contact)
		must(t, err)
		merged, err := d.MergedInto(t.Context(), d.conn.ID, contact)
		must(t, err)
		slices.Sort(survivors)
		slices.Sort(merged)
		if diff := cmp.Diff(want.survivors, survivors, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("survivors of %s: %s", contact, diff)
		}
		if diff := cmp.Diff(want.merged, merged, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("merged into %s: %s", contact, diff)
		}
	}
}

func TestErase_forgetsWhoWasMergedIn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "501", "zoe")
	must(t, d.EndMapping(t.Context(), d.conn.ID, "501", bridge.EndedMerged, store.Settlement{State: bridge.StateMergedAway,
		EmailHash: []byte("e"), Parked: []bridge.ParkedItem{{Cause: bridge.CauseParticipantLeft}}}))
	d.link(t, "700", "ann")
	d.link(t, "900", "zoe") // shares what the merge left

	erasure := d.erasure("700", "ann")
	erasure.ContactIDs = append(erasure.ContactIDs, "501")
	erasure.Identities = append(erasure.Identities, person("zoe").Identity())
	orphaned, err := d.Erase(t.Context(), erasure)
	must(t, err)
	if diff := cmp.Diff([]string{"900"}, orphaned); diff != "" {
		t.Error(diff)
	}
	for _, contact := range []string{"501", "700"} {
		k := d.known(t, contact)
		if k.Ledger.State != bridge.StateErased || !k.Erased || k.Mapping != nil || k.Former != nil || k.EmailHash != nil {
			t.Errorf("contact %s: %+v", contact, k)
		}
	}
	if diff := cmp.Diff(map[string]bridge.Cause{"900": bridge.CauseParticipantErased}, d.openItems(t)); diff != "" {
		t.Error(diff)
	}
}
