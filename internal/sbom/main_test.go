package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
)

// self is a Go program that is always there: this test.
func self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestBill_namesTheProgramsAndWhatIsLinkedIntoThem(t *testing.T) {
	t.Parallel()
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run([]string{self(t)}, out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same program gives another bill")
	}
	var got bill
	if err := json.Unmarshal(first.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	standard := "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go")
	seen := map[string]bool{}
	for _, c := range got.Components {
		if seen[c.Ref] {
			t.Errorf("%s is listed twice", c.Ref)
		}
		seen[c.Ref] = true
	}
	if !seen["file:sbom.test"] || !seen[standard] {
		t.Errorf("the bill lacks the program or the standard library: %v", seen)
	}
	if got.Format != "CycloneDX" || !strings.HasPrefix(got.SerialNumber, "urn:uuid:") {
		t.Errorf("format %q, serial number %q", got.Format, got.SerialNumber)
	}
}

func TestBill_isRefusedForWhatIsNoGoProgram(t *testing.T) {
	t.Parallel()
	for name, programs := range map[string][]string{"nothing": nil, "a text": {"main.go"}, "nowhere": {"nowhere"}} {
		if err := run(programs, new(bytes.Buffer)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestModule_isNamedAsPackageURLsAre(t *testing.T) {
	t.Parallel()
	if got, want := goModule("github.com/docker/cli", "v29.9.3+incompatible").PURL, "pkg:golang/github.com/docker/cli@v29.9.3%2Bincompatible"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
