package e2e

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"

	"advocatesync/internal/demo/stack"
)

// collector keeps the spans that it is sent, as text.
type collector struct {
	tracepb.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans strings.Builder
}

func (c *collector) Export(_ context.Context, in *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans.WriteString(prototext.Format(in))
	return &tracepb.ExportTraceServiceResponse{}, nil
}

func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans.String()
}

// collect starts a collector for a test, and returns its address.
func collect(t *testing.T) (c *collector, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, c := grpc.NewServer(), &collector{}
	tracepb.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	t.Cleanup(server.Stop)
	return c, "http://" + listener.Addr().String()
}

func TestTraces_followAContactFromTheWebhookOnAndNameNobody(t *testing.T) {
	got, address := collect(t)
	s := start(t, stack.Options{Collector: address})
	id := s.createContact(t, map[string]string{"email": person(0), "firstname": "Persephone"})
	eventually(t, patience, "the contact is in step", func() bool { return s.inStep(id, person(0)) })
	s.quiet(t)
	for _, span := range []string{"SignalWithStartWorkflow:ContactLifecycle", "RunWorkflow:ContactLifecycle", "RunActivity:SyncContact"} {
		eventually(t, patience, "the collector has "+span, func() bool { return strings.Contains(got.text(), span) })
	}
	user, _ := s.tenant.User(person(0), person(0))
	for _, personal := range []string{person(0), "Persephone", user.ID, user.ReferralCodes[stack.Program]} {
		if strings.Contains(got.text(), personal) {
			t.Errorf("the traces name %q", personal)
		}
	}
	s.wantNothingPersonal(t, []string{person(0), "Persephone"})
}
