package workflows

import "go.temporal.io/sdk/workflow"

// Versioning. Lifecycles and reports live for minutes: a run stays on the build
// that started it (pinned), and the next run is on the new one. Where the order
// of commands changes all the same, the change is declared here and nowhere else,
// so that the histories of released code replay.
const pinned = workflow.VersioningBehaviorPinned

// changePages: reports and retries apply ranges of pages, as mass syncs do, and
// carry their position over continue-as-new. A cancelled mass sync waits for the
// pages under way and finishes those that were begun.
const changePages = "page-ranges"

// version returns 1 where the change holds, and workflow.DefaultVersion for runs
// that began without it.
func version(ctx workflow.Context, change string) workflow.Version { //nolint:unparam // there will be more changes
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1)
}
