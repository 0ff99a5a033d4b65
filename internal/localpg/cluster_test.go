package localpg_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"advocatesync/internal/localpg"
)

func start(t *testing.T, opts localpg.Options) *localpg.Cluster {
	t.Helper()
	c, err := localpg.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // a crash may have closed it
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// words reads the only column of the table word.
func words(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT word FROM word ORDER BY word")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestClusterSpeaksUTF8AndUTC(t *testing.T) {
	t.Parallel()
	conn := connect(t, start(t, localpg.Options{}).DSN("postgres"))

	for setting, want := range map[string]string{"server_encoding": "UTF8", "TimeZone": "UTC"} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestDurabilityIsAChoice(t *testing.T) {
	t.Parallel()
	for durable, want := range map[bool]string{false: "off", true: "on"} {
		t.Run(fmt.Sprint("durable ", durable), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, start(t, localpg.Options{Durable: durable}).DSN("postgres"))
			var got string
			if err := conn.QueryRow(t.Context(), "SHOW fsync").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("fsync is %s, want %s", got, want)
			}
		})
	}
}

func TestStrangerIsNotLetIn(t *testing.T) {
	t.Parallel()
	c := start(t, localpg.Options{})
	config, err := pgx.ParseConfig(c.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "guess"

	if conn, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		t.Fatalf("connected without the password (closed: %v)", conn.Close(t.Context()))
	}
}

func TestCreateDatabaseCopiesItsTemplate(t *testing.T) {
	t.Parallel()
	c := start(t, localpg.Options{})
	if err := c.CreateDatabase(t.Context(), "Form \"A\"", ""); err != nil {
		t.Fatal(err)
	}
	template, err := pgx.Connect(t.Context(), c.DSN("Form \"A\""))
	if err != nil {
		t.Fatal(err)
	}
	exec(t, template, "CREATE TABLE word (word text)")
	exec(t, template, "INSERT INTO word VALUES ('copied')")
	if err := template.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := c.CreateDatabase(t.Context(), "copy", "Form \"A\""); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"copied"}, words(t, connect(t, c.DSN("copy")))); diff != "" {
		t.Errorf("words in the copy (-want +got):\n%s", diff)
	}
	if err := c.CreateDatabase(t.Context(), "copy", ""); err == nil {
		t.Error("a second database of the same name is no error")
	}
}

func TestCrashKeepsWhatWasCommittedAndNothingElse(t *testing.T) {
	t.Parallel()
	c := start(t, localpg.Options{})
	conn := connect(t, c.DSN("postgres"))
	exec(t, conn, "CREATE TABLE word (word text)")
	exec(t, conn, "INSERT INTO word VALUES ('committed')")
	exec(t, conn, "BEGIN")
	exec(t, conn, "INSERT INTO word VALUES ('under way')")

	if err := c.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection outlived the crash")
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"committed"}, words(t, connect(t, c.DSN("postgres")))); diff != "" {
		t.Errorf("words after the crash (-want +got):\n%s", diff)
	}
	if err := c.Restart(t.Context()); err == nil {
		t.Error("restarting a running cluster is no error")
	}
}

func TestDirectoryKeepsTheClusterForTheNextStart(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	first := start(t, localpg.Options{Dir: dir})
	conn := connect(t, first.DSN("postgres"))
	exec(t, conn, "CREATE TABLE word (word text)")
	exec(t, conn, "INSERT INTO word VALUES ('kept')")

	if other, err := localpg.Start(t.Context(), localpg.Options{Dir: dir}); err == nil {
		t.Fatalf("a second cluster started in the same directory (stopped: %v)", other.Stop())
	} else if !strings.Contains(err.Error(), "another process uses the cluster") {
		t.Errorf("error is %q, want it to say that the directory is in use", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, localpg.Options{Dir: dir})

	if diff := cmp.Diff([]string{"kept"}, words(t, connect(t, second.DSN("postgres")))); diff != "" {
		t.Errorf("words after the second start (-want +got):\n%s", diff)
	}
}

func TestHalfMadeClusterIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}

	connect(t, start(t, localpg.Options{Dir: dir}).DSN("postgres"))
}

func TestBrokenClusterSaysWhatPostgreSQLSaid(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	if err := start(t, localpg.Options{Dir: dir}).Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "data", "postgresql.conf")); err != nil {
		t.Fatal(err)
	}

	c, err := localpg.Start(t.Context(), localpg.Options{Dir: dir})
	if err == nil {
		t.Fatalf("the cluster started without its configuration (stopped: %v)", c.Stop())
	}
	if !strings.Contains(err.Error(), "postgresql.conf") {
		t.Errorf("error is %q, want PostgreSQL's own words about postgresql.conf", err)
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := start(t, localpg.Options{})
	conn := connect(t, c.DSN("postgres"))
	var data string
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}

	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
	if _, err := pgx.Connect(t.Context(), c.DSN("postgres")); err == nil {
		t.Error("the cluster still takes connections")
	}
	if err := c.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

// reachable returns a temporary directory that every user may enter: run as
// root, the server is another user, and t.TempDir is closed to others.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
