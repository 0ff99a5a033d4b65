// Package stack runs the whole system on one machine: a Temporal server, a
// private PostgreSQL cluster, strict stand-ins for both vendors, and our own
// worker and starter as the processes that production runs. The demo and the
// end-to-end tests share it.
package stack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/localpg"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

// Options says how to run the system. The zero value suits a test.
type Options struct {
	// Log takes what the worker and the starter print. nil discards it.
	Log io.Writer
	// ReportInterval is how often changes in Advocate are looked for; 0 means
	// two seconds, instead of production's minute.
	ReportInterval time.Duration
	// DeletionHold is how long a deletion waits for what may belong to it; 0
	// means two seconds, instead of production's minute.
	DeletionHold time.Duration
	// TrackInterval is how often forms are read and verdicts asked for; 0 means a
	// second, instead of production's minute.
	TrackInterval time.Duration
	// JournalInterval is how often HubSpot's journal is asked for what webhooks have
	// lost; 0 means two seconds, instead of production's quarter of a minute.
	JournalInterval time.Duration
	// Limits are HubSpot's call limits; nil means those of an ordinary app.
	Limits *hubspottest.Limits
	// RatePer10s is what the worker believes HubSpot's limit to be; 0 means 110.
	RatePer10s int
	// BuildID makes the worker that version of the deployment Deployment, which gets no
	// work until it is promoted. Empty leaves versioning off.
	BuildID string
	// Collector is where traces and metrics are sent, over OTLP. Empty sends none.
	Collector string
	// Binaries is a folder that Build filled; empty builds anew.
	Binaries string
	// Apart serves the stand-ins from processes of their own, so that what they
	// take is not taken for ours. Stack.HubSpot and Stack.Advocate are nil then.
	Apart bool
	// HistoryEvents is after how many events a workflow is told to go on in a fresh
	// history; 0 means the server's 4,096. The embedded server alone knows it.
	HistoryEvents int
	// TemporalProcess is a command that calls ServeTemporal with the two arguments
	// that are added to it, so that the server is a process of its own and can be
	// killed. Empty embeds the server.
	TemporalProcess []string
	// Bare leaves worker and starter to be started by somebody else, and nothing
	// connected.
	Bare bool
	// Demo prefers the well-known ports, adds the Temporal UI, and takes a
	// Temporal server that is there already instead of the embedded one.
	Demo bool
}

// Stack is the running system.
type Stack struct {
	HubSpot  *hubspottest.Host
	Advocate *advocatetest.Host
	Temporal client.Client
	Database *localpg.Cluster

	// Addresses to look at.
	HubSpotURL, AdvocateURL, StarterURL, WorkerURL, TemporalUI string
	// StarterMetricsURL serves what of the starter only operators see.
	StarterMetricsURL string

	ConnectionID string // of the connection that Start made
	EnvFile      string // for a shell to source, so that starter's commands work in it

	temporalAddress string
	temporalFile    string // its state, only with Options.TemporalProcess

	opts     Options
	binaries string
	key      []byte // the installation's encryption key
	env      []string
	starter  *process
	worker   *process
	temporal *process // only with Options.TemporalProcess
	closers  []func() error
}

// ImpactConcurrency is how many calls the worker may have under way at
// impact.com.
const ImpactConcurrency = 4

// Start builds the binaries, starts everything and connects a first portal
// with a first tenant. Close must be called on the stack returned.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if opts.ReportInterval == 0 {
		opts.ReportInterval = 2 * time.Second
	}
	if opts.TrackInterval == 0 {
		opts.TrackInterval = time.Second
	}
	if opts.JournalInterval == 0 {
		opts.JournalInterval = 2 * time.Second
	}
	if opts.DeletionHold == 0 {
		opts.DeletionHold = 2 * time.Second
	}
	if opts.RatePer10s == 0 {
		opts.RatePer10s = 110
	}
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	s := &Stack{opts: opts}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	steps := []func(context.Context) error{s.build, s.startDatabase, s.startTemporal, s.startVendors, s.configure}
	if !s.opts.Bare {
		steps = append(steps, s.StartStarter, s.StartWorker, s.connect)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// build compiles our binaries, unless that is done already.
func (s *Stack) build(ctx context.Context) error {
	if s.opts.Binaries != "" {
		s.binaries = s.opts.Binaries
		return nil
	}
	dir, err := os.MkdirTemp("", "advocatesync-bin-")
	if err != nil {
		return err
	}
	s.binaries = dir
	s.onClose(func() error { return os.RemoveAll(dir) })
	return Build(ctx, dir)
}

// Build compiles worker, starter and standin into a folder, as production and
// compose run them.
func Build(ctx context.Context, dir string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	return BuildFrom(ctx, root, dir, "./worker", "./starter", "./internal/standin")
}

// BuildFrom compiles programs from the sources in another folder, such as those of a
// release.
func BuildFrom(ctx context.Context, root, dir string, programs ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + string(filepath.Separator)}, programs...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binaries: %w\n%s", err, out)
	}
	return nil
}

// moduleRoot finds the main module above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "starter", "main.go")); missing == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside the project: run this from a folder of it")
		}
		dir = parent
	}
	return "", err
}

func (s *Stack) startDatabase(ctx context.Context) error {
	cluster, err := localpg.Start(ctx, localpg.Options{})
	if err != nil {
		return err
	}
	s.Database = cluster
	s.onClose(cluster.Stop)
	return cluster.CreateDatabase(ctx, databaseName, "")
}

const databaseName = "advocatesync"

// DatabaseURL is where the system keeps its state.
func (s *Stack) DatabaseURL() string { return s.Database.DSN(databaseName) }

// startVendors serves both stand-ins. HubSpot's webhooks go to the starter,
// whose address is therefore chosen first.
func (s *Stack) startVendors(ctx context.Context) error {
	starter, err := s.reserve(ctx, 8080)
	if err != nil {
		return err
	}
	worker, err := s.reserve(ctx, 8081)
	if err != nil {
		return err
	}
	metrics, err := s.reserve(ctx, 9464)
	if err != nil {
		return err
	}
	s.StarterURL, s.WorkerURL, s.StarterMetricsURL = "http://"+starter, "http://"+worker, "http://"+metrics
	if s.opts.Apart {
		return s.launchVendors(ctx)
	}
	s.HubSpot = hubspottest.NewHost(hubspottest.WithWebhooks(s.StarterURL + "/webhooks/hubspot"))
	if s.opts.Limits != nil {
		s.HubSpot.DefaultPortal().Tune(func(k *hubspottest.Knobs) { k.Limits = *s.opts.Limits })
	}
	s.onClose(func() error { s.HubSpot.Close(); return nil })
	if s.HubSpotURL, err = s.serve(ctx, 9090, s.HubSpot); err != nil {
		return err
	}
	if s.Advocate, err = advocatetest.NewHost(); err != nil {
		return err
	}
	s.onClose(func() error { s.Advocate.Close(); return nil })
	s.AdvocateURL, err = s.serve(ctx, 9091, s.Advocate)
	return err
}

// launchVendors starts each stand-in as a process.
func (s *Stack) launchVendors(ctx context.Context) error {
	for _, vendor := range []struct {
		name, addressVariable, ready string
		url                          *string
	}{
		{"hubspot", "HUBSPOT_LISTEN_ADDR", "/_admin/counters", &s.HubSpotURL},
		{"advocate", "ADVOCATE_LISTEN_ADDR", "/_admin/tenants", &s.AdvocateURL},
	} {
		address, err := s.reserve(ctx, 0)
		if err != nil {
			return err
		}
		*vendor.url = "http://" + address
		env := append(inherited(), vendor.addressVariable+"="+address, "WEBHOOK_TARGET="+s.StarterURL+"/webhooks/hubspot")
		p, err := launch(ctx, vendor.name, s.binary("standin"), []string{vendor.name}, env, s.opts.Log, *vendor.url+vendor.ready)
		if err != nil {
			return err
		}
		s.onClose(p.stop)
	}
	return nil
}

// reserve returns a free loopback address, the preferred one for a demo. It is
// taken from below the ports that outgoing connections get, for one of those
// could take it before its process does.
func (s *Stack) reserve(ctx context.Context, preferred int) (string, error) {
	if s.opts.Demo {
		if listener, err := s.listen(ctx, preferred); err == nil {
			return listener.Addr().String(), listener.Close()
		}
	}
	const lowest, ports, tries = 20_000, 10_000, 50
	var config net.ListenConfig
	var err error
	for range tries {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+mathrand.IntN(ports)))
		var listener net.Listener
		if listener, err = config.Listen(ctx, "tcp", address); err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

func (s *Stack) listen(ctx context.Context, preferred int) (net.Listener, error) {
	var config net.ListenConfig
	if s.opts.Demo {
		if listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(preferred))); err == nil {
			return listener, nil
		}
	}
	return config.Listen(ctx, "tcp", "127.0.0.1:0")
}

func (s *Stack) serve(ctx context.Context, preferred int, handler http.Handler) (string, error) {
	listener, err := s.listen(ctx, preferred)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	s.onClose(server.Close)
	return "http://" + listener.Addr().String(), nil
}

// configure makes the environment of our processes, with keys of its own.
func (s *Stack) configure(context.Context) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	s.key = key
	s.env = append(inherited(),
		"DATABASE_URL="+s.DatabaseURL(),
		"ENCRYPTION_KEY="+base64.StdEncoding.EncodeToString(key),
		"ADMIN_TOKEN="+hex.EncodeToString(key[:16]),
		"PUBLIC_URL="+s.StarterURL,
		"LISTEN_ADDR="+s.StarterURL[len("http://"):],
		"METRICS_LISTEN_ADDR="+s.StarterMetricsURL[len("http://"):],
		"WORKER_LISTEN_ADDR="+s.WorkerURL[len("http://"):],
		"HUBSPOT_BASE_URL="+s.HubSpotURL,
		"HUBSPOT_AUTHORIZE_URL="+s.HubSpotURL+"/oauth/authorize",
		"ADVOCATE_BASE_URL="+s.AdvocateURL,
		"IMPACT_BASE_URL="+s.AdvocateURL,
		"IMPACT_CONCURRENCY="+strconv.Itoa(ImpactConcurrency),
		"TRACK_INTERVAL="+s.opts.TrackInterval.String(),
		"HUBSPOT_APP_ID="+strconv.FormatInt(hubspottest.DefaultAppID, 10),
		"HUBSPOT_CLIENT_ID="+hubspottest.DefaultClientID,
		"HUBSPOT_CLIENT_SECRET="+hubspottest.DefaultClientSecret,
		"HUBSPOT_RATE_PER_10S="+strconv.Itoa(s.opts.RatePer10s),
		"REPORT_SYNC_INTERVAL="+s.opts.ReportInterval.String(),
		"DELETION_HOLD="+s.opts.DeletionHold.String(),
		"JOURNAL_INTERVAL="+s.opts.JournalInterval.String(),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+s.opts.Collector,
	)
	s.env = append(s.env, s.temporalEnv()...)
	return s.writeEnvFile()
}

// Env is the environment of our processes.
func (s *Stack) Env() []string { return slices.Clone(s.env) }

func (s *Stack) writeEnvFile() error {
	file, err := os.CreateTemp("", "advocatesync-*.env") // readable by its owner alone
	if err != nil {
		return err
	}
	s.EnvFile = file.Name()
	s.onClose(func() error { return os.Remove(s.EnvFile) })
	for _, variable := range s.env {
		name, value, _ := strings.Cut(variable, "=")
		if name == "PATH" {
			value = s.binaries + ":" + value
		}
		fmt.Fprintf(file, "export %s='%s'\n", name, value)
	}
	return file.Close()
}

// inherited is what our processes take over from us: enough to run, nothing
// that configures them.
func inherited() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// StartStarter starts "starter serve".
func (s *Stack) StartStarter(ctx context.Context) (err error) {
	s.starter, err = launch(ctx, "starter", s.binary("starter"), []string{"serve"}, s.env, s.opts.Log, s.StarterURL+"/readyz")
	return err
}

// StartWorker starts the worker.
func (s *Stack) StartWorker(ctx context.Context) (err error) {
	env := s.env
	if s.opts.BuildID != "" {
		env = slices.Concat(env, versioned(s.opts.BuildID))
	}
	s.worker, err = launch(ctx, "worker", s.binary("worker"), nil, env, s.opts.Log, s.WorkerURL+"/readyz")
	return err
}

// Deployment is the name of the worker deployment that versioned workers belong
// to.
const Deployment = "advocatesync"

func versioned(buildID string) []string {
	return []string{"WORKER_DEPLOYMENT_NAME=" + Deployment, "WORKER_BUILD_ID=" + buildID}
}

// AddWorker starts one more worker: of the version buildID, or without one. It
// stops with the stack, or before that by stop, as SIGTERM stops it.
func (s *Stack) AddWorker(ctx context.Context, buildID string) (stop func() error, err error) {
	address, err := s.reserve(ctx, 0)
	if err != nil {
		return nil, err
	}
	env := slices.Concat(s.env, []string{"WORKER_LISTEN_ADDR=" + address})
	if buildID != "" {
		env = append(env, versioned(buildID)...)
	}
	added, err := launch(ctx, "worker "+buildID, s.binary("worker"), nil, env, s.opts.Log, "http://"+address+"/readyz")
	if err != nil {
		return nil, err
	}
	s.onClose(added.stop)
	return added.stop, nil
}

// UseBinaries has the processes that are started from now on be those of a folder
// that Build filled, or a Build of other sources. What runs is left alone.
func (s *Stack) UseBinaries(dir string) { s.binaries = dir }

// Store opens the system's database beside its processes. The caller closes it.
func (s *Stack) Store(ctx context.Context) (*store.Store, error) {
	sealer, err := seal.NewSealer(s.key)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, s.DatabaseURL(), sealer)
}

// KillWorker ends the worker with SIGKILL.
func (s *Stack) KillWorker() error { return s.worker.kill() }

// StopWorker ends the worker with SIGTERM and waits for it.
func (s *Stack) StopWorker() error { return s.worker.stop() }

// StopStarter ends the starter with SIGTERM and waits for it.
func (s *Stack) StopStarter() error { return s.starter.stop() }

// KillStarter ends the starter with SIGKILL.
func (s *Stack) KillStarter() error { return s.starter.kill() }

func (s *Stack) binary(name string) string { return filepath.Join(s.binaries, name) }

// Command runs a one-off starter command and returns what it prints. Extra
// variables come on top of the environment that "starter serve" has.
func (s *Stack) Command(ctx context.Context, extra []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.binary("starter"), args...)
	cmd.Env = slices.Concat(s.env, extra)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("starter %s: %w\n%s", args[0], err, exit.Stderr)
	}
	return string(out), err
}

func (s *Stack) onClose(f func() error) { s.closers = append(s.closers, f) }

// Close stops everything, our processes first.
func (s *Stack) Close() error {
	var errs []error
	for _, p := range []*process{s.worker, s.starter} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}
