package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of shell commands, and the test that says it runs it.
var block = regexp.MustCompile("(?m)^```(?:sh|bash|console)(?: by=(\\w+))?$")

// guide is the page whose blocks a test runs one after the other.
const guide = "operations.md"

// Commands in the manuals rot unless somebody runs them.
func TestEveryBlockOfCommandsInTheDocsIsRunByATest(t *testing.T) {
	t.Parallel()
	tests := testNames(t)
	found := 0
	err := filepath.WalkDir("../../docs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".md" {
			return err
		}
		page, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range block.FindAllStringSubmatch(string(page), -1) {
			found++
			switch by := m[1]; {
			case by != "" && !tests[by]:
				t.Errorf("%s: there is no test %s", name, by)
			case by == "" && filepath.Base(name) != guide:
				t.Errorf("%s has commands that no test runs; say which does: ```sh by=TestName", name)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Fatalf("%d blocks, %v", found, err)
	}
}

// testNames are the names of all tests of both modules.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("../..", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Whoever decides something, or adds a package, has to put it on the map.
func TestTheMapsNameEverythingThereIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page, mustName string // a pattern
		as             func(path string) string
	}{
		{"../../docs/decisions/README.md", "../../docs/decisions/0*.md", func(p string) string { return "](" + filepath.Base(p) + ")" }},
		{"../../README.md", "../../internal/*", func(p string) string { return "`internal/" + filepath.Base(p) + "/`" }},
	} {
		text, err := os.ReadFile(c.page)
		if err != nil {
			t.Fatal(err)
		}
		things, err := filepath.Glob(c.mustName)
		if err != nil || len(things) == 0 {
			t.Fatalf("%s: %d found, %v", c.mustName, len(things), err)
		}
		for _, thing := range things {
			if !strings.Contains(string(text), c.as(thing)) {
				t.Errorf("%s does not name %s", c.page, c.as(thing))
			}
		}
	}
}

// A promise without a proof is a wish.
func TestEveryLineOfTheFailureTablesNamesItsTest(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)[`/]")
	for number, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| What happens ") || strings.HasPrefix(line, "| Answer ") {
			continue
		}
		found := named.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("docs/failures.md:%d names no test", number+1)
		}
		for _, m := range found {
			if !tests[m[1]] {
				t.Errorf("docs/failures.md:%d: there is no test %s", number+1, m[1])
			}
		}
	}
}
