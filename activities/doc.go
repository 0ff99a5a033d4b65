// Package activities does the work of the workflows: it calls the vendors and
// stores what must outlive a run. Every exported method of the groups below
// ([Contacts], [Exports] and so on) is an activity and may run twice: writes set
// absolute values, creations first check whether the record exists, and results are
// in Postgres before the activity returns.
//
// Personal data stops here. Workflow histories contain inputs, results and
// failures, so these carry only our own ids and contact ids. That is why one
// activity reads, decides, writes and writes back: the participant's ids, code and
// links must not pass through a workflow.
package activities
