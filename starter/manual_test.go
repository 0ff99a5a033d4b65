package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
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
	for _, file := range append(files, "../README.md", "../CONTRIBUTING.md", "../SECURITY.md", "../CHANGELOG.md") {
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

// runElsewhere are documented commands that a server in the test's process cannot
// carry out, and the tests that run them: they need processes of ours, a terminal's
// environment, or a worker that ends what they wait for.
var runElsewhere = map[string]string{
	"serve":                            "TestOperationsGuide",
	"mass-sync start --dry-run --wait": "TestOperationsGuide",
	"mass-sync start --wait":           "TestOperationsGuide",
	"reconcile start --wait":           "TestUpgrade_oldAndNewProcessesShareTheWorkThereAndBack",
	"reconcile start --dry-run --wait": "TestUpgrade_oldAndNewProcessesShareTheWorkThereAndBack",
	"keys rotate":                      "TestSecrets_areNowhereInClear",
	"keys rotate-pepper":               "TestChangesPastTheAPI_areTheSystemUsers",
	"keys recover":                     "TestKeysRecover_opensADatabaseWhoseKeyIsLost",
	"temporal":                         "TestRollout_aNewVersionTakesOverWithoutTouchingRunsUnderWay",
	"migrate":                          "TestMigrate_bringsTheSchemaUpToDate",
}

// refusals are documented commands that a connection without work refuses, with a part
// of what they say. TestCommands_workFromALaptop carries out those that need work.
var refusals = map[string]string{
	"connect --impact-account-sid … --impact-auth-token …": "needs more settings",
	"connection disconnect":        "privacy deletions are not done",
	"deletions approve --erasures": "no such deletion waits",
	"deletions reject --erasures":  "no such deletion waits",
	"mass-sync cancel":             "no mass sync is under way",
	"mass-sync pause":              "no mass sync is under way",
	"mass-sync resume":             "no mass sync is under way",
	"mass-sync status":             "there was no such mass sync",
	"parked discard 1":             "not open, so nothing was done",
	"parked retry 1":               "not open, so nothing was done",
	"program status":               "there was no program switch yet",
	"program switch 99999":         "choose one of",
	"reconcile cancel":             "no reconcile is under way",
	"reconcile pause":              "no reconcile is under way",
	"reconcile resume":             "no reconcile is under way",
	"reconcile status":             "there was no such reconcile",
	"trigger approve deal-won":     "no such event",
	"trigger skip deal-won":        "no such event",
}

// manualReader has what the manuals' commands are about: a contact and its won deal, a
// trigger, an erasure that is done, its receipt, an export, and a token.
type manualReader struct {
	*laptop
	fill *strings.Replacer
}

// typed are the commands that a page gives, with something of the right kind in place
// of what the reader has to fill in.
func (m *manualReader) typed(page string) []string {
	var lines []string
	for _, found := range commandLine.FindAllStringSubmatch(page, -1) {
		lines = append(lines, strings.TrimSpace(m.fill.Replace(found[1])))
	}
	return lines
}

func newManualReader(t *testing.T) *manualReader {
	t.Helper()
	l := newLaptop(t)
	must := func(line string) string {
		code, out, said := l.starter(t, line)
		if code != 0 {
			t.Fatalf("starter %s: exit code %d\n%s", line, code, said)
		}
		return strings.TrimSpace(out)
	}
	contact := l.mapped(t, "ann@shop.example")
	deal := l.deal(t, contact)
	must("trigger apply -f ../docs/triggers/deal-won.yaml")
	must("erase --contact 987654321 --yes")
	if _, err := l.Store.Erase(t.Context(), store.Erasure{ConnectionID: l.Connection.ID, ContactIDs: []string{"987654321"}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	published, err := l.Operator.ReceiptKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(published)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	receipt, export, keyFile := file("receipt", []byte(must("erasure receipt 1"))), file("export", []byte(must("erasure export"))), file("keys", keys)
	token := operator.TokenID(must("token create intern --role viewer"))
	return &manualReader{l, strings.NewReplacer(`"`, "", "docs/triggers/", "../docs/triggers/", "9000123", deal,
		"NAME", "marketing", "ROLE", "viewer", "CAUSE", "refused_by_hubspot",
		"contact show ID", "contact show "+contact, "contact show --reveal ID", "contact show --reveal "+contact, "contact export ID", "contact export "+contact,
		"contact events ID", "contact events "+contact, "contact resync ID", "contact resync "+contact,
		"--contact ID", "--contact 987654321", "--connection ID", "--connection "+l.Connection.ID,
		"trigger approve ID", "trigger approve deal-won", "trigger skip ID", "trigger skip deal-won", "token revoke ID", "token revoke "+token,
		"verify FILE", "verify "+receipt+" --keys "+keyFile, "receipt.jws", receipt, "https://sync.example.com", keyFile,
		"replay FILE", "replay "+export, "erasures.jws", export, "erasure receipt 7", "erasure receipt 1",
		"program switch ID", "program switch 99999", "ID...", "1", "ID", "1")}
}

// Whatever the manuals tell to type is carried out by a server, or refused for a
// reason that is listed.
func TestManual_everyCommandRuns(t *testing.T) {
	t.Parallel()
	m := newManualReader(t)
	trigger, err := os.ReadFile("../docs/triggers/company-customer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pages := manuals(t)
	var documented []string
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		documented = append(documented, m.typed(pages[page])...)
	}
	slices.Sort(documented)
	documented = slices.Compact(documented)
	// After this one nothing is connected.
	last := slices.Index(documented, "connection disconnect")
	documented = append(slices.Delete(documented, last, last+1), "connection disconnect")
	ran := 0
	for _, line := range documented {
		// A sentence may leave out what the table says of the command's arguments.
		shortened := slices.ContainsFunc(documented, func(other string) bool { return strings.HasPrefix(other, line+" ") })
		if elsewhere(line) || shortened {
			continue
		}
		ran++
		var result, log bytes.Buffer
		a := &app{getenv: func(name string) string { return m.env[name] }, in: strings.NewReader(answers(line, string(trigger))), out: &result, log: &log, interactive: true}
		err := run(t.Context(), strings.Fields(line), a)
		switch reason, is := refusals[line]; {
		case !is && err != nil:
			t.Errorf("starter %s: %v\n%s", line, err, log.String())
		case is && (err == nil || !strings.Contains(err.Error(), reason)):
			t.Errorf("starter %s: %v, want %q", line, err, reason)
		}
	}
	if ran < 60 {
		t.Errorf("only %d commands were run", ran)
	}
}

// answers is what a person types while a command asks.
func answers(line, trigger string) string {
	switch {
	case strings.Contains(line, "--participant -"):
		return "account user\ny\n"
	case strings.HasPrefix(line, "contact "):
		return "ann@shop.example\n"
	case strings.Contains(line, "--email -"):
		return "nobody@shop.example\ny\n"
	case strings.HasSuffix(line, "-f -"):
		return trigger
	default:
		return "y\n"
	}
}

func elsewhere(line string) bool {
	for command := range runElsewhere {
		if line == command || strings.HasPrefix(line, command+" ") && command != "connect" {
			return true
		}
	}
	return false
}

func TestManual_commandsThatALaptopCannotRunAreRunByOthers(t *testing.T) {
	t.Parallel()
	tests := ""
	for _, pattern := range []string{"*_test.go", "../internal/demo/e2e/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests += string(text)
		}
	}
	for command, test := range runElsewhere {
		if !strings.Contains(tests, "\nfunc "+test+"(") {
			t.Errorf("%s: there is no test %s", command, test)
		}
	}
}

func TestMigrate_bringsTheSchemaUpToDate(t *testing.T) {
	t.Parallel()
	_, dsn := storetest.NewWithDSN(t)
	env := map[string]string{"DATABASE_URL": dsn, "ENCRYPTION_KEY": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, seal.KeySize))}
	var said bytes.Buffer
	a := &app{getenv: func(name string) string { return env[name] }, out: &said, log: &said}
	if err := run(t.Context(), []string{"migrate"}, a); err != nil || !strings.Contains(said.String(), "up to date") {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// As docs/running.md has it where an encryption key is lost.
func TestKeysRecover_opensADatabaseWhoseKeyIsLost(t *testing.T) {
	t.Parallel()
	_, dsn := storetest.NewWithDSN(t)
	key := func(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, seal.KeySize)) }
	const lost, fresh, recovery = 1, 2, 3
	beside := func(encryption byte) (*app, *bytes.Buffer) {
		env := map[string]string{"DATABASE_URL": dsn, "ENCRYPTION_KEY": key(encryption), "RECOVERY_KEY": key(recovery)}
		var said bytes.Buffer
		return &app{getenv: func(name string) string { return env[name] }, out: &said, log: &said}, &said
	}
	a, _ := beside(lost)
	cfg, err := config.LoadCommand(a.getenv)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.openStore(t.Context(), cfg, discard)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, step := range []struct {
		line  string
		opens bool
	}{{"migrate", false}, {"keys recover --yes", true}, {"migrate", true}} {
		a, said := beside(fresh)
		if err := run(t.Context(), strings.Fields(step.line), a); (err == nil) != step.opens {
			t.Errorf("starter %s: %v\n%s", step.line, err, said.String())
		}
	}
}
