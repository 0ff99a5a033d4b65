package temporalserver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"advocatesync/internal/demo/temporalserver"
)

var connectionID = temporal.NewSearchAttributeKeyKeyword("ConnectionId")

var attributes = map[string]enumspb.IndexedValueType{
	connectionID.GetName(): enumspb.INDEXED_VALUE_TYPE_KEYWORD,
}

const queue = "test"

// echo is the workflow of these tests: it returns the search attribute it was
// started with.
func echo(ctx workflow.Context) (string, error) {
	v, _ := workflow.GetTypedSearchAttributes(ctx).GetKeyword(connectionID)
	return v, nil
}

func start(t *testing.T, opts temporalserver.Options) *temporalserver.Server {
	t.Helper()
	srv, err := temporalserver.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(); err != nil {
			t.Error(err)
		}
	})
	return srv
}

func dial(t *testing.T, srv *temporalserver.Server) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: srv.HostPort(), Namespace: srv.Namespace()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// run starts echo with the search attribute set and returns its result.
func run(t *testing.T, c client.Client, id, value string) string {
	t.Helper()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(echo)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	handle, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: queue,
		TypedSearchAttributes: temporal.NewSearchAttributes(connectionID.ValueSet(value)),
	}, echo)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := handle.Get(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestServerRunsAWorkflowFoundByItsSearchAttribute(t *testing.T) {
	t.Parallel()
	srv := start(t, temporalserver.Options{SearchAttributes: attributes})
	c := dial(t, srv)

	if got := run(t, c, "contact/c1/101", "c1"); got != "c1" {
		t.Errorf("the workflow saw ConnectionId %q, want c1", got)
	}

	eventually(t, "the run is listed under its search attribute", func() bool {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: `ConnectionId = "c1" AND ExecutionStatus = "Completed"`,
		})
		return err == nil && len(list.GetExecutions()) == 1
	})
}

func TestServerKeepsClosedWorkflowsForTheRetention(t *testing.T) {
	t.Parallel()
	srv := start(t, temporalserver.Options{Namespace: "sync"})
	c := dial(t, srv)

	ns, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "sync"})
	if err != nil {
		t.Fatal(err)
	}
	if got := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != temporalserver.Retention {
		t.Errorf("retention is %v, want %v", got, temporalserver.Retention)
	}
}

func TestServerDeletesAClosedHistoryWithinSeconds(t *testing.T) {
	t.Parallel()
	srv := start(t, temporalserver.Options{SearchAttributes: attributes})
	c := dial(t, srv)
	run(t, c, "contact/c1/102", "c1")
	closed, err := c.DescribeWorkflowExecution(t.Context(), "contact/c1/102", "")
	if err != nil {
		t.Fatal(err)
	}
	execution := closed.GetWorkflowExecutionInfo().GetExecution()

	if _, err := c.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: srv.Namespace(), WorkflowExecution: execution,
	}); err != nil {
		t.Fatal(err)
	}

	eventually(t, "the closed run is gone", func() bool {
		_, err := c.DescribeWorkflowExecution(t.Context(), execution.GetWorkflowId(), execution.GetRunId())
		var gone *serviceerror.NotFound
		return errors.As(err, &gone)
	})
}

func TestWebUIAnswers(t *testing.T) {
	t.Parallel()
	srv := start(t, temporalserver.Options{UI: true})

	for _, path := range []string{"/", "/healthz", "/api/v1/namespaces/default/workflows"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.UIURL()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s answers %d, want 200", path, resp.StatusCode)
		}
	}
}

func TestServerWithoutUIHasNoUIAddress(t *testing.T) {
	t.Parallel()
	if got := start(t, temporalserver.Options{}).UIURL(); got != "" {
		t.Errorf("UIURL is %q, want none", got)
	}
}

func TestTakenPortIsAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options func(taken int) temporalserver.Options
		want    string
	}{
		"frontend port": {
			func(taken int) temporalserver.Options { return temporalserver.Options{Port: taken} },
			"port for the frontend",
		},
		"web UI port": {
			func(taken int) temporalserver.Options { return temporalserver.Options{UI: true, UIPort: taken} },
			"port for the web UI",
		},
		"one port for both": {
			func(int) temporalserver.Options {
				free := freePort(t)
				return temporalserver.Options{Port: free, UI: true, UIPort: free}
			},
			"port for the web UI",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, err := temporalserver.Start(t.Context(), tt.options(takenPort(t)))
			if err == nil {
				t.Fatalf("the server started on a taken port (stopped: %v)", srv.Stop())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %q, want it to name the %q", err, tt.want)
			}
		})
	}
}

func TestChosenPortsAreUsed(t *testing.T) {
	t.Parallel()
	frontend, ui := freePort(t), freePort(t)
	srv := start(t, temporalserver.Options{Port: frontend, UI: true, UIPort: ui})

	if got, want := srv.HostPort(), net.JoinHostPort("127.0.0.1", strconv.Itoa(frontend)); got != want {
		t.Errorf("HostPort is %s, want %s", got, want)
	}
	if got, want := srv.UIURL(), "http://127.0.0.1:"+strconv.Itoa(ui); got != want {
		t.Errorf("UIURL is %s, want %s", got, want)
	}
}

func TestTooManySearchAttributesAreAnError(t *testing.T) {
	t.Parallel()
	srv, err := temporalserver.Start(t.Context(), temporalserver.Options{SearchAttributes: map[string]enumspb.IndexedValueType{
		"A": enumspb.INDEXED_VALUE_TYPE_BOOL, "B": enumspb.INDEXED_VALUE_TYPE_BOOL,
		"C": enumspb.INDEXED_VALUE_TYPE_BOOL, "D": enumspb.INDEXED_VALUE_TYPE_BOOL,
	}})
	if err == nil {
		t.Fatalf("four Bool attributes fit into three columns (stopped: %v)", srv.Stop())
	}
}

func TestServerCanBeStartedTwiceInOneProcess(t *testing.T) {
	t.Parallel()
	for range 2 {
		srv := start(t, temporalserver.Options{SearchAttributes: attributes})
		if got := run(t, dial(t, srv), "contact/c1/103", "c1"); got != "c1" {
			t.Errorf("the workflow saw ConnectionId %q, want c1", got)
		}
		if err := srv.Stop(); err != nil {
			t.Error(err)
		}
		if err := srv.Stop(); err != nil {
			t.Errorf("second Stop: %v", err)
		}
	}
}

func TestFileKeepsWorkflowsAndGainsSearchAttributes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.db")
	first := start(t, temporalserver.Options{DBFile: file, SearchAttributes: attributes})
	run(t, dial(t, first), "contact/c1/104", "c1")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	later := map[string]enumspb.IndexedValueType{
		connectionID.GetName(): enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"SyncFlow":             enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}
	second := start(t, temporalserver.Options{DBFile: file, SearchAttributes: later})
	c := dial(t, second)
	var got string
	if err := c.GetWorkflow(t.Context(), "contact/c1/104", "").Get(t.Context(), &got); err != nil || got != "c1" {
		t.Errorf("the first server's workflow is %q, %v; want c1", got, err)
	}
	if _, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: `SyncFlow = "report"`}); err != nil {
		t.Errorf("the attribute added on the second start is not known: %v", err)
	}
}

func TestFileServesOneServerAtATime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.db")
	start(t, temporalserver.Options{DBFile: file})

	srv, err := temporalserver.Start(t.Context(), temporalserver.Options{DBFile: file})
	if err == nil {
		t.Fatalf("a second server started on the same file (stopped: %v)", srv.Stop())
	}
	if !strings.Contains(err.Error(), "another server uses this database") {
		t.Errorf("error is %q, want it to say that the file is in use", err)
	}
}

func takenPort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().(*net.TCPAddr).Port
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

// eventually polls until the condition holds; visibility and deletion follow a
// workflow's end with a delay.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // bounds a hang; the machine may be busy
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
