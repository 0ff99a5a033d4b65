package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manuals are all pages that tell somebody what to type.
func manuals(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/decisions/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pages[file] = string(text)
		}
	}
	return pages
}

// Commands of the starter are checked beside them, in starter/manual_test.go.
func TestManuals_nameOnlyTargetsTestsAndScriptsThatExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	var (
		target = regexp.MustCompile("(?m)(?:^ {4}|`|&& |^)make ([a-z][a-z-]+)")
		run    = regexp.MustCompile(`go test.* -run[ =]'?([\w|]+)`)
		script = regexp.MustCompile("`(\\.ci/[a-z-]+)`")
	)
	found := 0
	for file, page := range manuals(t) {
		for _, m := range target.FindAllStringSubmatch(page, -1) {
			found++
			if !strings.Contains(string(makefile), "\n"+m[1]+": ") {
				t.Errorf("%s: make cannot %s", file, m[1])
			}
		}
		for _, m := range run.FindAllStringSubmatch(page, -1) {
			for name := range strings.SplitSeq(m[1], "|") {
				found++
				if !anyContains(tests, name) {
					t.Errorf("%s: no test is called %s", file, name)
				}
			}
		}
		for _, m := range script.FindAllStringSubmatch(page, -1) {
			found++
			if _, err := os.Stat("../../" + m[1]); err != nil {
				t.Errorf("%s: there is no %s", file, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("found only %d", found)
	}
}

// anyContains reports whether a test would be run by a pattern.
func anyContains(tests map[string]bool, pattern string) bool {
	for name := range tests {
		if strings.Contains(name, pattern) {
			return true
		}
	}
	return false
}

// ranBy says of each command that the manuals tell somebody to type, but for the
// starter's, what runs it: a test, or a file that has the same command, or that has it
// in the words after the colon. A command that nothing runs says why.
var ranBy = []struct{ command, by string }{
	{"make test", ".ci/run"},
	{"make lint", ".ci/test"},
	{"make demo", ".ci/test"},
	{"make build", "TestOperationsGuide"},
	{"make bench", "TestBench_understandsTheArgumentsOfTheManuals"},
	{"make model", "nothing: it lives through new sequences for an hour; TestModel lives through a few"},
	{"make pictures", "nothing: it writes pictures; TestConsole_everyPageOnEveryScreen looks at the same pages"},
	{"make record-histories", "nothing: it writes test data"},
	{"make record-release", "nothing: it writes test data; TestUpgrade_oldAndNewProcessesShareTheWorkThereAndBack uses it"},
	{"go test -C .ci/supply -run Licences -update .", "nothing: it writes what TestLicences_areKnownAndListed compares"},
	{"go test ", ".ci/test"},
	{"go tool workflowcheck", "Makefile"},
	{"go get -u ", "nothing: it brings in other versions of what we build on"},
	{"docker compose up", `internal/demo/composed/confined.go: "up"`},
	{"docker compose pull", "nothing: it needs an image registry"},
	{"docker buildx imagetools inspect", "nothing: it needs an image registry"},
	{"hs project upload", "nothing: it needs an account at HubSpot"},
	{"openssl rand", "TestOperationsGuide"},
}

// typedCommand is a command in a page's text: inline, or a line that is set apart.
// Blocks of commands are looked after by TestEveryBlockOfCommandsInTheDocsIsRunByATest.
var typedCommand = regexp.MustCompile("(?m)(?:`|^ {3,4})(?:[A-Z_]+=\\S+ )?((?:make|go|docker|kubectl|curl|openssl|hs|git|npm|psql|pg_dump|pg_restore) [^`\n]+)")

func TestManuals_everyCommandIsRunByATestOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	tests, used := testNames(t), map[string]bool{}
	for file, page := range manuals(t) {
		if strings.Contains(file, "/decisions/") {
			continue // what was decided, and nothing to type
		}
		for _, m := range typedCommand.FindAllStringSubmatch(page, -1) {
			i := slices.IndexFunc(ranBy, func(row struct{ command, by string }) bool { return strings.HasPrefix(m[1], row.command) })
			if i < 0 {
				t.Errorf("%s: nobody says what runs %q", file, m[1])
				continue
			}
			used[ranBy[i].command] = true
		}
	}
	for _, row := range ranBy {
		switch {
		case !used[row.command]:
			t.Errorf("no manual has %q", row.command)
		case strings.HasPrefix(row.by, "nothing: "):
		case strings.HasPrefix(row.by, "Test"):
			if !tests[row.by] {
				t.Errorf("%s: there is no test %s", row.command, row.by)
			}
		default:
			file, words, other := strings.Cut(row.by, ": ")
			if !other {
				words = strings.TrimSpace(row.command)
			}
			text, err := os.ReadFile("../../" + file)
			if err != nil || !strings.Contains(string(text), words) {
				t.Errorf("%s does not run %q: %v", file, row.command, err)
			}
		}
	}
}
