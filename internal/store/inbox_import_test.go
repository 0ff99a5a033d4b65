package store_test

import (
	"context"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestAppendObjectEvents_keepsThatAnImportMadeTheChange(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	at := time.Now().UTC().Truncate(time.Millisecond)
	told := store.ObjectEvent{ConnectionID: d.conn.ID, ObjectType: bridge.ObjectDeal, ObjectID: "9", Kind: store.ObjectChanged,
		Property: "dealstage", OccurredAt: at, DedupeKey: "one change"}
	byImport := told
	byImport.Imported = true
	// By the journal, which does not know; by the webhook; by the journal again.
	for _, e := range []store.ObjectEvent{told, byImport, told} {
		if _, err := d.AppendObjectEvents(t.Context(), []store.ObjectEvent{e}); err != nil {
			t.Fatal(err)
		}
	}
	var heard []store.ObjectHints
	if _, err := d.RelayObjects(t.Context(), 10, func(_ context.Context, batch []store.ObjectHints) []error {
		heard = batch
		return make([]error, len(batch))
	}); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 1 || !heard[0].Hints.ByImport("dealstage", at) {
		t.Errorf("heard %+v", heard)
	}
}

// HubSpot may tell one change twice within one request, and the journal as well.
func TestAppendObjectEvents_takesAChangeThatIsToldTwiceAtOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	told := store.ObjectEvent{ConnectionID: d.conn.ID, ObjectType: "deal", ObjectID: "1", Kind: store.ObjectChanged, Property: "dealstage", OccurredAt: at(1), DedupeKey: "k"}
	again := told
	again.Imported = true
	n, err := d.AppendObjectEvents(t.Context(), []store.ObjectEvent{told, again, told})
	must(t, err)
	if imported := d.count(t, "SELECT count(*) FROM object_inbox WHERE imported"); n != 1 || imported != 1 {
		t.Errorf("%d events, %d of them by an import; want one, by an import", n, imported)
	}
}
