// Package activities does the work of the workflows: it calls the vendors and
// keeps what must outlive a run. Every exported method of [Contacts] and
// [Exports] is an activity and may run twice: writes set absolute values,
// creations first look whether the record exists, and what was done is in
// Postgres before the activity reports it.
//
// Personal data stops here. Inputs, results and failures are stored in
// workflow histories, so they carry ids of ours and contact ids only. That is
// why one activity reads, decides, writes and writes back: the participant's
// ids, code and links could not travel between two.
package activities
