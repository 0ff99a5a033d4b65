package bridge

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what the caller of a failed operation can do about it.
type Kind string

const (
	Unknown      Kind = ""             // not classified: retry with backoff
	NotFound     Kind = "not_found"    // the record is gone: decide again
	Invalid      Kind = "invalid"      // our request, or a value in it, is refused: a person must look
	Conflict     Kind = "conflict"     // somebody else holds the key: resolve to the existing record
	Throttled    Kind = "throttled"    // wait RetryAfter, then retry
	Unavailable  Kind = "unavailable"  // a passing fault of the other side: retry with backoff
	Unauthorized Kind = "unauthorized" // credentials or scopes: pause the connection, tell the operator
	Misdirected  Kind = "misdirected"  // somebody other than the vendor answers, or the vendor serves the account elsewhere: stop the connection, blame no record
	DoNotTrack   Kind = "do_not_track" // erased for good: stop
	BadCookie    Kind = "bad_cookie"   // Advocate RS052: drop the cookie and go on once
	BadCode      Kind = "bad_code"     // Advocate RS034: drop the referral code and report
	Pending      Kind = "pending"      // not ready yet: ask again after RetryAfter
)

// CodeUnreadable is the code of a record that the vendor returns in an undocumented
// form. It concerns that record alone, not the others in the response.
const CodeUnreadable = "UNREADABLE"

// CodeNoSuchCall marks a call that its vendor does not know, or does not know any more.
// It is about no record.
const CodeNoSuchCall = "NO_SUCH_CALL"

// Unreadable reports whether err is an error with CodeUnreadable.
func Unreadable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == CodeUnreadable
}

// Error is a failure of one operation on the outside world. Op and Err end up in
// logs and workflow histories, so they never carry a name, an email, a participant
// id or a token. VendorMessage is the vendor's message, verbatim. It may quote
// personal data, so Error leaves it out; only a parked item shows it, after
// redaction.
type Error struct {
	Kind          Kind
	System        System        // which vendor was called; the first part of Op
	Op            string        // "hubspot.batch_update_contacts"
	Status        int           // HTTP status; 0 when there was no answer
	Code          string        // the vendor's own code: "RS050", "VALIDATION_ERROR", "INVALID_EMAIL"
	RetryAfter    time.Duration // with Throttled and Pending; 0 if the vendor named none
	VendorMessage string        // the vendor's own message, for the operator only
	Err           error         // transport or decoding cause; free of personal data
}

func (e *Error) Error() string {
	msg := e.Op
	if e.Kind != Unknown {
		msg += ": " + string(e.Kind)
	}
	if e.Status != 0 {
		msg += fmt.Sprintf(" (status %d", e.Status)
		if e.Code != "" {
			msg += ", " + e.Code
		}
		msg += ")"
	} else if e.Code != "" {
		msg += " (" + e.Code + ")"
	}
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, or Unknown.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}
