package localpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Temporary homes are named so that a later process can tell those whose owner
// has died (see sweep). A home gets its final name only once it is locked.
const (
	draftPattern = "localpg-draft-*"
	homePrefix   = "localpg-home-"
)

// home is the directory of a cluster:
//
//	data/          what initdb made; complete once it has this name
//	password       of the superuser
//	postgres.log   what the server said
//	lock           held by the process that uses the home
type home struct {
	dir       string
	temporary bool
	lock      *os.File
}

func (h *home) data() string     { return filepath.Join(h.dir, "data") }
func (h *home) password() string { return filepath.Join(h.dir, "password") }
func (h *home) log() string      { return filepath.Join(h.dir, "postgres.log") }

// openHome takes hold of dir, or of a new temporary directory where dir is
// empty, and gives it to the account that runs the server.
func openHome(dir string, runAs account) (*home, error) {
	if dir == "" {
		return openTemporaryHome(runAs)
	}
	// An absolute path: the server's working directory is not ours.
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	h := &home{dir: dir}
	if h.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := runAs.own(dir); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func openTemporaryHome(runAs account) (*home, error) {
	sweep(os.TempDir())
	draft, err := os.MkdirTemp("", draftPattern)
	if err != nil {
		return nil, err
	}
	h := &home{dir: draft, temporary: true}
	if h.lock, err = lockDir(draft); err != nil {
		return nil, errors.Join(err, h.close())
	}
	final := filepath.Join(filepath.Dir(draft), homePrefix+rand.Text())
	if err := os.Rename(draft, final); err != nil {
		return nil, errors.Join(err, h.close())
	}
	h.dir = final
	if err := runAs.own(final); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// sweep removes temporary homes whose owner was killed before it could. Each
// is some 40 MB, and every interrupted test run would leave one.
func sweep(parent string) {
	homes, err := filepath.Glob(filepath.Join(parent, homePrefix+"*"))
	if err != nil {
		return // only a malformed pattern is an error
	}
	for _, dir := range homes {
		lock, err := lockDir(dir)
		if err != nil {
			continue // in use, or another user's
		}
		_ = (&home{dir: dir, temporary: true, lock: lock}).close() // tidying up must not keep anybody from starting
	}
}

// lockDir takes the lock of a home. It goes with the process that holds it,
// however that ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another process uses the cluster in %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// close removes a temporary home and gives any other free.
func (h *home) close() error {
	var errs []error
	if h.temporary {
		errs = append(errs, os.RemoveAll(h.dir))
	}
	if h.lock != nil {
		errs = append(errs, h.lock.Close())
		h.lock = nil
	}
	return errors.Join(errs...)
}

// initialize makes the cluster's files, unless they are there, and returns the
// superuser's password.
func (h *home) initialize(ctx context.Context, initdb string, runAs account, durable bool) (string, error) {
	if _, err := os.Stat(h.data()); err == nil {
		password, err := os.ReadFile(h.password())
		return string(password), err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	password := rand.Text()
	if err := os.WriteFile(h.password(), []byte(password), 0o600); err != nil {
		return "", err
	}
	if err := runAs.own(h.password()); err != nil {
		return "", err
	}
	// Under another name first: a process killed half-way leaves no directory
	// that looks like a cluster.
	draft := h.data() + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return "", err
	}
	args := []string{"-D", draft, "-U", superuser, "-A", "scram-sha-256", "--pwfile", h.password(), "-E", "UTF8", "--locale=C"}
	if !durable {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, initdb, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = h.dir, environment(), runAs.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w:\n%s%s", err, out, runAs.reachHint(h.dir))
	}
	return password, os.Rename(draft, h.data())
}

// logTail returns the end of the server's log: what it said last.
func (h *home) logTail() []byte {
	const limit = 2000 // bytes; a failed start says what is wrong in its last lines
	log, err := os.ReadFile(h.log())
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(log[max(0, len(log)-limit):])
}
