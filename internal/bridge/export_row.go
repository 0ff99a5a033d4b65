package bridge

import "fmt"

// RowSubject stands for the account id in a parked item whose subject is a row of
// an export that cannot be read; a keyed hash of the row stands for the user id.
const RowSubject = "row"

// UnreadableRowError is a row of an export that names no participant. It is the error
// of that row alone: the rows behind it follow.
type UnreadableRowError struct {
	Line  int    // of the file; its first line is 1
	Fault string // what is wrong with the row; it quotes nothing of it

	// Raw is how the row begins, by which it is known again. It holds personal
	// data: keep a keyed hash of it, and nothing else.
	Raw string
}

func (r *UnreadableRowError) Error() string { return fmt.Sprintf("line %d: %s", r.Line, r.Fault) }
