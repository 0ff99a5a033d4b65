package startup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"go.temporal.io/api/serviceerror"
)

func TestAwait_waitsForAServerThatIsStarting(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		first error
		waits bool
	}{
		"nothing is wrong":                           {nil, false},
		"the server's own workers do not poll yet":   {serviceerror.NewFailedPrecondition("no poller seen for task queue recently, worker may be down"), true},
		"a service of the server is not up yet":      {serviceerror.NewUnavailable("connection refused"), true},
		"a service of the server answers too slowly": {serviceerror.NewDeadlineExceeded("context deadline exceeded"), true},
		"the server refuses more for now":            {&serviceerror.ResourceExhausted{Message: "busy"}, true},
		"we may not do that":                         {serviceerror.NewPermissionDenied("no", ""), false},
		"the namespace does not exist":               {serviceerror.NewNamespaceNotFound("nowhere"), false},
		"what was asked for is wrong":                {serviceerror.NewInvalidArgument("no"), false},
		"the error is not Temporal's":                {errors.New("out of paper"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			err := Await(t.Context(), slog.New(slog.DiscardHandler), func(context.Context) error {
				tries++
				if tries > 1 || test.first == nil {
					return nil
				}
				return fmt.Errorf("keep schedule housekeeping: %w", test.first)
			})
			if waited := tries == 2; waited != test.waits || !test.waits && !errors.Is(err, test.first) || test.waits && err != nil {
				t.Errorf("%d tries, then %v", tries, err)
			}
		})
	}
}
