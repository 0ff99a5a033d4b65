package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// reading are the commands that change nothing and show nothing personal. "serve" acts
// for nobody.
const reading = `
audit list, connection list, connection numbers, connection show, contact events, contact show, deletions show, erasure list, erasure receipt,
erasure show, erasure verify, mass-sync list, mass-sync status, parked causes, parked list, program list, program status,
reconcile list, reconcile status, rules effects, rules get, serve, temporal versions, token list, trigger approvals, trigger events,
trigger list, trigger properties, trigger show, version, webhooks manifest`

// throughAPI are the commands that change or reveal something through the admin API,
// each with a line that has it do so, or be refused.
var throughAPI = map[string]string{
	"connect":               "connect --tenant acme --program 1 --advocate-key k --hubspot-token t",
	"connection disconnect": "connection disconnect --yes --connection cmmmmmmmmm",
	"connection pause":      "connection pause",
	"connection resume":     "connection resume",
	"contact export":        "contact export 101",
	"contact find":          "contact find",
	"contact resync":        "contact resync 101",
	"deletions approve":     "deletions approve --yes",
	"deletions guard":       "deletions guard --deletion-guard=100",
	"deletions reject":      "deletions reject --yes",
	"erase":                 "erase --contact 101 --yes",
	"erasure export":        "erasure export",
	"erasure replay":        "erasure replay --yes EXPORT",
	"keys recovery":         "keys recovery",
	"keys rotate":           "keys rotate",
	"mass-sync cancel":      "mass-sync cancel",
	"mass-sync pause":       "mass-sync pause",
	"mass-sync resume":      "mass-sync resume",
	"mass-sync start":       "mass-sync start",
	"parked discard":        "parked discard 1 --yes",
	"parked retry":          "parked retry 1",
	"program switch":        "program switch 99999",
	"reconcile cancel":      "reconcile cancel",
	"reconcile pause":       "reconcile pause",
	"reconcile resume":      "reconcile resume",
	"reconcile start":       "reconcile start",
	"rules set":             "rules set --contact-created=false",
	"token create":          "token create ci --role viewer",
	"token revoke":          "token revoke aaaaaaaaaa",
	"trigger apply":         "trigger apply -f TRIGGER",
	"trigger approve":       "trigger approve deal-won --yes",
	"trigger disable":       "trigger disable deal-won",
	"trigger enable":        "trigger enable deal-won",
	"trigger skip":          "trigger skip deal-won --yes",
	"trigger test":          "trigger test deal-won --object 1",
}

// pastAPI are the commands that change something past the admin API, and the tests
// that see them on record.
var pastAPI = map[string]string{
	"keys recover":       "TestChangesPastTheAPI_areTheSystemUsers",
	"keys rotate-pepper": "TestChangesPastTheAPI_areTheSystemUsers",
	"migrate":            "TestChangesPastTheAPI_areTheSystemUsers",
	"temporal setup":     "TestRollout_aNewVersionTakesOverWithoutTouchingRunsUnderWay",
	"temporal promote":   "TestRollout_aNewVersionTakesOverWithoutTouchingRunsUnderWay",
}

// leaves are all commands that do something, without the program's name.
func leaves(cmd *cobra.Command) (all []string) {
	if len(cmd.Commands()) == 0 {
		return []string{strings.TrimPrefix(cmd.CommandPath(), "starter ")}
	}
	for _, sub := range cmd.Commands() {
		all = append(all, leaves(sub)...)
	}
	return all
}

// Whoever adds a command decides whether it changes something, and then shows that it
// is on record.
func TestCommands_areOnRecordIfTheyChangeSomething(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for command := range strings.SplitSeq(strings.ReplaceAll(reading, "\n", " "), ",") {
		known[strings.TrimSpace(command)] = true
	}
	for command := range throughAPI {
		known[command] = true
	}
	for command := range pastAPI {
		known[command] = true
	}
	for _, command := range leaves((&app{}).rootCommand()) {
		if !known[command] {
			t.Errorf("starter %s: does it change something?", command)
		}
		delete(known, command)
	}
	for command := range known {
		t.Errorf("there is no command %s", command)
	}
}

// entriesAfter are the entries of the audit log that came after one, and the last one.
func entriesAfter(t *testing.T, s *store.Store, last int64) (entries []store.AuditEntry, end int64) {
	t.Helper()
	all, err := operator.NewAccess(s, "", time.Now).AuditLog(t.Context(), store.AuditFilter{}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	end = last
	for _, e := range all {
		if e.ID > last {
			entries, end = append(entries, e), max(end, e.ID)
		}
	}
	return entries, end
}

func TestCommands_throughTheAPIAreOnRecord(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	dir := t.TempDir()
	files := strings.NewReplacer("TRIGGER", filepath.Join(dir, "trigger.yaml"), "EXPORT", filepath.Join(dir, "export"))
	for name, text := range map[string]string{"trigger.yaml": "name: deal-won\n", "export": "no.export.atall\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var last int64
	for command, line := range throughAPI {
		l.input = strings.NewReader("ann@shop.example\n")
		_, _, said := l.starter(t, files.Replace(line))
		var entries []store.AuditEntry
		if entries, last = entriesAfter(t, l.Store, last); len(entries) == 0 {
			t.Errorf("starter %s is not on record: %s", command, said)
		}
		for _, e := range entries {
			if e.Caller.Kind != bridge.CallerToken || e.Caller.Name == "" || e.Outcome.Result == store.AuditOpen {
				t.Errorf("starter %s: %+v", command, e)
			}
		}
	}
}

// Commands that work past the admin API are on record as the operating system's user,
// with how they ended.
func TestChangesPastTheAPI_areTheSystemUsers(t *testing.T) {
	t.Parallel()
	opened, dsn := storetest.NewWithDSN(t)
	opened.Close()
	key := func(b byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, seal.KeySize))
	}
	env := map[string]string{"DATABASE_URL": dsn, "ENCRYPTION_KEY": key(1)}
	start := func(line string) error {
		a := &app{getenv: func(name string) string { return env[name] }, out: io.Discard, log: io.Discard}
		return run(t.Context(), strings.Fields(line), a)
	}
	must := func(line string) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
			err := start(line)
			if err == nil {
				return
			}
			// The server takes a moment to notice that the command before it has gone.
			if bridge.KindOf(err) != bridge.Conflict || time.Now().After(deadline) {
				t.Fatalf("starter %s: %v", line, err)
			}
		}
	}
	must("migrate")
	env["RECOVERY_KEY"] = key(9)
	must("keys rotate-pepper --yes")
	env["ENCRYPTION_KEY"] = key(2) // the first one is lost
	must("keys recover --yes")

	sealer, err := seal.NewSealer(bytes.Repeat([]byte{2}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dsn, sealer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	entries, _ := entriesAfter(t, s, 0)
	done := map[string]bool{}
	for _, e := range entries {
		if e.Caller != localCaller() || e.Outcome.Result == store.AuditOpen || e.Outcome.Result == store.AuditFailed {
			t.Errorf("%+v", e)
		}
		done[e.Operation] = done[e.Operation] || e.Outcome.Result == store.AuditDone
	}
	for _, operation := range []string{opMigrate, opRotatePepper, opRecoverKeys} {
		if !done[operation] {
			t.Errorf("%s is not on record as done: %+v", operation, entries)
		}
	}
}

// What fails, or is refused, past the admin API has its outcome on record as well.
func TestOnRecord_saysHowItEnded(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for name, tt := range map[string]struct {
		failure error
		want    store.AuditResult
	}{
		"done":    {nil, store.AuditDone},
		"refused": {&bridge.Error{Kind: bridge.Conflict, Op: "x"}, store.AuditRefused},
		"failed":  {errors.New("the server is gone"), store.AuditFailed},
	} {
		err := onRecord(t.Context(), s, "x", buildSubject("b1 "+name), func(context.Context) error { return tt.failure })
		if !errors.Is(err, tt.failure) {
			t.Errorf("%s: %v", name, err)
		}
		entries, _ := entriesAfter(t, s, 0)
		if e := entries[0]; e.Outcome.Result != tt.want || e.Subject != "" || e.Caller.Name != localUser() {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if got := buildSubject("v1.2.3"); got != "build:v1.2.3" {
		t.Errorf("a build is recorded as %q", got)
	}
}
