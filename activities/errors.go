package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
)

// refusedPause is how long work waits after a vendor refused our credentials, or
// somebody else answered in its place: a person has to act first, and work should
// resume soon after that.
const refusedPause = time.Minute

// retried reports whether Temporal tries work again that ended with an error.
func retried(err error) bool {
	var failure *temporal.ApplicationError
	return !errors.As(retryable(err), &failure) || !failure.NonRetryable()
}

// retryable translates our error kinds for Temporal; nothing else knows both.
// Errors that need a person are not retried, a vendor's delay is kept, and anything
// unknown is retried, because losing a sync is worse than repeating one.
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
