package store_test

import (
	"bytes"
	"errors"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

func recoveryKey(b byte) []byte { return bytes.Repeat([]byte{b}, seal.KeySize) }

// The drill: the encryption key is lost, and with it everything that it has sealed
// but for the pepper. Erased people stay out, receipts verify, and connections go on
// once their credentials are given again. The key of the tests' databases is 1.
func TestRecoveryDrill_tombstonesOutliveTheEncryptionKey(t *testing.T) {
	t.Parallel()
	before, dsn := storetest.NewWithDSN(t)
	c := connect(t, before, 1001)
	gone := before.Hasher().Email("ann@example.com")
	must(t, before.AddTombstone(t.Context(), c.ID, gone))
	keys, err := before.ReceiptKeys(t.Context())
	must(t, err)
	set, err := before.SetRecoveryKey(t.Context(), recoveryKey(9), true)
	must(t, err)
	if again, err := before.SetRecoveryKey(t.Context(), recoveryKey(8), true); !set || again || err != nil {
		t.Errorf("set %t, again %t, %v", set, again, err)
	}
	before.Close()

	if _, err := store.Open(t.Context(), dsn, sealer(t, 2)); err == nil {
		t.Fatal("another key opens the database")
	}
	if _, err := store.Recover(t.Context(), dsn, sealer(t, 2), recoveryKey(8)); !errors.Is(err, store.ErrWrongRecoveryKey) {
		t.Errorf("a wrong recovery key: %v", err)
	}
	lost, err := store.Recover(t.Context(), dsn, sealer(t, 2), recoveryKey(9))
	must(t, err)
	if len(lost.Connections) != 1 || lost.Connections[0] != c.ID {
		t.Errorf("lost %+v", lost)
	}

	after, err := store.Open(t.Context(), dsn, sealer(t, 2))
	must(t, err)
	defer after.Close()
	erased, err := after.Erased(t.Context(), c.ID, after.Hasher().Email("ann@example.com"))
	must(t, err)
	if !erased {
		t.Error("the tombstone means nothing any more")
	}
	all, err := after.ReceiptKeys(t.Context())
	must(t, err)
	if len(all) != 2 || !bytes.Equal(all[1], keys[0]) {
		t.Errorf("%d keys verify receipts, want the old one and a new one", len(all))
	}
	_, err = after.ReceiptSigner(t.Context())
	must(t, err)
	if credentials, _, err := after.Credentials(t.Context(), c.ID); err != nil || credentials != (store.Credentials{}) {
		t.Errorf("credentials %v, %v", credentials, err)
	}
	must(t, second(after.SaveConnection(t.Context(), bridge.Connection{PortalID: 1001, Tenant: c.Tenant, Program: c.Program}, secrets)))
	if credentials, _, err := after.Credentials(t.Context(), c.ID); err != nil || credentials != secrets {
		t.Errorf("given again: %v, %v", credentials, err)
	}
	_, err = store.Recover(t.Context(), dsn, sealer(t, 2), recoveryKey(9))
	wantKind(t, err, bridge.Conflict) // and nothing is lost by it
}

func TestRecover_needsAKeyThatWasSet(t *testing.T) {
	t.Parallel()
	s, dsn := storetest.NewWithDSN(t)
	if has, err := s.HasRecoveryKey(t.Context()); has || err != nil {
		t.Errorf("has one: %t, %v", has, err)
	}
	if _, err := store.Recover(t.Context(), dsn, sealer(t, 2), recoveryKey(0)); !errors.Is(err, store.ErrWrongRecoveryKey) {
		t.Errorf("recovered without a recovery key: %v", err)
	}
	must(t, second(s.SetRecoveryKey(t.Context(), recoveryKey(9), false)))
	must(t, second(s.SetRecoveryKey(t.Context(), recoveryKey(8), false))) // replaces it
	for key, want := range map[byte]bool{9: false, 8: true} {
		if opened, err := s.OpenedBy(t.Context(), recoveryKey(key)); opened != want || err != nil {
			t.Errorf("key %d opens: %t, %v", key, opened, err)
		}
	}
	if has, err := s.HasRecoveryKey(t.Context()); !has || err != nil {
		t.Errorf("has one: %t, %v", has, err)
	}
}

// What was to be sent when the key was lost is evaluated again; what may have been
// sent is not.
func TestRecover_sendsNothingTwice(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "ann")}))
	d.track(t, d.tracking("pending", "101", store.TrackedPending))
	begun := d.track(t, d.tracking("begun", "101", store.TrackedPending))
	must(t, second(d.BeginSend(t.Context(), begun)))
	must(t, second(d.SetRecoveryKey(t.Context(), recoveryKey(9), true)))

	lost, err := store.Recover(t.Context(), d.dsn, sealer(t, 2), recoveryKey(9))
	must(t, err)
	if lost.Requests != 1 { // both are of one deal
		t.Errorf("%d records are evaluated again", lost.Requests)
	}
	if _, told := d.heardObjects(t)["deal 9"]; !told {
		t.Error("the deal is not evaluated again")
	}
	if id := d.track(t, d.tracking("pending", "101", store.TrackedPending)); id == 0 {
		t.Error("what was never sent cannot be sent")
	}
	if id := d.track(t, d.tracking("begun", "101", store.TrackedPending)); id != 0 {
		t.Error("what may have been sent is sent again")
	}
}
