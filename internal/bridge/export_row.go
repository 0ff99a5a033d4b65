package bridge

import "fmt"

// RowSubject takes the place of the account id in a parked item about an unreadable
// row of an export. A keyed hash of the row takes the place of the user id.
const RowSubject = "row"

// SubmissionSubject takes the place of the account id in a parked item about an
// unreadable form submission. A keyed hash of the submission takes the place of the
// user id.
const SubmissionSubject = "submission"

// EventSubject takes the place of the account id in a parked item about an event
// without a customer. The event's order id takes the place of the user id.
const EventSubject = "event"

// UnreadableRowError is the error of one row of an export that names no participant.
// The rows behind it are still read.
type UnreadableRowError struct {
	Line  int    // of the file; its first line is 1
	Fault string // what is wrong with the row, without quoting it

	// Raw is the beginning of the row, by which it is recognised later. It holds
	// personal data: store only a keyed hash of it.
	Raw string
}

func (r *UnreadableRowError) Error() string { return fmt.Sprintf("line %d: %s", r.Line, r.Fault) }
