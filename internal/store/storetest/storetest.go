// Package storetest gives every test a migrated database of its own, on one
// private PostgreSQL cluster per test binary.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/localpg"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

const template = "template"

var (
	shared  = &server{} // of this test binary
	numbers atomic.Int64
)

// server starts the cluster when the first test asks for a database.
type server struct {
	once    sync.Once
	cluster *localpg.Cluster
	err     error
}

// Main runs a package's tests and then stops the cluster, if one was needed:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
//
// Without it the cluster ends with the process all the same, but leaves its
// directory behind.
func Main(m *testing.M) {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// New returns an empty, migrated store for one test and closes it when the test
// ends. A machine without PostgreSQL skips the test.
func New(t testing.TB) *store.Store {
	t.Helper()
	s, _ := NewWithDSN(t)
	return s
}

// NewWithDSN is New for a test that also looks at the database itself, or opens
// it a second time with Sealer.
func NewWithDSN(t testing.TB) (*store.Store, string) {
	t.Helper()
	dsn := database(t, template)
	s, err := store.Open(t.Context(), dsn, Sealer(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, dsn
}

// Dump returns a database as pg_dump writes it, for Restore.
func Dump(t testing.TB, dsn string) []byte {
	t.Helper()
	return client(t, nil, "pg_dump", "--clean", "--if-exists", "--no-owner", dsn)
}

// Restore puts a database back as it was when it was dumped, under the feet of
// whoever is connected.
func Restore(t testing.TB, dsn string, dump []byte) {
	t.Helper()
	client(t, dump, "psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", dsn)
}

// Rotate replaces the pepper of a store from store.OpenAlone, once the server has
// noticed that those who were connected are gone.
func Rotate(t testing.TB, s *store.Store, recoveryKey []byte) store.PepperRotation {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		r, err := s.RotatePepper(t.Context(), recoveryKey)
		if err == nil {
			return r
		}
		if bridge.KindOf(err) != bridge.Conflict || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// client runs one of PostgreSQL's own programs. A machine without it skips the test.
func client(t testing.TB, input []byte, name string, args ...string) []byte {
	t.Helper()
	path, err := localpg.Client(name)
	if errors.Is(err, localpg.ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	return out
}

// NewEmpty returns the address of a database without a schema, for a test that
// brings its own.
func NewEmpty(t testing.TB) string {
	t.Helper()
	return database(t, "")
}

// database makes a database for one test, as a copy of another one or empty.
func database(t testing.TB, of string) (dsn string) {
	t.Helper()
	cluster, err := shared.get()
	if errors.Is(err, localpg.ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := "test" + strconv.FormatInt(numbers.Add(1), 10)
	if err := cluster.CreateDatabase(t.Context(), name, of); err != nil {
		t.Fatal(err)
	}
	return cluster.DSN(name)
}

// Sealer returns a sealer with the key of all test databases.
func Sealer(t testing.TB) *seal.Sealer {
	t.Helper()
	s, err := newSealer()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSealer() (*seal.Sealer, error) {
	return seal.NewSealer(bytes.Repeat([]byte{1}, seal.KeySize))
}

func (s *server) get() (*localpg.Cluster, error) {
	// Not a test's context: the cluster serves the tests that come after it.
	s.once.Do(func() { s.err = s.start(context.Background()) })
	return s.cluster, s.err
}

// start makes the template: copying a migrated database takes milliseconds.
func (s *server) start(ctx context.Context) error {
	var err error
	if s.cluster, err = localpg.Start(ctx, localpg.Options{ManyDatabases: true}); err != nil {
		return err
	}
	if err := s.cluster.CreateDatabase(ctx, template, ""); err != nil {
		return err
	}
	sealer, err := newSealer()
	if err != nil {
		return err
	}
	migrated, err := store.Open(ctx, s.cluster.DSN(template), sealer)
	if err != nil {
		return err
	}
	migrated.Close() // a template must have no connections
	return nil
}

func (s *server) stop() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.Stop()
}
