package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the manuals tell to measure is understood. To measure it takes minutes.
func TestBench_understandsTheArgumentsOfTheManuals(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, root+"/README.md", root+"/CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`make bench ARGS=(?:"([^"]*)"|([a-z]+))`).FindAllStringSubmatch(string(text), -1) {
			found++
			if _, wanted, err := asked(strings.Fields(m[1]+m[2]), io.Discard); err != nil || len(wanted) == 0 {
				t.Errorf("%s: bench %s%s: %v", page, m[1], m[2], err)
			}
		}
	}
	if found < 5 {
		t.Errorf("found only %d", found)
	}
}
