// Package startup opens what every process of ours depends on, and waits for
// it: processes, Postgres and Temporal come up in any order.
package startup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/sethvargo/go-retry"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/health"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// patience is how long a process waits for a dependency before it gives up and
// lets its supervisor see the failure.
const patience = time.Minute

// WarnMisspelt warns of variables whose names look like misspellings of ours:
// they would silently count as unset.
func WarnMisspelt(ctx context.Context, log *slog.Logger) {
	for _, warning := range config.Misspelt(os.Environ()) {
		log.WarnContext(ctx, "environment", "warning", warning)
	}
}

// Store opens the database, waits for it to accept connections, and brings its
// schema up to date. A wrong encryption key is reported at once.
func Store(ctx context.Context, cfg config.Common, log *slog.Logger) (*store.Store, error) {
	sealer, err := Sealer(cfg)
	if err != nil {
		return nil, err
	}
	return retry.DoValue(ctx, waiting(), func(ctx context.Context) (*store.Store, error) {
		s, err := store.Open(ctx, string(cfg.DatabaseURL), sealer)
		if bridge.KindOf(err) == bridge.Unavailable {
			log.InfoContext(ctx, "waiting for the database")
			return nil, retry.RetryableError(err)
		}
		return s, err
	})
}

// Sealer seals and opens with the keys of the environment.
func Sealer(cfg config.Common) (*seal.Sealer, error) {
	var older [][]byte
	for _, key := range cfg.OlderKeys {
		older = append(older, key[:])
	}
	return seal.NewSealer(cfg.EncryptionKey[:], older...)
}

// Temporal connects to the server that the environment names and makes sure that
// our search attributes are known there. adjust may change the client's options
// first. Where the namespace does not let us register them, an operator has to
// have done it.
func Temporal(ctx context.Context, log *slog.Logger, adjust ...func(*client.Options)) (client.Client, error) {
	c, err := Dial(ctx, log, adjust...)
	if err != nil {
		return nil, err
	}
	err = Await(ctx, log, func(ctx context.Context) error {
		_, err := SetUpTemporal(ctx, c)
		return err
	})
	var denied *serviceerror.PermissionDenied
	var unimplemented *serviceerror.Unimplemented
	if err != nil && !errors.As(err, &denied) && !errors.As(err, &unimplemented) {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Dial connects to the server that the SDK's own environment variables name,
// and waits for it.
func Dial(ctx context.Context, log *slog.Logger, adjust ...func(*client.Options)) (client.Client, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{})
	if err != nil {
		return nil, fmt.Errorf("read Temporal's environment: %w", err)
	}
	options.Logger = sdklog.NewStructuredLogger(slog.New(sampled(log.Handler(), time.Now)))
	// gRPC would ask DNS for a TXT record as well, and wait for it longer than we wait
	// for Temporal. Docker's own DNS does not answer that where it reaches no other.
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithDisableServiceConfig())
	for _, f := range adjust {
		f(&options)
	}
	return retry.DoValue(ctx, waiting(), func(ctx context.Context) (client.Client, error) {
		c, err := client.DialContext(ctx, options)
		if err != nil {
			log.InfoContext(ctx, "waiting for Temporal")
			return nil, retry.RetryableError(fmt.Errorf("reach Temporal: %w", err))
		}
		return c, nil
	})
}

// Await does what a server needs to be whole for, and waits for that: one that has just
// started accepts connections before all of it works.
func Await(ctx context.Context, log *slog.Logger, do func(context.Context) error) error {
	return retry.Do(ctx, waiting(), func(ctx context.Context) error {
		err := do(ctx)
		if startingUp(err) {
			log.InfoContext(ctx, "waiting for Temporal", "error", err)
			return retry.RetryableError(err)
		}
		return err
	})
}

// startingUp reports whether an error is one that a server returns until all of it works,
// such as a failed precondition while its own workers, which run schedules, do not poll.
func startingUp(err error) bool {
	switch serviceerror.ToStatus(unwrapped(err)).Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.FailedPrecondition, codes.ResourceExhausted:
		return true
	default:
		return false
	}
}

// unwrapped returns the error of Temporal's that an error wraps, or nil.
func unwrapped(err error) error {
	if failure, ok := errors.AsType[serviceerror.ServiceError](err); ok {
		return failure
	}
	return nil
}

// SearchAttributes names our search attributes, all of type Keyword.
func SearchAttributes() []string {
	return []string{workflows.SearchConnectionID.GetName(), workflows.SearchContactID.GetName()}
}

// SetUpTemporal registers our search attributes with the client's namespace and
// returns its name. Doing so again changes nothing.
func SetUpTemporal(ctx context.Context, c client.Client) (namespace string, err error) {
	namespace, err = Namespace()
	if err != nil {
		return "", err
	}
	attributes := map[string]enumspb.IndexedValueType{}
	for _, name := range SearchAttributes() {
		attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: attributes,
	})
	if err != nil {
		return "", fmt.Errorf("register search attributes in namespace %s: %w", namespace, err)
	}
	return namespace, nil
}

// Namespace is the one that the environment names.
func Namespace() (string, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{})
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	return options.Namespace, err
}

// Checks are the readiness checks of a process that uses both.
func Checks(s *store.Store, c client.Client) map[string]health.Check {
	return map[string]health.Check{
		"postgres": s.Ping,
		"temporal": func(ctx context.Context) error {
			_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		},
	}
}

func waiting() retry.Backoff {
	return retry.WithMaxDuration(patience, retry.WithCappedDuration(3*time.Second, retry.NewExponential(200*time.Millisecond)))
}
