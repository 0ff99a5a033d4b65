package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// pooled puts a PgBouncer in transaction mode in front of a database, with some
// sessions of its own, and returns the way through it. A machine without
// PgBouncer skips the test.
func pooled(t *testing.T, dsn string, sessions int) string {
	t.Helper()
	bouncer, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bouncer = "/usr/sbin/pgbouncer"; !executable(bouncer) {
			t.Skip("PgBouncer is not installed")
		}
	}
	direct, err := url.Parse(dsn)
	must(t, err)
	port := freePort(t)
	password, _ := direct.User.Password()
	dir, err := os.MkdirTemp("", "pooler") // not t.TempDir: another user has to get in
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	config := filepath.Join(dir, "pgbouncer.ini")
	must(t, os.WriteFile(config, []byte(fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
`, direct.Hostname(), direct.Port(), direct.User.Username(), password, port, sessions)), 0o644))

	args := []string{config}
	if os.Geteuid() == 0 { // as which it refuses to run
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), bouncer, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var log strings.Builder
	cmd.Stderr = &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // by now it is gone
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	through := *direct
	through.Host = net.JoinHostPort("127.0.0.1", port)
	await(t, "PgBouncer", func() bool {
		conn, err := pgx.Connect(t.Context(), through.String()+"&default_query_exec_mode=exec")
		return err == nil && conn.Close(t.Context()) == nil
	})
	return through.String()
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

func freePort(t *testing.T) string {
	t.Helper()
	var listen net.ListenConfig
	ln, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, ln.Close()) }()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	must(t, err)
	return port
}

// await polls until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestStore_worksBehindPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	opened, dsn := storetest.NewWithDSN(t)
	d := newSide(t, opened, dsn)
	d.conn = connect(t, opened, 1001)
	through := pooled(t, dsn, 2)

	behind, err := store.Open(t.Context(), through+"&default_query_exec_mode=cache_describe", storetest.Sealer(t))
	must(t, err)
	t.Cleanup(behind.Close)
	d.Store = behind
	// Many statements side by side, so that each meets sessions that have never
	// heard of it.
	failed := make(chan error)
	const writers = 8
	for w := range writers {
		go func() { failed <- d.exercise(t.Context(), w) }()
	}
	for range writers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM inbox WHERE relayed_at IS NOT NULL"); n != writers*20 {
		t.Errorf("%d events were relayed", n)
	}
}

// exercise does a bit of everything that the store does.
func (d database) exercise(ctx context.Context, writer int) error {
	budget := store.NewBudget(d.Store, store.BudgetOptions{})
	for i := range 20 {
		contact := fmt.Sprint(writer*100 + i + 1)
		_, err := d.AppendEvents(ctx, []store.Event{d.event(contact, store.EventCreated, i)})
		if err == nil {
			_, err = budget.Acquire(ctx, 1001, bridge.LaneLive)
		}
		if err == nil {
			err = d.Settle(ctx, d.conn.ID, contact, store.Settlement{State: bridge.StateAwaitingEmail})
		}
		if err == nil {
			_, err = d.Known(ctx, d.conn.ID, contact)
		}
		if err == nil {
			_, err = d.OpenWork(ctx, d.conn.ID)
		}
		if err == nil {
			_, err = d.RelayHints(ctx, 100, new(all).send)
		}
		if err != nil {
			return errors.Join(errors.New("contact "+contact), err)
		}
	}
	return nil
}

func TestOpen_saysWhatAPoolerNeeds(t *testing.T) {
	t.Parallel()
	_, dsn := storetest.NewWithDSN(t)
	through := pooled(t, dsn, 1)
	first, err := store.Open(t.Context(), through, storetest.Sealer(t))
	must(t, err)
	t.Cleanup(first.Close)
	_, err = store.Open(t.Context(), through, storetest.Sealer(t)) // gets the session that the first one prepared
	if err == nil || !strings.Contains(err.Error(), "default_query_exec_mode=cache_describe") {
		t.Errorf("error %v, want the parameter that helps", err)
	}
}
