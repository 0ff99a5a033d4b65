// Package archtest keeps the tree as it is drawn: which package may import
// which, and what must never end up in a production binary.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "advocatesync/"

// pkg is a package as `go list` describes it.
type pkg struct {
	ImportPath   string
	Imports      []string // by its code
	TestImports  []string // by its tests, in the package
	XTestImports []string // by its tests, outside of the package
	Deps         []string // by its code, directly or not
}

// list describes the packages that match the patterns, by import path.
func list(t *testing.T, patterns ...string) map[string]pkg {
	t.Helper()
	const root = "../.."
	seeTree(t, root)
	args := append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps"}, patterns...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	found := map[string]pkg{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[p.ImportPath] = p
	}
}

// seeTree looks at every directory of the module. The test cache knows only
// about files that a test itself has looked at, not those that `go list` read.
func seeTree(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// within reports whether an import path is one of the trees, or below one.
func within(importPath string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return importPath == tree || strings.HasPrefix(importPath, tree+"/")
	})
}

// ours cuts the module's name off an import path; ok is false for a package of
// somebody else.
func ours(importPath string) (dir string, ok bool) { return strings.CutPrefix(importPath, module) }

// standard reports whether a package is of Go's standard library, whose paths
// alone have no dot in their first element.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	_, own := ours(importPath)
	return !own && !strings.Contains(first, ".")
}

// standIn reports whether a directory of ours holds a replacement for a system
// that production has: a fake of a vendor, a database for tests, the demo.
func standIn(dir string) bool {
	return within(dir, "internal/localpg", "internal/standin", "internal/demo") || strings.HasSuffix(path.Base(dir), "test")
}

func TestProductionBinariesContainNoStandIns(t *testing.T) {
	t.Parallel()
	unwanted := []string{
		"go.temporal.io/server", "github.com/temporalio/ui-server", // belong to the demo's module
		"modernc.org/sqlite", "github.com/mattn/go-sqlite3", // Postgres only
		"go.temporal.io/sdk/testsuite",
	}
	for name, p := range list(t, "./worker", "./starter") {
		for _, dep := range p.Deps {
			if dir, own := ours(dep); own && standIn(dir) || within(dep, unwanted...) {
				t.Errorf("%s contains %s", name, dep)
			}
		}
	}
}

func TestImportArrowsPointInward(t *testing.T) {
	t.Parallel()
	anything := []string{"*"}
	tests := []struct {
		dir     string
		ours    []string // directories it may import
		foreign []string // trees it may import besides the standard library
	}{
		// The vocabulary and the rules depend on nobody, so that everybody can depend on them.
		{"internal/bridge", nil, []string{"golang.org/x/text"}},
		{"internal/config", []string{"internal/spelling"}, nil},
		{"internal/seal", []string{"internal/bridge"}, nil},
		{"internal/trigger", []string{"internal/bridge", "internal/spelling"}, []string{"cel.dev/cel-go", "go.yaml.in/yaml/v3"}},
		// A client knows its vendor and our vocabulary, not who calls it or how often.
		{"internal/hubspot", []string{"internal/bridge", "internal/lenient", "internal/outbound"}, anything},
		{"internal/csvscan", nil, nil},
		{"internal/advocate", []string{"internal/bridge", "internal/csvscan", "internal/lenient", "internal/outbound"}, anything},
		{"internal/impact", []string{"internal/bridge", "internal/lenient", "internal/outbound"}, anything},
		{"internal/outbound", []string{"internal/bridge"}, anything},
		{"internal/store", []string{"internal/bridge", "internal/seal"}, anything},
		{"internal/oauth", []string{"internal/bridge", "internal/hubspot", "internal/outbound", "internal/store"}, anything},
		// A receipt is verified by whoever has the keys, without anything else of ours.
		{"internal/receipt", nil, []string{"github.com/go-jose/go-jose/v4"}},
		// Facts are gathered for the live path and for the dry run.
		{"internal/facts", []string{"internal/bridge", "internal/hubspot", "internal/store", "internal/trigger"}, []string{"golang.org/x/sync"}},
		// Activities name the types of what they call, behind interfaces of their own.
		{"activities", []string{"internal/batching", "internal/bridge", "internal/advocate", "internal/facts", "internal/hubspot", "internal/impact", "internal/outbound", "internal/portal", "internal/seal", "internal/store", "internal/trigger"}, anything},
		// A workflow is replayed: it reaches the world through activities alone.
		{"workflows", []string{"activities", "internal/bridge"}, []string{"go.temporal.io/sdk", "go.temporal.io/api"}},
		// The API is one more way to ask the operator; it reaches nothing past it.
		{"internal/api", []string{"internal/trigger", "internal/bridge", "internal/operator", "internal/store", "workflows"}, []string{"go.yaml.in/yaml/v3", "golang.org/x/time/rate", "github.com/prometheus/client_golang"}},
		// The console is one more client of the API: it reaches nothing past it, but for who is signed in.
		{"internal/console", []string{"internal/api", "internal/bridge", "internal/operator", "internal/store", "workflows"}, []string{"github.com/alexedwards/scs/v2", "github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"}},
		{"internal/numbers", []string{"internal/store"}, nil},
		{"internal/telemetry", []string{"internal/bridge", "internal/store"}, anything},
		// Taking in fails apart from handing on: intake never needs Temporal.
		{"internal/intake", []string{"internal/bridge", "internal/lenient", "internal/outbound", "internal/store", "internal/trigger"}, []string{"github.com/go-jose/go-jose/v4", "github.com/prometheus/client_golang", "golang.org/x/net/idna", "golang.org/x/sync", "golang.org/x/time/rate"}},
		// The second ear knows nothing of Temporal either.
		{"internal/journal", []string{"internal/bridge", "internal/hubspot", "internal/store", "internal/trigger"}, anything},
		{"internal/relay", []string{"activities", "internal/batching", "internal/bridge", "internal/store", "workflows"}, anything},
		{"internal/batching", []string{"internal/bridge"}, nil},
		{"internal/tenant", []string{"internal/advocate", "internal/batching", "internal/bridge", "internal/outbound"}, nil},
	}
	packages := list(t, "./...")
	for _, tt := range tests {
		t.Run(tt.dir, func(t *testing.T) {
			t.Parallel()
			p, ok := packages[module+tt.dir]
			if !ok {
				t.Fatalf("there is no package %s", tt.dir)
			}
			for _, imported := range p.Imports {
				dir, own := ours(imported)
				switch {
				case own && slices.Contains(tt.ours, dir),
					!own && (standard(imported) || slices.Equal(tt.foreign, anything) || within(imported, tt.foreign...)):
				default:
					t.Errorf("%s must not import %s", tt.dir, imported)
				}
			}
		})
	}
}

func TestOnlyTestsAndTheDemoImportStandIns(t *testing.T) {
	t.Parallel()
	for name, p := range list(t, "./...") {
		if dir, _ := ours(name); standIn(dir) {
			continue
		}
		for _, imported := range p.Imports {
			if dir, own := ours(imported); own && standIn(dir) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

func TestNobodyImportsTheBinaries(t *testing.T) {
	t.Parallel()
	for name, p := range list(t, "./...") {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for _, binary := range []string{module + "worker", module + "starter"} {
				if within(imported, binary) && !within(name, binary) {
					t.Errorf("%s imports %s", name, imported)
				}
			}
		}
	}
}
