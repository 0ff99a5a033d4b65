package operator

import (
	"fmt"

	"advocatesync/internal/bridge"
)

// Refusal is the error of a request that is not granted, in words for the person
// who made it. Any other error of an Operator means that something failed.
type Refusal struct { //nolint:errname // an answer, rather than a failure
	// Kind is NotFound, Invalid (the request itself is wrong), Conflict (not possible
	// at this time) or Unauthorized (a vendor refuses our credentials).
	Kind bridge.Kind
	Code string // names the refusal for programs, for ever: "mass_sync_under_way"
	Err  error  // what the person reads, and the cause if there is one
}

func (r *Refusal) Error() string { return r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Err }

// As lets bridge.KindOf return a refusal's kind.
func (r *Refusal) As(target any) bool {
	e, ok := target.(**bridge.Error)
	if ok {
		*e = &bridge.Error{Kind: r.Kind, Op: "operator", Code: r.Code, Err: r.Err}
	}
	return ok
}

// refuse returns a refusal; format and args are those of fmt.Errorf.
func refuse(kind bridge.Kind, code, format string, args ...any) error {
	return &Refusal{Kind: kind, Code: code, Err: fmt.Errorf(format, args...)}
}
