package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

func TestOpen_againKeepsThePepper(t *testing.T) {
	t.Parallel()
	first, dsn := storetest.NewWithDSN(t)
	second, err := store.Open(t.Context(), dsn, storetest.Sealer(t))
	must(t, err)
	defer second.Close()
	must(t, second.Ping(t.Context()))
	if !bytes.Equal(first.Hasher().Email("ann@example.com"), second.Hasher().Email("ann@example.com")) {
		t.Error("another pepper")
	}
}

func TestOpen_namesAWrongKey(t *testing.T) {
	t.Parallel()
	_, dsn := storetest.NewWithDSN(t)
	other, err := seal.NewSealer(bytes.Repeat([]byte{9}, seal.KeySize))
	must(t, err)
	_, err = store.Open(t.Context(), dsn, other)
	if !errors.Is(err, seal.ErrUnknownKey) || !strings.Contains(err.Error(), "ENCRYPTION_KEY") {
		t.Errorf("error %v", err)
	}
}

func TestOpen_unreachableDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), "postgres://app:hidden@127.0.0.1:1/none?sslmode=disable", storetest.Sealer(t))
	wantKind(t, err, bridge.Unavailable)
	if err != nil && strings.Contains(err.Error(), "hidden") {
		t.Error(err)
	}
}

func TestOpen_atOnceOnANewDatabase(t *testing.T) {
	t.Parallel()
	s, dsn := storetest.NewWithDSN(t)
	d := newSide(t, s, dsn)
	d.exec(t, "DROP SCHEMA public CASCADE")
	d.exec(t, "CREATE SCHEMA public")

	const callers = 4
	hashes := make(chan []byte, callers)
	for range callers {
		go func() {
			opened, err := store.Open(t.Context(), dsn, storetest.Sealer(t))
			if err != nil {
				t.Error(err)
				hashes <- nil
				return
			}
			hashes <- opened.Hasher().ContactID("101")
			opened.Close()
		}()
	}
	first := <-hashes
	for range callers - 1 {
		if !bytes.Equal(first, <-hashes) {
			t.Error("two processes have two peppers")
		}
	}
}

func TestCancelledCallsSaySo(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Connections(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
