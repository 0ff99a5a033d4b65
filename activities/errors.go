package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
)

// refusedPause is how long work waits after a vendor refused our credentials, or
// somebody else answered in its place:
// long enough not to hammer a door that a person must open, short enough that
// work resumes soon after they did.
const refusedPause = time.Minute

// retryable translates our error kinds for Temporal; it alone knows both.
// What a person must look at stops; a vendor's own delay is carried over;
// anything unknown is retried, because losing a sync is worse than repeating
// one.
func retryable(err error) error {
	if err == nil {
		return nil
	}
	var e *bridge.Error
	if !errors.As(err, &e) {
		return err
	}
	options := temporal.ApplicationErrorOptions{NextRetryDelay: e.RetryAfter, Cause: err}
	switch e.Kind {
	case bridge.Unknown, bridge.Unavailable:
	case bridge.Throttled, bridge.Pending:
		options.Category = temporal.ApplicationErrorCategoryBenign // expected: no alarm in metrics and logs
	case bridge.Unauthorized, bridge.Misdirected:
		options.NextRetryDelay = refusedPause
	default:
		options.NonRetryable = true
	}
	return temporal.NewApplicationErrorWithOptions(e.Op+": "+string(e.Kind), string(e.Kind), options)
}
