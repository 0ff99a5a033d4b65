package deploy

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instructions are the Dockerfile's lines, each a word and its rest. The file
// has no continued lines.
func instructions(t *testing.T) [][2]string {
	t.Helper()
	text, err := os.ReadFile(root + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var all [][2]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, `\`) {
			t.Fatalf("a continued line, which this test cannot read: %s", line)
		}
		if word, rest, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") {
			all = append(all, [2]string{word, rest})
		}
	}
	return all
}

// stages are the Dockerfile's stages by name: their own instructions after those
// of the stages they begin with.
func stages(t *testing.T) map[string][][2]string {
	t.Helper()
	all, current := map[string][][2]string{}, ""
	for _, in := range instructions(t) {
		if in[0] == "FROM" {
			from, name, ok := strings.Cut(in[1], " AS ")
			if !ok {
				t.Fatalf("a stage without a name: FROM %s", in[1])
			}
			current = name
			all[current] = slices.Clone(all[from])
		}
		all[current] = append(all[current], in)
	}
	return all
}

func TestDockerfile_finalImagesAreBareAndNobodyIsRoot(t *testing.T) {
	t.Parallel()
	numeric := regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`)
	for _, name := range []string{"advocatesync", "standins"} {
		user, base := "", ""
		for _, in := range stages(t)[name] {
			switch in[0] {
			case "USER":
				user = in[1]
			case "FROM":
				if base == "" {
					base, _, _ = strings.Cut(in[1], " AS ")
				}
			case "RUN":
				t.Errorf("%s runs %s, and has nothing to run it with", name, in[1])
			}
		}
		if base != "scratch" || !numeric.MatchString(user) {
			t.Errorf("%s: base %q, user %q", name, base, user)
		}
	}
	for _, in := range stages(t)["build"] {
		if image, _, _ := strings.Cut(in[1], " AS "); in[0] == "FROM" && !pinned.MatchString(image) {
			t.Errorf("the image %q is not pinned", image)
		}
	}
}

// The image is built by what anybody can run: the test runs the Dockerfile's own
// build steps in two folders, and compares. That an image has the same programs is
// checked by .ci/compose.
func TestDockerfile_buildsTheSameBinariesEverywhere(t *testing.T) {
	t.Parallel()
	first, second := build(t, root), build(t, clone(t))
	for _, program := range []string{"out/worker", "out/starter", "standins/standin"} {
		if first[program] == ([32]byte{}) {
			t.Errorf("no %s was built: %v", program, first)
		}
	}
	if len(first) != 3 {
		t.Errorf("built %d programs, want 3", len(first))
	}
	for program, sum := range first {
		if second[program] != sum {
			t.Errorf("%s differs from build to build", program)
		}
	}
}

// clone copies the sources that git knows, changed ones included, to another folder.
func clone(t *testing.T) string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755), os.WriteFile(filepath.Join(to, name), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// build runs the Dockerfile's go builds on some sources and returns the hash of
// each program.
func build(t *testing.T, sources string) map[string][32]byte {
	t.Helper()
	out, ran := t.TempDir(), 0
	for _, in := range stages(t)["build"] {
		if in[0] != "RUN" || !strings.Contains(in[1], "go build") {
			continue
		}
		ran++
		line := strings.NewReplacer("-o /", "-o "+out+"/").Replace(in[1])
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", line)
		cmd.Dir, cmd.Env = sources, append(os.Environ(), "VERSION=1.2.3", "COMMIT=0123abc")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, text)
		}
	}
	if ran == 0 {
		t.Fatal("the Dockerfile builds nothing")
	}
	for _, program := range [][]string{{out + "/out/starter", "version"}, {out + "/out/worker", "--version"}} {
		said, err := exec.CommandContext(t.Context(), program[0], program[1:]...).Output()
		if err != nil || !strings.HasPrefix(string(said), "advocatesync 1.2.3 (commit 0123abc, go") {
			t.Errorf("%s says %q, %v", filepath.Base(program[0]), said, err)
		}
	}
	sums := map[string][32]byte{}
	files, err := filepath.Glob(out + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		program, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(program, []byte(os.Getenv("HOME")+"/")) && len(os.Getenv("HOME")) > 1 {
			t.Errorf("%s names the builder's folders", file)
		}
		name, _ := filepath.Rel(out, file)
		sums[name] = sha256.Sum256(program)
	}
	return sums
}
