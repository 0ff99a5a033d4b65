package e2e

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
)

// massRecords is how many participants the mass syncs of these tests have:
// few enough for every run of the tests, unless MASS_SYNC_RECORDS says more.
func massRecords(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("MASS_SYNC_RECORDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mass is a system with a seed: the first half mapped, with old values on
// their contacts; of the others, HubSpot knows every other one by email.
type mass struct {
	*system
	seed   seed.Vendors
	store  *store.Store
	people int
}

func startMass(t *testing.T, people int, opts stack.Options) *mass {
	t.Helper()
	opts.ReportInterval = 24 * time.Hour // a report would do some of the work
	s := start(t, opts)
	m := &mass{system: s, seed: seed.Vendors{HubSpot: s.HubSpotURL, Advocate: s.AdvocateURL}, people: people}
	var err error
	if m.store, err = s.Store(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.store.Close)
	half := people / 2
	for _, err := range []error{
		m.seed.Mapped(t.Context(), half, s.DatabaseURL(), s.ConnectionID),
		m.seed.Participants(t.Context(), half, people),
		m.seed.Contacts(t.Context(), half, people, 2, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.HubSpot.ResetCounts()
	return m
}

// begin starts a mass sync, as an operator does.
func (m *mass) begin(t *testing.T) {
	t.Helper()
	if _, err := m.Command(t.Context(), nil, "mass-sync", "start"); err != nil {
		t.Fatal(err)
	}
}

// ended waits until the mass sync has ended, and wants these counts.
func (m *mass) ended(t *testing.T, limit time.Duration, want store.Counts) store.Progress {
	t.Helper()
	var got store.Progress
	eventually(t, limit, "the mass sync has ended", func() bool {
		got = m.progress(t)
		return !got.FinishedAt.IsZero()
	})
	got.ToUpdate, got.ToMatchOrCreate = 0, 0
	if got.State != store.RunDone || got.Counts != want {
		t.Errorf("the mass sync ended as %s (%s) with %+v\nwant %+v", got.State, got.Reason, got.Counts, want)
	}
	return got
}

// progress asks until it is answered: connections do not outlive the database.
func (m *mass) progress(t *testing.T) (now store.Progress) {
	t.Helper()
	eventually(t, patience, "the database answers", func() (ok bool) {
		var err error
		now, err = m.store.MassProgress(t.Context(), m.ConnectionID, 0)
		return err == nil
	})
	return now
}

// everybodyInStep wants each person on one contact, in step, and no contact
// written with what it had.
func (m *mass) everybodyInStep(t *testing.T) {
	t.Helper()
	missing, differing := 0, 0
	for i := range m.people {
		record, found := m.portal.ContactByEmail(seed.Email(i))
		if !found {
			missing++
			continue
		}
		user, _ := m.tenant.User(seed.ParticipantID(i), seed.ParticipantID(i))
		want := bridge.SharedProperties(bridge.Participant{
			AccountID: user.AccountID, UserID: user.ID,
			ReferralCode: user.ReferralCodes[stack.Program], ShareLink: user.ShareLinks[stack.Program],
		}, bridge.Program{ID: stack.Program, Tenant: advocatetest.DefaultAlias, BaseURL: m.AdvocateURL})
		if len(bridge.Properties(record.Properties).Changes(want)) > 0 {
			differing++
		}
	}
	if missing+differing > 0 {
		t.Errorf("of %d people %d have no contact, and the contacts of %d are not in step", m.people, missing, differing)
	}
	if got := m.portal.Writes(); got.Repeats != 0 {
		t.Errorf("%d of %d writes repeated what the contact had", got.Repeats, got.Writes)
	}
	if got := m.portal.Count("contacts"); got > m.people {
		t.Errorf("%d contacts for %d people", got, m.people)
	}
}

// Every process is killed three times while a mass sync runs. It ends as if
// nothing had been, and nobody is written twice with the same content. How long
// each death costs is printed, not judged.
func TestMassSync_outlivesEveryProcess(t *testing.T) {
	people := massRecords(t, 3000)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts := stack.Options{TemporalProcess: []string{binary, temporalRole}}
	if people < 20_000 { // or it would be over before everybody died
		opts.RatePer10s, opts.Limits = 10, &hubspottest.Limits{PerTenSeconds: 10}
	}
	m := startMass(t, people, opts)
	m.begin(t)
	m.progresses(t, "the start")
	for round := range 3 {
		for _, victim := range []struct {
			name      string
			kill      func() error
			resurrect func(context.Context) error
		}{
			{"the worker", m.KillWorker, m.StartWorker},
			{"Temporal", m.KillTemporal, m.StartTemporal},
			{"PostgreSQL", m.Database.Crash, m.Database.Restart},
			{"the starter", m.KillStarter, m.StartStarter},
		} {
			if now := m.progress(t); !now.FinishedAt.IsZero() {
				t.Fatalf("over (%s) before %s died for time %d", now.State, victim.name, round+1)
			}
			if err := victim.kill(); err != nil {
				t.Fatal(err)
			}
			if err := victim.resurrect(t.Context()); err != nil {
				t.Fatal(err)
			}
			m.progresses(t, "the death of "+victim.name)
		}
	}
	quarter := int64(people) / 4
	m.ended(t, patience+time.Duration(people)*10*time.Millisecond, store.Counts{Total: int64(people), Updated: 2 * quarter, Matched: quarter, Created: quarter})
	m.everybodyInStep(t)
}

// progresses waits until contacts are written that were not before, and prints
// how long that took.
func (m *mass) progresses(t *testing.T, since string) {
	t.Helper()
	before, began := m.portal.Writes().Writes, time.Now()
	eventually(t, patience, "contacts are written after "+since, func() bool { return m.portal.Writes().Writes > before })
	t.Logf("%5.2f s after %s contacts are written", time.Since(began).Seconds(), since)
}

// A dry run of the seed writes nothing, and foretells what the mass sync after
// it does and how many calls that takes.
func TestMassSync_doesWhatItsDryRunForetold(t *testing.T) {
	people := massRecords(t, 2000)
	m := startMass(t, people, stack.Options{RatePer10s: 3000, Limits: new(hubspottest.Unlimited())})
	out, err := m.Command(t.Context(), nil, "mass-sync", "start", "--dry-run", "--wait", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if got := m.portal.Writes().Writes; got != 0 {
		t.Errorf("a dry run wrote %d contacts", got)
	}
	m.HubSpot.ResetCounts()
	m.begin(t)
	quarter := int64(people) / 4
	got := m.ended(t, patience+time.Duration(people)*10*time.Millisecond, store.Counts{
		Total: int64(people), Updated: 2 * quarter, Matched: quarter, Created: quarter,
	})
	var foretold struct {
		Updated      int64 `json:"updated"`
		Matched      int64 `json:"matched"`
		Created      int64 `json:"created"`
		HubSpotCalls int64 `json:"hubspot_calls"`
		ETASeconds   int64 `json:"eta_seconds"`
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&foretold); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	if foretold.Updated != got.Updated || foretold.Matched != got.Matched || foretold.Created != got.Created ||
		foretold.HubSpotCalls != got.HubSpotCalls || foretold.HubSpotCalls != int64(m.portal.Calls()) {
		t.Errorf("foretold %+v\ndone     %+v with %d calls, of which HubSpot saw %d", foretold, got.Counts, got.HubSpotCalls, m.portal.Calls())
	}
	m.everybodyInStep(t)
}
