package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandLine finds the commands in a page's inline code, blocks and tables.
var commandLine = regexp.MustCompile("(?m)(?:^ *|`|, )starter ((?:[a-z-]+ ?)+(?:[^`\n|&>]*))")

// manuals are the pages for operators.
func manuals(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, file := range append(files, "../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[file] = string(text)
	}
	return pages
}

// What the manuals tell to type is understood: command and flags exist.
func TestManuals_nameOnlyCommandsThatExist(t *testing.T) {
	t.Parallel()
	found := 0
	for file, page := range manuals(t) {
		for _, m := range commandLine.FindAllStringSubmatch(page, -1) {
			found++
			line := strings.NewReplacer("...", "", `"`, "").Replace(m[1])
			args := append(strings.Fields(line), "--help")
			a := &app{getenv: func(string) string { return "" }, in: strings.NewReader(""), out: io.Discard, log: io.Discard}
			if err := run(t.Context(), args, a); err != nil {
				t.Errorf("%s: starter %s: %v", file, line, err)
			}
		}
	}
	if found < 40 {
		t.Errorf("found only %d commands in the manuals", found)
	}
}
