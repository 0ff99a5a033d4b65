package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// release holds the sources of the release before this one: what runs at the sites
// that upgrade. They are here as an archive, so that a clone without its history has
// them. CONTRIBUTING.md says when and how to record the next one.
const release = "testdata/release.tar.gz"

// former builds the release before this one.
func former(t *testing.T) string {
	t.Helper()
	sources, programs := t.TempDir(), t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", release, "-C", sources).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := stack.BuildFrom(t.Context(), sources, programs, "./worker", "./starter"); err != nil {
		t.Fatal(err)
	}
	return programs
}

// An upgrade as docs/operations.md tells it, without versions of the worker: new
// processes beside the old ones on the schema that the new ones made, then alone,
// then back once, then on for good. At every stage work comes in, and at every
// change of hands a deletion is held that one release began and the other ends.
func TestUpgrade_oldAndNewProcessesShareTheWorkThereAndBack(t *testing.T) {
	recordRelease(t)
	released := former(t)
	s := start(t, stack.Options{Binaries: released, DeletionHold: 10 * time.Second})
	// HubSpot repeats what comes while a starter is replaced, here within seconds.
	s.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) { k.RetryWithin = hubspottest.Duration(10 * time.Second) })
	next := 0
	inStep := func(t *testing.T, stage string) (id, email string) {
		t.Helper()
		email = person(next)
		next++
		id = s.createContact(t, map[string]string{"email": email, "firstname": "Person"})
		eventually(t, patience, stage+": a contact is in step", func() bool { return s.inStep(id, email) })
		return id, email
	}
	archived := func(t *testing.T, stage string) (email string) {
		t.Helper()
		id, email := inStep(t, stage)
		s.quiet(t)
		if err := s.portal.Person(1).Archive("contacts", id); err != nil {
			t.Fatal(err)
		}
		running := "WorkflowType = 'ContactLifecycle' AND ExecutionStatus = 'Running' AND ContactId = '" + id + "'"
		eventually(t, patience, stage+": a deletion is held", func() bool { return s.count(t, running) == 1 })
		return email
	}
	ended := func(t *testing.T, stage, email string) {
		t.Helper()
		eventually(t, patience, stage+": the deletion that the others held is done", func() bool { return !s.hasParticipant(email) })
	}
	do := func(t *testing.T, steps ...func() error) {
		t.Helper()
		for _, step := range steps {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	worker := func() error { return s.StartWorker(t.Context()) }
	starter := func() error { return s.StartStarter(t.Context()) }

	// The release, alone.
	inStep(t, "before")
	dumpRelease(t, s)
	held := archived(t, "before")

	// The new processes beside it.
	s.UseBinaries(binaries)
	stopNew, err := s.AddWorker(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	began := next
	eventually(t, patience, "both workers did some of the work", func() bool {
		inStep(t, "side by side")
		return len(s.hands(t)) > 1 && next-began >= 5
	})
	ended(t, "side by side", held)

	// The new ones, alone: AddWorker's, and a starter in place of the old one.
	held = archived(t, "side by side")
	do(t, s.StopWorker, s.StopStarter, starter)
	ended(t, "upgraded", held)
	inStep(t, "upgraded")
	if _, err := s.tenant.Join(person(1000), "Person", "Joined"); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "upgraded: a report makes a contact", func() bool { return s.contactOf(person(1000)) != "" })

	// Back once: the release alone, on a schema that it has never seen.
	held = archived(t, "upgraded")
	s.UseBinaries(released)
	do(t, stopNew, s.StopStarter, starter, worker)
	ended(t, "back", held)
	inStep(t, "back")

	// And on for good.
	held = archived(t, "back")
	s.UseBinaries(binaries)
	do(t, s.StopWorker, s.StopStarter, starter, worker)
	ended(t, "again", held)
	inStep(t, "again")

	s.quiet(t)
	if out, err := s.Command(t.Context(), nil, "parked", "list"); err != nil || strings.Contains(out, "person") {
		t.Errorf("after it all: %v\n%s", err, out)
	}
	if _, err := s.Command(t.Context(), nil, "reconcile", "start", "--wait"); err != nil {
		t.Error(err)
	}
}

// hands are the processes that have done steps of contacts' lives.
func (s *system) hands(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, text := range s.histories(t) {
		for _, m := range startedBy.FindAllStringSubmatch(text, -1) {
			found[m[1]] = true
		}
	}
	return found
}

var startedBy = regexp.MustCompile(`"activityTaskStartedEventAttributes":\s*\{[^}]*"identity":\s*"([^"]+)"`)

// recordedRelease is the commit to record as the release before this one, if any is
// to be recorded: see CONTRIBUTING.md.
var recordedRelease = os.Getenv("RECORD_RELEASE")

// recordRelease keeps the sources that the release's two programs are built from.
func recordRelease(t *testing.T) {
	t.Helper()
	if recordedRelease == "" {
		return
	}
	archive := exec.CommandContext(t.Context(), "git", "-C", filepath.Join("..", "..", ".."), "archive", "--format=tar.gz", recordedRelease, "--", ".",
		":!*.md", ":!docs", ":!.*", ":!*_test.go", ":!*/testdata/*", ":!internal/*test/*", ":!internal/demo", ":!internal/model", ":!internal/standin")
	sources, err := archive.Output()
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(release), fs.ModePerm)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(release, sources, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dumpRelease keeps the release's database as test data of the store.
func dumpRelease(t *testing.T, s *system) {
	t.Helper()
	if recordedRelease == "" {
		return
	}
	s.quiet(t)
	dump := exec.CommandContext(t.Context(), "pg_dump", "--inserts", "--no-owner", "--no-privileges", s.DatabaseURL())
	text, err := dump.Output()
	if err != nil {
		t.Fatal(err)
	}
	var key string
	for _, variable := range s.Env() {
		if value, is := strings.CutPrefix(variable, "ENCRYPTION_KEY="); is {
			key = value
		}
	}
	text = append([]byte("-- ENCRYPTION_KEY="+key+"\n"), text...)
	if err := os.WriteFile(filepath.Join("..", "..", "store", "testdata", "release.sql"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}
