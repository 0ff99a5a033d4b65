package localpg

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// account is the user that runs the server. The zero value is the current one.
type account struct {
	name       string
	credential *syscall.Credential
}

// unprivileged returns the account to run as. Root runs the server as
// PostgreSQL's own user or, where there is none, nobody.
func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	var last error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			last = err
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("user %s: %w", name, err)
		}
		return account{name, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, fmt.Errorf("PostgreSQL does not run as root, and there is no other user for it: %w", last)
}

// own gives a file or directory to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// attributes are those of a child process that runs as the account. It gets a
// process group of its own, which keeps the terminal's Ctrl-C away from it: we
// decide when the database goes, after those who use it.
func (a account) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: a.credential}
}

// reachHint explains the usual cause of a "permission denied" below dir.
func (a account) reachHint(dir string) string {
	if a.credential == nil {
		return ""
	}
	return fmt.Sprintf("(running as the user %s, who must be able to enter every directory on the way to %s)", a.name, dir)
}

// environment is ours without the variables that configure PostgreSQL and with
// messages in English.
func environment() []string {
	env := []string{}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			env = append(env, v)
		}
	}
	return append(env, "LC_ALL=C")
}

// command is the server, ready to be started.
func (c *Cluster) command(log *os.File) *exec.Cmd {
	cmd := exec.Command(c.server, c.arguments()...) //nolint:noctx // must outlive the call that starts it
	cmd.Dir, cmd.Env = c.home.dir, environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = c.account.attributes()
	dieWithParent(cmd.SysProcAttr)
	return cmd
}

// process is a running child.
type process struct {
	child *os.Process
	done  chan struct{} // closed when the child has ended
}

// launch starts cmd. "Parent" means to Linux the thread that started the child,
// and Go ends idle threads; so the child's own goroutine keeps its thread until
// the child has ended.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		if err == nil {
			p.child = cmd.Process
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	return p, <-started
}

// end sends the signal and waits until the child is gone. One that is still
// there after the timeout is killed, which is an error.
func (p *process) end(how syscall.Signal, timeout time.Duration) error {
	patience := time.NewTimer(timeout)
	defer patience.Stop()
	_ = p.child.Signal(how) // fails only if the child has ended already
	select {
	case <-p.done:
		return nil
	case <-patience.C:
	}
	_ = p.child.Kill()
	<-p.done
	return fmt.Errorf("PostgreSQL did not stop within %s and was killed", timeout)
}
