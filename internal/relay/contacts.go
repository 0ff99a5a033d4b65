package relay

import (
	"context"
	"fmt"
	"slices"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/activities"
	"advocatesync/internal/batching"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// pageFrom is how many contacts must wait together to go as a page. Fewer are
// synced sooner by their own workflows, concurrently.
const pageFrom = 10

// contactSender hands contacts to workflows: bulk contacts in pages, all others to
// their own workflow.
type contactSender struct{ to Signaler }

func (s contactSender) send(ctx context.Context, heard []store.ContactHints) []error {
	pages := paged(heard)
	errs := each(pages, func(page []int) error {
		if len(page) == 1 {
			return signalContact(ctx, s.to, heard[page[0]])
		}
		contacts := make([]store.ContactHints, len(page))
		for i, at := range page {
			contacts[i] = heard[at]
		}
		return s.startBatch(ctx, contacts)
	})
	all := make([]error, len(heard))
	for i, page := range pages {
		for _, at := range page {
			all[at] = errs[i]
		}
	}
	return all
}

// paged divides contacts, by index, into single ones, which come first, and pages
// of one connection each.
func paged(heard []store.ContactHints) [][]int {
	var pages [][]int
	bulk := map[string][]int{}
	for i, h := range heard {
		if h.Bulk {
			bulk[h.ConnectionID] = append(bulk[h.ConnectionID], i)
		} else {
			pages = append(pages, []int{i})
		}
	}
	for _, of := range bulk {
		size := batching.Size
		if len(of) < pageFrom {
			size = 1
		}
		pages = slices.AppendSeq(pages, slices.Chunk(of, size))
	}
	return pages
}

// startBatch starts a workflow for a page of one connection's contacts. If the
// response is lost, another one may be started for the same contacts, which is
// harmless.
func (s contactSender) startBatch(ctx context.Context, contacts []store.ContactHints) error {
	connectionID := contacts[0].ConnectionID
	in := workflows.ContactBatchInput{ConnectionID: connectionID}
	for _, c := range contacts {
		in.Contacts = append(in.Contacts, activities.HeardContact{ContactID: c.ContactID, Hints: c.Hints})
	}
	_, err := s.to.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       workflows.ContactBatchID(connectionID),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		StaticSummary:            fmt.Sprintf("%d contacts of connection %s", len(contacts), connectionID),
		TypedSearchAttributes:    temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(connectionID)),
		Priority:                 temporal.Priority{PriorityKey: 2, FairnessKey: connectionID}, // behind single contacts
	}, workflows.ContactBatchName, in)
	if err != nil {
		return fmt.Errorf("start a batch of %d contacts of connection %s: %w", len(contacts), connectionID, err)
	}
	return nil
}
