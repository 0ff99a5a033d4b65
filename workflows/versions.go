package workflows

import "go.temporal.io/sdk/workflow"

// Lifecycles and reports run for minutes, so a run stays on the build that started
// it (pinned) and the next run uses the new one. A change to the sequence of
// commands is declared here and nowhere else, so that histories of released code
// still replay.
const pinned = workflow.VersioningBehaviorPinned

// changePages: reports and retries apply ranges of pages, as mass syncs do, and
// carry their position over continue-as-new. A cancelled mass sync waits for the
// pages under way and finishes those that were begun.
const changePages = "page-ranges"

// changePrepare: a report is requested, staged and planned by one activity, which
// also ends one without news.
const changePrepare = "prepare-report"

// version returns 1 where the change holds, and workflow.DefaultVersion for runs
// that began without it.
func version(ctx workflow.Context, change string) workflow.Version {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1)
}
