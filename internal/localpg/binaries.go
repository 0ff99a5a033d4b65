package localpg

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
)

// ErrNotInstalled says that the machine has no PostgreSQL server. The error
// that wraps it names the command that installs one.
var ErrNotInstalled = errors.New("PostgreSQL is not installed on this machine")

// knownDirs are where packagers put the server's executables without adding
// them to PATH, as patterns.
var knownDirs = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew, Apple silicon
	"/usr/local/opt/postgresql*/bin",                     // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew, Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/Library/PostgreSQL/*/bin",                          // EDB's installer
}

// binaries are the two executables a cluster needs, of one installation.
type binaries struct{ initdb, postgres string }

// find looks through path, a PATH, and then through dirs, which are patterns.
// What is on PATH wins, because it is somebody's choice; among the others the
// highest major version does.
func find(path string, dirs []string) (binaries, error) {
	for _, dir := range filepath.SplitList(path) {
		for _, name := range []string{"initdb", "postgres"} {
			// Often only one of the two is linked into a directory on PATH.
			target, err := filepath.EvalSymlinks(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			if b, ok := inDir(filepath.Dir(target)); ok {
				return b, nil
			}
		}
		if b, ok := inDir(dir); ok {
			return b, nil
		}
	}
	for _, dir := range newestFirst(dirs) {
		if b, ok := inDir(dir); ok {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("%w: %s", ErrNotInstalled, advice(runtime.GOOS, os.Geteuid() == 0, exec.LookPath))
}

func inDir(dir string) (binaries, bool) {
	b := binaries{filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")}
	return b, executable(b.initdb) && executable(b.postgres)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

var digits = regexp.MustCompile(`\d+`)

// newestFirst returns the directories that match, highest version first.
func newestFirst(patterns []string) []string {
	var dirs []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern is an error, and ours are constants
		}
		dirs = append(dirs, matches...)
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(major(b), major(a)) })
	return dirs
}

// major returns the last number in a path like ".../postgresql@17/bin", or 0.
func major(path string) int {
	numbers := digits.FindAllString(path, -1)
	if len(numbers) == 0 {
		return 0
	}
	n, err := strconv.Atoi(numbers[len(numbers)-1])
	if err != nil {
		return 0
	}
	return n
}

// advice returns the one command that installs PostgreSQL on this system.
func advice(goos string, root bool, lookPath func(string) (string, error)) string {
	if goos == "darwin" {
		return "run `brew install postgresql@17`"
	}
	for _, manager := range []struct{ executable, command string }{
		{"apt-get", "apt-get install postgresql"},
		{"dnf", "dnf install postgresql-server"},
		{"apk", "apk add postgresql"},
		{"pacman", "pacman -S postgresql"},
		{"zypper", "zypper install postgresql-server"},
	} {
		if _, err := lookPath(manager.executable); err != nil {
			continue
		}
		if root {
			return "run `" + manager.command + "`"
		}
		return "run `sudo " + manager.command + "`"
	}
	return "install the PostgreSQL server with your package manager and put `initdb` and `postgres` on PATH"
}
