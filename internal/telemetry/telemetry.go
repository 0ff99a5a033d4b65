// Package telemetry reports on a process: metrics for Prometheus, those of
// Temporal's SDK included, and, if the environment names a collector, traces
// and the same metrics over OTLP.
//
// Traces are Temporal's: one span for each workflow, activity, signal and
// start. They carry our ids and contact ids, as workflow ids do, and no other
// personal data: calls to vendors are not traced, because Advocate's URLs
// contain participant ids.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	prombridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// shutdownTimeout is how long a collector may take to accept the last spans.
const shutdownTimeout = 5 * time.Second

// Telemetry is one process's.
type Telemetry struct {
	// Registry holds every metric of the process.
	Registry *prometheus.Registry

	sdkMetrics client.MetricsHandler
	tracing    interceptor.ClientInterceptor // nil without a collector
	closers    []func(context.Context) error
	log        *slog.Logger
}

// Start prepares the telemetry of a process under its service name. The SDK's
// own variables say where a collector is: OTEL_EXPORTER_OTLP_ENDPOINT, or one
// for traces or metrics alone, and what they document beside it. Without them
// the process sends nothing on its own.
func Start(ctx context.Context, service string, getenv func(string) string, log *slog.Logger) (*Telemetry, error) {
	t := &Telemetry{Registry: prometheus.NewRegistry(), log: log}
	t.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := t.start(ctx, service, getenv); err != nil {
		t.Close()
		return nil, fmt.Errorf("start telemetry: %w", err)
	}
	return t, nil
}

func (t *Telemetry) start(ctx context.Context, service string, getenv func(string) string) error {
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over our own name.
	self, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName(service)), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return err
	}
	reader, err := promexporter.New(promexporter.WithRegisterer(t.Registry), promexporter.WithoutScopeInfo(), promexporter.WithoutTargetInfo())
	if err != nil {
		return err
	}
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	t.closers = append(t.closers, meters.Shutdown)
	t.sdkMetrics = opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: meters.Meter("temporal-sdk-go"), UseMonotonicCounters: true,
	})
	// Exporters fail in the background, where nobody else would report it.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.log.Warn("telemetry", "error", err) }))
	if collector("TRACES", getenv) {
		if err := t.trace(ctx, self); err != nil {
			return err
		}
	}
	if collector("METRICS", getenv) {
		return t.pushMetrics(ctx, self)
	}
	return nil
}

// collector reports whether the environment names one for a kind of signal.
func collector(signal string, getenv func(string) string) bool {
	if getenv("OTEL_SDK_DISABLED") == "true" || getenv("OTEL_"+signal+"_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

func (t *Telemetry) trace(ctx context.Context, self *resource.Resource) error {
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return err
	}
	tracers := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(self))
	t.closers = append(t.closers, tracers.Shutdown)
	t.tracing, err = opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer:            tracers.Tracer("temporal-sdk-go"),
		TextMapPropagator: propagation.TraceContext{},
		DisableBaggage:    true, // it would carry what others put there
	})
	return err
}

// pushMetrics sends everything in the registry.
func (t *Telemetry) pushMetrics(ctx context.Context, self *resource.Resource) error {
	exporter, err := otlpmetricgrpc.New(ctx)
	if err != nil {
		return err
	}
	everything := prombridge.NewMetricProducer(prombridge.WithGatherer(t.Registry))
	reader := metric.NewPeriodicReader(exporter, metric.WithProducer(everything))
	t.closers = append(t.closers, metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(self)).Shutdown)
	return nil
}

// Apply has a Temporal client, and the workers over it, measured and traced.
func (t *Telemetry) Apply(options *client.Options) {
	options.MetricsHandler = t.sdkMetrics
	if t.tracing != nil {
		options.Interceptors = append(options.Interceptors, t.tracing)
	}
}

// Close flushes what is left, for up to five seconds.
func (t *Telemetry) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var errs []error
	for _, closer := range t.closers {
		errs = append(errs, closer(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		t.log.WarnContext(ctx, "the collector did not take everything", "error", err)
	}
}
