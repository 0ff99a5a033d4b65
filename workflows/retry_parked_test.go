package workflows_test

import (
	"testing"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// retryParked has everything that is parked tried again, and returns what the
// workflow that was started for it says.
func retryParked(t *testing.T, s *wiringtest.System) (activities.Counts, error) {
	t.Helper()
	env, started := environment(s), askForRetry(t, s)
	env.ExecuteWorkflow(started.Workflow, started.Args...)
	if err := env.GetWorkflowError(); err != nil {
		return activities.Counts{}, err
	}
	var counts activities.Counts
	if err := env.GetWorkflowResult(&counts); err != nil {
		t.Fatal(err)
	}
	return counts, nil
}

// askForRetry asks for a retry of all that is parked, and returns the workflow that
// does it.
func askForRetry(t *testing.T, s *wiringtest.System) wiringtest.Started {
	t.Helper()
	before := len(s.Temporal.Started())
	if _, err := s.Operator.RetryCause(t.Context(), s.Connection.ID, ""); err != nil {
		t.Fatal(err)
	}
	started := s.Temporal.Started()
	if len(started) != before+1 {
		t.Fatalf("%d workflows were started, want 1", len(started)-before)
	}
	return started[before]
}

// parkedParticipant joins a participant whom HubSpot refuses for the email.
func parkedParticipant(t *testing.T, s *wiringtest.System, email string) bridge.ParkedItem {
	t.Helper()
	s.Join(t, email, "Ann", "Archer")
	giveEmail(t, s, email, "not-an-email")
	report(t, s)
	return wantParked(t, s, bridge.CauseRefusedByHubSpot)
}

func giveEmail(t *testing.T, s *wiringtest.System, id, email string) {
	t.Helper()
	if _, err := s.Tenant.Edit(id, id, func(u *advocatetest.User) { u.Email = email }); err != nil {
		t.Fatal(err)
	}
}

func wantNothingParked(t *testing.T, s *wiringtest.System) {
	t.Helper()
	if items := s.Parked(t); len(items) != 0 {
		t.Errorf("%d items are parked: %+v", len(items), items)
	}
}

func TestRetryParked_makesTheContactOnceNothingIsInTheWay(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	parkedParticipant(t, s, ann)
	giveEmail(t, s, ann, ann)

	counts, err := retryParked(t, s)
	if err != nil {
		t.Fatal(err)
	}

	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, ann, ann)
	wantNothingParked(t, s)
	if counts.Total != 1 || counts.Created != 1 {
		t.Errorf("counts: %+v, want one created of one", counts)
	}
}

// A report leaves alone what it has handled; a retry must not.
func TestRetryParked_looksAtRowsThatHaveNotChanged(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	if err := s.Portal.ArchiveProperty("contacts", bridge.PropShareLink); err != nil {
		t.Fatal(err)
	}
	report(t, s)
	wantParked(t, s, bridge.CauseRefusedByHubSpot)
	s.Reconnect(t) // makes the property anew
	report(t, s)
	wantParked(t, s, bridge.CauseRefusedByHubSpot)

	if _, err := retryParked(t, s); err != nil {
		t.Fatal(err)
	}

	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, ann, ann)
	wantNothingParked(t, s)
}

func TestRetryParked_leavesOpenWhatFailsAgain(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	item := parkedParticipant(t, s, ann)

	if _, err := retryParked(t, s); err != nil {
		t.Fatal(err)
	}

	if again := wantParked(t, s, bridge.CauseRefusedByHubSpot); again.ID != item.ID || !again.ParkedAt.Equal(item.ParkedAt) {
		t.Errorf("the item is %d since %s now, was %d since %s", again.ID, again.ParkedAt, item.ID, item.ParkedAt)
	}
}

func TestRetryParked_resolvesTheItemOfAParticipantThatIsGone(t *testing.T) {
	t.Parallel()
	for name, doNotTrack := range map[string]bool{"deleted": false, "deleted for privacy": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			parkedParticipant(t, s, ann)
			s.Tenant.Delete(ann, ann, doNotTrack)

			if _, err := retryParked(t, s); err != nil {
				t.Fatal(err)
			}

			wantNothingParked(t, s)
			if got := s.Portal.Count("contacts"); got != 0 {
				t.Errorf("%d contacts were made of nobody", got)
			}
		})
	}
}

func TestRetryParked_outlastsFaultsOfBothVendors(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	parkedParticipant(t, s, ann)
	giveEmail(t, s, ann, ann)
	s.Advocate.Order(
		advocatetest.Fault{Route: advocatetest.RouteGet, Status: 503},
		advocatetest.Fault{Route: advocatetest.RouteGet, Status: 429},
	)
	s.HubSpot.FailNext(503, 502)

	if _, err := retryParked(t, s); err != nil {
		t.Fatal(err)
	}

	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, ann, ann)
	wantNothingParked(t, s)
}

func TestRetryParked_freesItsItemsWhenItCannotGoOn(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	parkedParticipant(t, s, ann)
	giveEmail(t, s, ann, ann)

	env, started := environment(s), askForRetry(t, s)
	s.Exec(t, "UPDATE sync_run SET program = 'another' WHERE kind = 'retry'") // as if it had begun under another program
	env.ExecuteWorkflow(started.Workflow, started.Args...)
	if env.GetWorkflowError() == nil {
		t.Fatal("the retry did not fail; the test proves nothing")
	}
	wantParked(t, s, bridge.CauseRefusedByHubSpot)
	if _, err := retryParked(t, s); err != nil {
		t.Fatal(err)
	}

	wantNothingParked(t, s)
	runs := s.Temporal.Started()
	if workflows.RetryParkedID(s.Connection.ID, 0) == runs[0].Options.ID || runs[0].Options.ID == runs[1].Options.ID {
		t.Errorf("both retries ran as %s", runs[0].Options.ID)
	}
}
