package workflows

import "go.temporal.io/sdk/workflow"

// Versioning. Lifecycles and reports live for minutes: a run stays on the
// build that started it (Pinned), and the next run is on the new one. So their
// code needs no version markers; when a workflow that outlives a deployment
// changes, its change ids are declared here and nowhere else.
const pinned = workflow.VersioningBehaviorPinned
