package workflows_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// manyPages stands for the activities of a run with a thousand pages, which
// takes too long to be made for real.
type manyPages struct {
	mu       sync.Mutex
	pages    int
	applied  map[int]int // by page: how often
	ranges   int
	planned  int
	finished int
}

func (m *manyPages) register(env *testsuite.TestWorkflowEnvironment) {
	plan := func(context.Context, activities.Run) (activities.PlanRunResult, error) {
		m.planned++
		return activities.PlanRunResult{Pages: m.pages}, nil
	}
	nothing := func(context.Context, activities.Run) error { return nil }
	stubs := map[string]any{
		"PrepareReport": func(context.Context, activities.RequestReportInput) (activities.PreparedReport, error) {
			m.planned++
			return activities.PreparedReport{Run: activities.Run{ID: 7}, Step: activities.ReportPlanned, Pages: m.pages}, nil
		},
		"RequestMass": func(context.Context, activities.RequestMassInput) error { return nil },
		"AwaitExport": nothing, "StageExport": nothing, "StageParked": nothing, "PlanRun": plan, "PlanRetry": plan,
		"ApplyPages": func(_ context.Context, in activities.ApplyPagesInput) (activities.ApplyPagesResult, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.ranges++
			for page := in.From; page <= in.To; page++ {
				m.applied[page]++
			}
			return activities.ApplyPagesResult{}, nil
		},
		"FinishRun": func(context.Context, activities.Run) (activities.Counts, error) {
			m.finished++
			return activities.Counts{}, nil
		},
		"Wish": func(context.Context, activities.Run) (activities.DesiredResult, error) {
			return activities.DesiredResult{}, nil
		},
	}
	for name, stub := range stubs {
		env.RegisterActivityWithOptions(stub, activity.RegisterOptions{Name: name, DisableAlreadyRegisteredCheck: true})
	}
}

// toTheEnd runs a workflow through all its continued runs, each of which is told
// at once that its history is long enough, and returns how many there were.
func toTheEnd[I any](t *testing.T, m *manyPages, name string, in I) int {
	t.Helper()
	s := wiringtest.New(t)
	for runs := 1; ; runs++ {
		env := environment(s)
		m.register(env)
		env.SetContinueAsNewSuggested(true)
		env.ExecuteWorkflow(name, in)
		var next *workflow.ContinueAsNewError
		if err := env.GetWorkflowError(); !errors.As(err, &next) {
			if err != nil {
				t.Fatal(err)
			}
			return runs
		}
		var carried I
		if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &carried); err != nil {
			t.Fatal(err)
		}
		in = carried
		if runs > m.pages {
			t.Fatalf("still not at its end after %d runs: %+v", runs, in)
		}
	}
}

// A report of a hundred thousand changes has a thousand pages: more than one
// history may hold.
func TestRuns_getOnInEveryFreshHistory(t *testing.T) {
	t.Parallel()
	const pages = 1003
	tests := map[string]func(*testing.T, *manyPages) int{
		"report": func(t *testing.T, m *manyPages) int {
			return toTheEnd(t, m, workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: "c"})
		},
		"retry": func(t *testing.T, m *manyPages) int {
			return toTheEnd(t, m, workflows.RetryParkedName, workflows.RetryParkedInput{ConnectionID: "c", RunID: 7})
		},
		"mass sync": func(t *testing.T, m *manyPages) int {
			return toTheEnd(t, m, workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: "c", RunID: 7})
		},
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &manyPages{pages: pages, applied: map[int]int{}}
			runs := run(t, m)
			if runs < 2 || runs > m.ranges+1 {
				t.Errorf("%d runs for %d ranges of pages", runs, m.ranges)
			}
			if m.planned != 1 || m.finished != 1 {
				t.Errorf("planned %d times, finished %d times", m.planned, m.finished)
			}
			for page := 1; page <= pages; page++ {
				if m.applied[page] != 1 {
					t.Fatalf("page %d was applied %d times", page, m.applied[page])
				}
			}
			if len(m.applied) != pages {
				t.Errorf("%d pages were applied, want %d", len(m.applied), pages)
			}
		})
	}
}
