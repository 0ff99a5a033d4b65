// Package e2e tests the whole system as an operator runs it: the real
// binaries, a real Temporal server, a real database, strict stand-ins.
package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

var binaries string // worker and starter, built once for all tests

// temporalRole is the argument that turns this binary into a Temporal server,
// for tests that kill one.
const temporalRole = "serve-temporal"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == temporalRole {
		serveTemporal(os.Args[2], os.Args[3])
		return
	}
	os.Exit(run(m))
}

func serveTemporal(address, file string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := stack.ServeTemporal(ctx, address, file); err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1) //nolint:gocritic // the signal handler goes with the process
	}
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "advocatesync-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		binaries, err = dir, stack.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// system is one running stack and the shortcuts that tests take to it.
type system struct {
	*stack.Stack
	portal *hubspottest.Portal
	tenant *advocatetest.Tenant
	log    *syncBuffer
}

// start runs a stack for one test.
func start(t *testing.T, opts stack.Options) *system {
	t.Helper()
	log := &syncBuffer{}
	opts.Log, opts.Binaries = log, cmp.Or(opts.Binaries, binaries)
	s, err := stack.Start(t.Context(), opts)
	if err != nil {
		t.Fatalf("start: %v\n%s", err, log)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			fmt.Fprintln(os.Stderr, tail(log.String(), 60))
		}
	})
	return &system{Stack: s, portal: s.HubSpot.DefaultPortal(), tenant: s.Advocate.Tenant(""), log: log}
}

// syncBuffer collects what several processes print.
type syncBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// eventually polls until a condition holds.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// patience is how long anything may take on a busy machine. It bounds a hang;
// it is not a requirement.
const patience = 5 * time.Minute

func (s *system) createContact(t *testing.T, props map[string]string) string {
	t.Helper()
	id, err := s.portal.Person(1).Create("contacts", props)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *system) editContact(t *testing.T, id string, props map[string]string) {
	t.Helper()
	if err := s.portal.Person(1).Edit("contacts", id, props); err != nil {
		t.Fatal(err)
	}
}

func (s *system) properties(id string) bridge.Properties {
	record, _ := s.portal.Record("contacts", id)
	return record.Properties
}

// inStep reports that a contact carries all that the participant with an email
// shares.
func (s *system) inStep(contactID, email string) bool {
	user, ok := s.tenant.User(email, email)
	want := bridge.SharedProperties(bridge.Participant{
		AccountID: user.AccountID, UserID: user.ID,
		ReferralCode: user.ReferralCodes[stack.Program], ShareLink: user.ShareLinks[stack.Program],
	}, bridge.Program{ID: stack.Program, Tenant: advocatetest.DefaultAlias, BaseURL: s.AdvocateURL})
	return ok && len(s.properties(contactID).Changes(want)) == 0
}

func (s *system) hasParticipant(email string) bool {
	_, ok := s.tenant.User(email, email)
	return ok
}

// contactOf returns the id of the contact with an email, empty if there is none.
func (s *system) contactOf(email string) string {
	record, _ := s.portal.ContactByEmail(email)
	return record.ID
}

// quiet waits until no webhook is under way and no contact's life is open.
func (s *system) quiet(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.HubSpot.Webhooks().Drained(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "every contact's life has ended", func() bool {
		return s.count(t, "WorkflowType = 'ContactLifecycle' AND ExecutionStatus = 'Running'") == 0
	})
}
