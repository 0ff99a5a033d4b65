package browser

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// axe-core looks for what keeps people with disabilities out of a page. It comes
// from npm when a test wants it, and is kept in the user's cache: its licence
// (MPL-2.0) asks for more than this project wants to carry, for a tool that is not
// shipped.
const (
	axeVersion = "4.14.1"
	axeSHA512  = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==" // of the package, as npm's registry has it
)

// Axe is axe-core, to be run on pages.
type Axe struct{ script string }

// NewAxe gets axe-core. A machine that has it not and cannot get it fails the test.
func NewAxe(t *testing.T) Axe {
	t.Helper()
	script, err := axeScript(t.Context())
	if err != nil {
		t.Fatalf("axe-core %s: %v", axeVersion, err)
	}
	return Axe{script: script}
}

// axeScript is the script, from the cache or from npm.
func axeScript(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "advocatesync")
	name := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	packed, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		packed, err = packAxe(ctx, dir, name)
	}
	if err != nil {
		return "", err
	}
	if sum := sha512.Sum512(packed); base64.StdEncoding.EncodeToString(sum[:]) != axeSHA512 {
		return "", fmt.Errorf("%s is not the package that this project knows: remove it", name)
	}
	return unpack(packed, "package/axe.min.js")
}

// packAxe has npm fetch the package, and keeps it under a name.
func packAxe(ctx context.Context, dir, name string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(dir, "pack-") // so that two tests at once do not meet
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a folder of the cache
	cmd := exec.CommandContext(ctx, "npm", "pack", "axe-core@"+axeVersion, "--silent", "--pack-destination", work)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack: %w\n%s", err, out)
	}
	got := filepath.Join(work, filepath.Base(name))
	if err := os.Rename(got, name); err != nil {
		return nil, err
	}
	return os.ReadFile(name)
}

// unpack returns a file of an npm package.
func unpack(packed []byte, file string) (string, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		if header.Name == file {
			content, err := io.ReadAll(files)
			return string(content), err
		}
	}
}

// axeRun runs all rules for WCAG 2.0 to 2.2, levels A and AA. The rule of target
// sizes is new in 2.2, and off unless it is named.
const axeRun = `axe.run(document, {
  resultTypes: ["violations"],
  runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
  rules: {"target-size": {enabled: true}},
}).then((found) => JSON.stringify(found.violations.flatMap((v) => v.nodes.map((n) =>
  v.id + " (" + v.help + "): " + n.html.slice(0, 200) + " – " + n.failureSummary.replace(/\s+/g, " ")))))`

// Violations lists what of the tab's page violates WCAG 2.2 AA, as far as a program
// can tell.
func (a Axe) Violations(tab *Tab) []string {
	tab.t.Helper()
	if !Value[bool](tab, "typeof axe !== 'undefined'") {
		Value[struct{}](tab, a.script+"; undefined")
	}
	var found []string
	if err := json.Unmarshal([]byte(Value[string](tab, axeRun)), &found); err != nil {
		tab.t.Fatal(err)
	}
	return found
}
