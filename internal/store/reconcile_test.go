package store_test

import (
	"fmt"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// listed stages contacts that a reconcile has read.
func (d database) listed(t *testing.T, runID int64, n int) {
	t.Helper()
	at, err := d.Listing(t.Context(), runID)
	if err != nil {
		t.Fatal(err)
	}
	contacts := make([]store.ReconcileContact, n)
	for i := range contacts {
		contacts[i] = store.ReconcileContact{ID: fmt.Sprint(1000 + i), Presence: bridge.PresenceLive}
	}
	if moved, err := d.StageListed(t.Context(), runID, at, contacts, nil, ""); err != nil || !moved {
		t.Fatal(err)
	}
}

func TestPurgeListed_deletesWhatEndedReconcilesHaveListedAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, _, err := d.BeginReconcile(t.Context(), d.conn.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	const many = 12_000 // some slices
	d.listed(t, run.ID, many)
	if n, err := d.PurgeListed(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d deleted while the reconcile needs them, %v", n, err)
	}
	if err := d.CancelRun(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := d.PurgeListed(t.Context()); err != nil || n != many {
		t.Errorf("%d deleted, want all %d: %v", n, many, err)
	}
}
