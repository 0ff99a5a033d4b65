package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// install puts empty executables into a directory and returns it.
func install(t *testing.T, dir string, names ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		machine func(t *testing.T, root string) (path string)
		want    string // directory of the binaries; "" for none
	}{
		"both on PATH": {
			func(t *testing.T, root string) string {
				install(t, filepath.Join(root, "lib/9/bin"), "initdb", "postgres")
				return install(t, filepath.Join(root, "usr/bin"), "initdb", "postgres")
			},
			"usr/bin",
		},
		"one linked onto PATH leads to the other": {
			func(t *testing.T, root string) string {
				dir := install(t, filepath.Join(root, "opt/pg/bin"), "initdb", "postgres")
				link(t, filepath.Join(dir, "postgres"), filepath.Join(root, "usr/bin/postgres"))
				return filepath.Join(root, "usr/bin")
			},
			"opt/pg/bin",
		},
		"highest major outside of PATH, by number": {
			func(t *testing.T, root string) string {
				install(t, filepath.Join(root, "lib/9/bin"), "initdb", "postgres")
				install(t, filepath.Join(root, "lib/17/bin"), "initdb", "postgres")
				install(t, filepath.Join(root, "lib/16/bin"), "initdb", "postgres")
				return ""
			},
			"lib/17/bin",
		},
		"a client-only installation does not count": {
			func(t *testing.T, root string) string {
				install(t, filepath.Join(root, "lib/17/bin"), "psql")
				install(t, filepath.Join(root, "lib/16/bin"), "initdb", "postgres")
				return install(t, filepath.Join(root, "usr/bin"), "psql", "initdb")
			},
			"lib/16/bin",
		},
		"nothing installed": {
			func(_ *testing.T, root string) string { return filepath.Join(root, "usr/bin") },
			"",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// macOS keeps its temporary directory behind a link.
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			path := tt.machine(t, root)

			got, err := find(path, []string{filepath.Join(root, "lib/*/bin")})

			if tt.want == "" {
				if !errors.Is(err, ErrNotInstalled) {
					t.Fatalf("find returned %v, %v; want ErrNotInstalled", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(root, tt.want)
			if want := (binaries{filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")}); got != want {
				t.Errorf("found %v, want %v", got, want)
			}
		})
	}
}

func TestAdviceNamesOneCommand(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		goos    string
		root    bool
		manager string
		want    string
	}{
		"root on Debian":   {"linux", true, "apt-get", "run `apt-get install postgresql`"},
		"a user on Debian": {"linux", false, "apt-get", "run `sudo apt-get install postgresql`"},
		"root on Fedora":   {"linux", true, "dnf", "run `dnf install postgresql-server`"},
		"macOS":            {"darwin", false, "", "run `brew install postgresql@17`"},
		"an unknown Linux": {"linux", false, "", "put `initdb` and `postgres` on PATH"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look := func(executable string) (string, error) {
				if executable == tt.manager {
					return "/usr/bin/" + executable, nil
				}
				return "", os.ErrNotExist
			}
			if got := advice(tt.goos, tt.root, look); !strings.HasSuffix(got, tt.want) {
				t.Errorf("advice is %q, want %q", got, tt.want)
			}
		})
	}
}
