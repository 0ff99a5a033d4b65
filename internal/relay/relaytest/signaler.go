// Package relaytest has a stand-in for the part of Temporal that relays signal.
package relaytest

import (
	"context"
	"slices"
	"sync"

	"go.temporal.io/sdk/client"

	"advocatesync/workflows"
)

// Signal is one call of a Signaler; a start has no Name.
type Signal struct {
	WorkflowID string
	Name       string
	Arg        any
	Options    client.StartWorkflowOptions
	Workflow   any
	Args       []any
}

// Signaler keeps the signals that it is asked to send, also the failed ones.
type Signaler struct {
	Fail func(workflowID string) error // nil: every signal succeeds

	mu    sync.Mutex
	calls []Signal
}

// SignalWithStartWorkflow keeps the signal, and answers what Fail says.
func (s *Signaler) SignalWithStartWorkflow(_ context.Context, workflowID, name string, arg any,
	options client.StartWorkflowOptions, workflow any, args ...any,
) (client.WorkflowRun, error) {
	return started{}, s.answer(Signal{workflowID, name, arg, options, workflow, args})
}

// ExecuteWorkflow keeps the start, as a call without a signal.
func (s *Signaler) ExecuteWorkflow(_ context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	return started{}, s.answer(Signal{WorkflowID: options.ID, Options: options, Workflow: workflow, Args: args})
}

// answer keeps a call. Fail may take its time without holding up other calls.
func (s *Signaler) answer(call Signal) error {
	s.mu.Lock()
	s.calls = append(s.calls, call)
	fail := s.Fail
	s.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(call.WorkflowID)
}

// started is a run that nobody reads.
type started struct{ client.WorkflowRun }

// FailWith replaces Fail while relays may be at work.
func (s *Signaler) FailWith(fail func(workflowID string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Fail = fail
}

// Calls are the signals so far, in their order.
func (s *Signaler) Calls() []Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// To counts the signals to a contact of connection c1.
func (s *Signaler) To(contact string) int {
	id, n := workflows.ContactLifecycleID("c1", contact), 0
	for _, call := range s.Calls() {
		if call.WorkflowID == id {
			n++
		}
	}
	return n
}
