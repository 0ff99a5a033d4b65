package supply

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root = "../.."
	page = root + "/docs/licences.md"
)

var update = flag.Bool("update", false, "write docs/licences.md anew")

// module is a module of somebody else's that is linked into what we ship.
type module struct{ Path, Dir string }

// linked are the modules of everything that the images hold.
func linked(t *testing.T) []module {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Module", "./worker", "./starter", "./internal/standin")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]module{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ Module *module }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil && p.Module.Path != "advocatesync" {
			found[p.Module.Path] = *p.Module
		}
	}
	var all []module
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// known are the licences that we may ship under, by words that are in no other's
// text. A licence that is not here is looked at by a person before it is added.
var known = []struct {
	name  string // SPDX's
	words []string
}{
	{"Apache-2.0", []string{"Apache License", "Version 2.0"}},
	{"MPL-2.0", []string{"Mozilla Public License Version 2.0"}},
	{"ISC", []string{"Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
	{"MIT", []string{"Permission is hereby granted, free of charge, to any person obtaining a copy"}},
	{"BSD-3-Clause", []string{"Redistributions in binary form must reproduce the above copyright notice", "endorse or promote products derived"}},
	{"BSD-2-Clause", []string{"Redistributions in binary form must reproduce the above copyright notice"}},
}

// elsewhere says of modules without a file of their own under which licence their
// owners publish them, and where that is said.
var elsewhere = map[string]string{
	// One file that is generated from a definition of Nexus's, whose other modules,
	// such as nexus-rpc/sdk-go, are all under this licence. Temporal's API needs it.
	"github.com/nexus-rpc/nexus-proto-annotations": "none in its folder; its owner's other modules are under MIT",
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)([.-].*)?$`)

// licences are the names of the licences in a module's own folder.
func licences(t *testing.T, m module) []string {
	t.Helper()
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if name := recognise(string(text)); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// recognise returns SPDX's name of a licence's text, or "" for one that is not known.
func recognise(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	for _, licence := range known {
		if !slices.ContainsFunc(licence.words, func(words string) bool { return !strings.Contains(flat, words) }) {
			return licence.name
		}
	}
	return ""
}

func TestLicences_areKnownAndListed(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString("# Licences\n\nOf the modules that are linked into `worker`, `starter` and the stand-ins, as their own folders name them. The bill of materials in\n" +
		"each image (`/usr/share/advocatesync/sbom.cdx.json`) has the same modules with their versions and checksums.\n\n| Module | Licence |\n|---|---|\n")
	for _, m := range linked(t) {
		names := licences(t, m)
		if said, ok := elsewhere[m.Path]; ok && len(names) == 0 {
			names = []string{said}
		}
		if len(names) == 0 || slices.Contains(names, "") {
			t.Errorf("%s: has no licence that we know: %q", m.Path, names)
		}
		fmt.Fprintf(&want, "| `%s` | %s |\n", m.Path, strings.Join(names, ", "))
	}
	if *update {
		if err := os.WriteFile(page, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Error("docs/licences.md is not up to date: go test -C .ci/supply -run Licences -update")
	}
}

func TestRecognise_takesNoUnknownTextForALicence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"All rights reserved.":                         "",
		"GNU GENERAL PUBLIC LICENSE Version 3":         "",
		"Apache License\n   Version 2.0, January 2004": "Apache-2.0",
	} {
		if got := recognise(text); got != want {
			t.Errorf("%q is taken for %q, want %q", text, got, want)
		}
	}
}
