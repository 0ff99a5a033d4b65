package workflows

import (
	"go.temporal.io/sdk/workflow"
)

// registry is the part of a worker, or of a replayer, that registers workflows.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers every workflow under its name in histories.
func Register(r registry) {
	r.RegisterWorkflowWithOptions(ContactLifecycle, workflow.RegisterOptions{Name: ContactLifecycleName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(ContactBatch, workflow.RegisterOptions{Name: ContactBatchName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(ReportSync, workflow.RegisterOptions{Name: ReportSyncName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(RetryParked, workflow.RegisterOptions{Name: RetryParkedName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(Housekeeping, workflow.RegisterOptions{Name: HousekeepingName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(ProgramSwitch, workflow.RegisterOptions{Name: ProgramSwitchName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(MassSync, workflow.RegisterOptions{Name: MassSyncName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(TrackEvent, workflow.RegisterOptions{Name: TrackEventName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(Reconcile, workflow.RegisterOptions{Name: ReconcileName, VersioningBehavior: pinned})
	r.RegisterWorkflowWithOptions(TrackRound, workflow.RegisterOptions{Name: TrackRoundName, VersioningBehavior: pinned})
}
