package localpg_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/localpg"
)

// ownerVar makes the test binary start a cluster and then wait to be killed.
const ownerVar = "LOCALPG_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVar) != "" {
		if err := own(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// own starts a cluster, prints its address and never stops it.
func own(ctx context.Context) error {
	c, err := localpg.Start(ctx, localpg.Options{})
	if err != nil {
		return err
	}
	fmt.Println(c.DSN("postgres"))
	select {}
}

func TestClusterDiesWithItsOwnerAndTheNextStartCleansUp(t *testing.T) {
	// Not parallel: other tests' Start would clean up first, which is right but
	// would not show who did it.
	owner := osexec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), ownerVar+"=1")
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	dsn, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dsn = strings.TrimSpace(dsn)
	var data string
	if err := connect(t, dsn).QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}

	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := owner.Wait(); err == nil {
		t.Fatal("the owner ended by itself")
	}

	eventually(t, "the cluster is gone", func() bool {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err != nil
	})
	home := filepath.Dir(data)
	if _, err := os.Stat(home); err != nil {
		t.Fatalf("nothing to clean up: %v", err)
	}
	start(t, localpg.Options{})
	if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dead owner's directory is still there: %v", err)
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // bounds a hang; the machine may be busy
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
