package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/telemetry"
)

func nothing(string) string { return "" }

func TestStart_withoutACollectorTracesNothing(t *testing.T) {
	t.Parallel()
	tell, err := telemetry.Start(t.Context(), "test", nothing, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer tell.Close()
	var options client.Options
	tell.Apply(&options)
	if options.MetricsHandler == nil || len(options.Interceptors) != 0 {
		t.Errorf("options %+v", options)
	}
	options.MetricsHandler.WithTags(map[string]string{"namespace": "default"}).Counter("temporal_request").Inc(2)
	if n, err := testutil.GatherAndCount(tell.Registry, "temporal_request_total"); err != nil || n != 1 {
		t.Errorf("the SDK's counter shows %d times, %v", n, err)
	}
}

// collector takes what is sent to it over OTLP.
type collector struct {
	tracepb.UnimplementedTraceServiceServer
	metricspb.UnimplementedMetricsServiceServer
	mu      sync.Mutex
	metrics []string
}

type metricsServer struct {
	metricspb.UnimplementedMetricsServiceServer
	*collector
}

func (s metricsServer) Export(_ context.Context, in *metricspb.ExportMetricsServiceRequest) (*metricspb.ExportMetricsServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range in.GetResourceMetrics() {
		for _, scope := range r.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				s.metrics = append(s.metrics, m.GetName())
			}
		}
	}
	return &metricspb.ExportMetricsServiceResponse{}, nil
}

func TestStart_sendsEverythingToTheCollectorThatTheEnvironmentNames(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, got := grpc.NewServer(), &collector{}
	metricspb.RegisterMetricsServiceServer(server, metricsServer{collector: got})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())

	tell, err := telemetry.Start(t.Context(), "test", func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "set", "OTEL_TRACES_EXPORTER": ""}[name]
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	telemetry.ContactLag(tell.Registry)("c1", time.Second)
	var options client.Options
	tell.Apply(&options)
	if len(options.Interceptors) != 1 {
		t.Errorf("%d interceptors, want the tracing one", len(options.Interceptors))
	}
	tell.Close()
	got.mu.Lock()
	defer got.mu.Unlock()
	if !strings.Contains(strings.Join(got.metrics, " "), "advocatesync_contact_lag_seconds") {
		t.Errorf("the collector got %v", got.metrics)
	}
}

func TestFigures_showEveryConnectionByItsIDAlone(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	telemetry.ConnectionMetrics(registry, telemetry.ConnectionSource{
		Metrics: func(context.Context) ([]store.ConnectionMetrics, error) {
			return []store.ConnectionMetrics{{
				ConnectionID: "c1", Active: true, WaitingEvents: 3, SinceReport: time.Minute, CallsInWindow: 55,
				Parked: map[string]int64{"half_pair": 2}, MassSync: true, MassSyncRows: store.Counts{Total: 10, Updated: 4},
			}}, nil
		},
		Stuck: func(context.Context) ([]bridge.StuckWork, error) {
			return []bridge.StuckWork{stuckFor(time.Hour), stuckFor(2 * time.Hour), stuckFor(time.Minute)}, nil
		},
	}, 110, slog.New(slog.DiscardHandler))
	want := `
# HELP advocatesync_hubspot_budget_used_ratio HubSpot calls of the last 10 seconds, as a share of what the portal grants.
# TYPE advocatesync_hubspot_budget_used_ratio gauge
advocatesync_hubspot_budget_used_ratio{connection="c1"} 0.5
# HELP advocatesync_parked_items Work that waits for a person, by cause.
# TYPE advocatesync_parked_items gauge
advocatesync_parked_items{cause="half_pair",connection="c1"} 2
# HELP advocatesync_report_lag_seconds Advocate to HubSpot: age of the moment up to which all changes in Advocate were handled.
# TYPE advocatesync_report_lag_seconds gauge
advocatesync_report_lag_seconds{connection="c1"} 60
# HELP advocatesync_stuck_work_seconds How long work has not moved that should have, by kind; left out: it moves.
# TYPE advocatesync_stuck_work_seconds gauge
advocatesync_stuck_work_seconds{connection="c1",work="parked_retry"} 7200
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"advocatesync_hubspot_budget_used_ratio", "advocatesync_parked_items", "advocatesync_report_lag_seconds", "advocatesync_stuck_work_seconds"); err != nil {
		t.Error(err)
	}
}

// stuckFor is one of several retries.
func stuckFor(d time.Duration) bridge.StuckWork {
	return bridge.StuckWork{OpenWork: bridge.OpenWork{ConnectionID: "c1", Work: bridge.WorkParkedRetry, Count: 1, Idle: d}}
}

// Temporal's absence must not take the alerts about the rest with it.
func TestFigures_doNotNeedTemporal(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	telemetry.ConnectionMetrics(registry, telemetry.ConnectionSource{
		Metrics: func(context.Context) ([]store.ConnectionMetrics, error) {
			return []store.ConnectionMetrics{{ConnectionID: "c1"}}, nil
		},
		Stuck: func(context.Context) ([]bridge.StuckWork, error) { return nil, errors.New("away") },
	}, 110, slog.New(slog.DiscardHandler))
	if n, err := testutil.GatherAndCount(registry, "advocatesync_connection_active"); err != nil || n != 1 {
		t.Errorf("%d connections are shown, %v", n, err)
	}
}

func TestFigures_areMissingNotZeroWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	telemetry.ConnectionMetrics(registry, telemetry.ConnectionSource{
		Metrics: func(context.Context) ([]store.ConnectionMetrics, error) { return nil, errors.New("away") },
		Stuck:   func(context.Context) ([]bridge.StuckWork, error) { return nil, errors.New("away") },
	}, 110, slog.New(slog.DiscardHandler))
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("%v, %v", families, err)
	}
}
