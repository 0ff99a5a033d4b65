package stack

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"advocatesync/internal/demo/temporalserver"
)

// startTemporal takes, for a demo, the server that the environment names or
// that a "temporal" executable brings; else it embeds one.
func (s *Stack) startTemporal(ctx context.Context) error {
	address := ""
	var err error
	if s.opts.Demo {
		address, err = s.existingTemporal(ctx)
	}
	switch {
	case err != nil || address != "":
	case len(s.opts.TemporalProcess) > 0:
		address, err = s.launchTemporal(ctx)
	default:
		address, err = s.embedTemporal(ctx)
	}
	if err != nil {
		return err
	}
	s.Temporal, err = retry.DoValue(ctx, retry.WithMaxDuration(5*time.Minute, retry.NewConstant(200*time.Millisecond)),
		func(ctx context.Context) (client.Client, error) {
			c, err := client.DialContext(ctx, client.Options{
				HostPort: address, Namespace: namespace(), Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
			})
			return c, retry.RetryableError(err)
		})
	if err != nil {
		return fmt.Errorf("reach Temporal at %s: %w", address, err)
	}
	s.onClose(func() error { s.Temporal.Close(); return nil })
	return nil
}

func (s *Stack) embedTemporal(ctx context.Context) (string, error) {
	options := temporalserver.Options{UI: s.opts.Demo, HistoryEvents: s.opts.HistoryEvents}
	if s.opts.Demo {
		options.Port, options.UIPort = s.preferred(ctx, 7233), s.preferred(ctx, 8233)
	}
	server, err := temporalserver.Start(ctx, options)
	if err != nil {
		return "", err
	}
	s.onClose(server.Stop)
	s.TemporalUI = server.UIURL()
	s.temporalAddress = server.HostPort()
	return s.temporalAddress, nil
}

// launchTemporal starts the server as a process, with its state in a file.
func (s *Stack) launchTemporal(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "advocatesync-temporal-")
	if err != nil {
		return "", err
	}
	s.onClose(func() error { return os.RemoveAll(dir) })
	s.temporalFile = filepath.Join(dir, "temporal.db")
	if s.temporalAddress, err = s.reserve(ctx, 0); err != nil {
		return "", err
	}
	s.onClose(func() error { return s.temporal.stop() })
	return s.temporalAddress, s.StartTemporal(ctx)
}

// StartTemporal starts the server's process. It returns at once; clients wait
// for the server to answer.
func (s *Stack) StartTemporal(ctx context.Context) (err error) {
	command := s.opts.TemporalProcess
	args := append(slices.Clone(command[1:]), s.temporalAddress, s.temporalFile)
	s.temporal, err = launch(ctx, "temporal", command[0], args, inherited(), s.opts.Log, "")
	return err
}

// KillTemporal ends the server's process with SIGKILL.
func (s *Stack) KillTemporal() error { return s.temporal.kill() }

// ServeTemporal serves Temporal until the context ends: what a command for
// Options.TemporalProcess does with the address and the file that it is given.
func ServeTemporal(ctx context.Context, address, file string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	server, err := temporalserver.Start(ctx, temporalserver.Options{Port: number, DBFile: file})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Stop()
}

// preferred is the port if it is free, else 0 for any.
func (s *Stack) preferred(ctx context.Context, port int) int {
	address, err := s.reserve(ctx, port)
	if err != nil || !strings.HasSuffix(address, fmt.Sprintf(":%d", port)) {
		return 0
	}
	return port
}

// existingTemporal returns the address of a server that needs no compiling, or
// nothing where there is none.
func (s *Stack) existingTemporal(ctx context.Context) (string, error) {
	if address := os.Getenv("TEMPORAL_ADDRESS"); address != "" {
		s.temporalAddress = address
		return address, nil
	}
	cli, err := exec.LookPath("temporal")
	if err != nil {
		return "", nil //nolint:nilerr // no executable: embed
	}
	frontend, err := s.reserve(ctx, 7233)
	if err != nil {
		return "", err
	}
	ui, err := s.reserve(ctx, 8233)
	if err != nil {
		return "", err
	}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	server, err := launch(ctx, "temporal", cli, []string{
		"server", "start-dev", "--port", port(frontend), "--ui-port", port(ui), "--log-level", "error",
	}, os.Environ(), io.Discard, "http://"+ui)
	if err != nil {
		return "", err
	}
	s.onClose(server.stop)
	s.TemporalUI, s.temporalAddress = "http://"+ui, frontend
	return frontend, nil
}

func namespace() string {
	if name := os.Getenv("TEMPORAL_NAMESPACE"); name != "" {
		return name
	}
	return client.DefaultNamespace
}

// temporalEnv leads our processes to the same server, with whatever else the
// environment says about it.
func (s *Stack) temporalEnv() []string {
	var env []string
	for _, variable := range os.Environ() {
		if s.opts.Demo && strings.HasPrefix(variable, "TEMPORAL_") {
			env = append(env, variable)
		}
	}
	return append(env, "TEMPORAL_ADDRESS="+s.temporalAddress)
}
