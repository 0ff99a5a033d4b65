package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
)

// shell is a bash that somebody types into, block by block.
type shell struct {
	stdin  *bufio.Writer
	stdout *bufio.Scanner
	typed  int
}

func newShell(t *testing.T, env []string) *shell {
	t.Helper()
	// It has to outlive the test's own context, to stop what it started.
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc")
	cmd.Dir, cmd.Env, cmd.WaitDelay = t.TempDir(), env, 5*time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // what was started in the background has been stopped
		stop()
	})
	s := &shell{stdin: bufio.NewWriter(in), stdout: bufio.NewScanner(out)}
	s.run(t, "set -m") // job control, as a person has it
	return s
}

// run types a block, fails the test if any of its commands fails, and returns
// what it printed.
func (s *shell) run(t *testing.T, block string) string {
	t.Helper()
	s.typed++
	end := fmt.Sprintf("-- end of block %d: ", s.typed)
	// Not in a subshell: variables and jobs stay. The first failure is kept.
	fmt.Fprintf(s.stdin, "failed=0; trap 'failed=$?' ERR\n%s\necho \"%s$failed\"\n", block, end)
	if err := s.stdin.Flush(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for s.stdout.Scan() {
		line := s.stdout.Text()
		if code, ended := strings.CutPrefix(line, end); ended {
			if code != "0" {
				t.Fatalf("exit code %s of\n%s\nit said\n%s", code, block, said.String())
			}
			return said.String()
		}
		said.WriteString(line + "\n")
	}
	t.Fatalf("the shell ended in\n%s\nit said\n%s", block, said.String())
	return ""
}

var guideBlock = regexp.MustCompile("(?ms)^```sh\n(.*?\n)```$")

// A stranger follows the operations guide from an empty database to a restored
// one, and types nothing but what it says.
func TestOperationsGuide(t *testing.T) {
	s := start(t, stack.Options{Bare: true})
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.portal.Seed("contacts", "", map[string]string{"email": person(0)}); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := s.tenant.Join(person(n), "Person", "Joined"); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"SOURCE=" + root}
	for _, variable := range append(s.Env(), stack.Credentials()...) {
		if !strings.HasPrefix(variable, "ENCRYPTION_KEY=") && !strings.HasPrefix(variable, "ADMIN_TOKEN=") {
			env = append(env, variable)
		}
	}
	bash := newShell(t, env)
	t.Cleanup(func() { bash.run(t, "kill -TERM $(jobs -p) 2>/dev/null || true; wait || true") })

	said := map[string]string{} // by the block's last line
	for _, m := range guideBlock.FindAllStringSubmatch(string(page), -1) {
		lines := strings.Split(strings.TrimSpace(m[1]), "\n")
		said[lines[len(lines)-1]] = bash.run(t, m[1])
	}
	if len(said) < 8 {
		t.Fatalf("the guide has only %d blocks", len(said))
	}
	for n := range 3 {
		id := s.contactOf(person(n))
		if id == "" || !s.inStep(id, person(n)) {
			t.Errorf("person %d is not in step after the guide's mass sync", n)
		}
	}
	if out := said["starter connection list"]; !strings.Contains(out, strconv.FormatInt(s.portal.ID(), 10)) {
		t.Errorf("the restored database does not have the connection:\n%s", out)
	}
}
