package store_test

import (
	"bytes"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

func sealer(t *testing.T, keys ...byte) *seal.Sealer {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, bytes.Repeat([]byte{k}, seal.KeySize))
	}
	s, err := seal.NewSealer(all[0], all[1:]...)
	must(t, err)
	return s
}

// The key of the tests' databases is 1; it is replaced by 2 while work goes on.
func TestReseal_lastsUntilTheOldKeyMayGo(t *testing.T) {
	t.Parallel()
	old, dsn := storetest.NewWithDSN(t)
	c := connect(t, old, 1001)
	consented, err := old.SaveConsented(t.Context(),
		bridge.Connection{PortalID: 2002, Tenant: "acme", Program: "p1"}, store.Credentials{AdvocateKey: "k"},
		bridge.Tokens{Access: "a", Refresh: "r", ExpiresIn: time.Hour})
	must(t, err)
	_, err = old.SaveIntent(t.Context(), store.Intent{Tenant: "acme", Program: "p1"}, "link", time.Hour)
	must(t, err)

	if _, err := store.Open(t.Context(), dsn, sealer(t, 2)); err == nil {
		t.Fatal("the new key alone opened what the old one sealed")
	}
	both, err := store.Open(t.Context(), dsn, sealer(t, 2, 1))
	must(t, err)
	defer both.Close()
	n, err := both.Reseal(t.Context())
	must(t, err)
	if n != 6 { // the pepper, the receipts' key, two connections' credentials, one's tokens, an intent
		t.Errorf("%d texts sealed anew, want 6", n)
	}
	n, err = both.Reseal(t.Context())
	must(t, err)
	if n != 0 {
		t.Errorf("%d texts sealed anew again", n)
	}

	alone, err := store.Open(t.Context(), dsn, sealer(t, 2))
	must(t, err)
	defer alone.Close()
	credentials, _, err := alone.Credentials(t.Context(), c.ID)
	must(t, err)
	if credentials != secrets {
		t.Error("the credentials are others")
	}
	tokens, err := alone.Tokens(t.Context(), consented.ID)
	must(t, err)
	if tokens.Access != "a" || tokens.Refresh != "r" {
		t.Error("the tokens are others")
	}
	_, err = alone.IntentOf(t.Context(), "link")
	must(t, err)
	if !bytes.Equal(alone.Hasher().Email("ann@shop.example"), old.Hasher().Email("ann@shop.example")) {
		t.Error("the keyed hashes are others: tombstones would be lifted")
	}
}

// Whoever adds a sealed column has to let it be sealed anew.
func TestReseal_knowsEverySealedColumn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	rows, err := d.side.Query(t.Context(), `
SELECT table_name || '.' || column_name FROM information_schema.columns
 WHERE table_schema = current_schema() AND data_type = 'bytea' AND column_name !~ '(^|_)hash$'
   AND table_name <> 'console_session'`) // the library's own encoding of what is no secret
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var column string
		must(t, rows.Scan(&column))
		if !store.SealedColumns()[column] {
			t.Errorf("column %s: sealed, and not known to Reseal? A hash is called so", column)
		}
	}
	must(t, rows.Err())
}
