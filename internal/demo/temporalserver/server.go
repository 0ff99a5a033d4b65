// Package temporalserver runs the real Temporal server, and on request its web
// UI, inside the calling process, so that the demo and the end-to-end tests
// need nothing installed.
//
// All four services share one SQLite database, in memory unless a file is
// named. That is a server for one machine and for synthetic data: one history
// shard, no authentication, loopback only. Temporal does not migrate a SQLite
// file from one server version to the next, so a file is disposable too.
package temporalserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/temporal"
)

// Retention is how long a closed workflow stays readable.
const Retention = 72 * time.Hour

// Options says what to start. The zero value is a server in memory on a free
// port, with the namespace "default" and no web UI.
type Options struct {
	// Namespace is created where missing. Empty means "default".
	Namespace string
	// Port is the frontend's port on the loopback interface. 0 means any free one.
	Port int
	// UI adds the web UI.
	UI bool
	// UIPort is the web UI's port on the loopback interface. 0 means any free one.
	UIPort int
	// DBFile keeps the server's state in this SQLite file, made where missing.
	// Empty keeps it in memory. A file serves one server at a time. Removing it
	// and starting again on the same path works only in a new process, because
	// Temporal keeps its SQLite connections for as long as the process lives.
	DBFile string
	// HistoryEvents is after how many events a workflow is told to go on in a fresh
	// history; 0 means the server's 4,096.
	HistoryEvents int
	// SearchAttributes are the namespace's custom search attributes. SQL
	// visibility takes at most 10 of type Keyword and 3 of each other type.
	SearchAttributes map[string]enumspb.IndexedValueType
}

// Server is a running Temporal server.
type Server struct {
	namespace string
	hostPort  string
	temporal  temporal.Server
	ui        *webUI // nil without UI
	db        *database
	silence   func()
	stop      func() error
}

// Start starts a server and returns once it answers. A port that is taken, a
// file that another server holds and more search attributes than SQLite has
// columns for are errors. Stop must be called on the server returned.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Namespace == "" {
		opts.Namespace = "default"
	}
	s := &Server{namespace: opts.Namespace}
	s.stop = sync.OnceValue(s.shutdown)
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start Temporal: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, opts Options) error {
	ports, err := reserve(ctx, opts)
	if err != nil {
		return err
	}
	defer ports.release()
	s.hostPort = ports.frontend.address()

	if s.db, err = openDatabase(opts); err != nil {
		return err
	}
	var logger log.Logger
	if logger, s.silence, err = newLogger(); err != nil {
		return err
	}
	// The server makes its listeners itself and ends the process where it
	// cannot, so its ports are held until the last moment.
	ports.releaseServices()
	srv, err := temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithConfig(serverConfig(ports, s.db.sql)),
		temporal.WithStaticHosts(staticHosts(ports)),
		temporal.WithDynamicConfigClient(dynamicConfig(opts)),
		temporal.WithLogger(logger),
	)
	if err != nil {
		return err
	}
	if err := srv.Start(); err != nil {
		return err
	}
	s.temporal = srv
	if err := s.await(ctx, opts); err != nil {
		return err
	}
	if opts.UI {
		s.ui, err = startUI(ctx, &ports.ui, s.hostPort, s.namespace)
	}
	return err
}

// await returns once the frontend serves the namespace with all its search
// attributes.
func (s *Server) await(ctx context.Context, opts Options) error {
	c, err := client.DialContext(ctx, client.Options{
		HostPort: s.hostPort, Namespace: s.namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if len(opts.SearchAttributes) == 0 {
		return nil
	}
	// A namespace that was in the file already has only the attributes of its
	// own day. Adding one that exists is not an error.
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: s.namespace, SearchAttributes: opts.SearchAttributes,
	})
	return err
}

// HostPort returns the frontend's address, "127.0.0.1:7233".
func (s *Server) HostPort() string { return s.hostPort }

// Namespace returns the name of the namespace that Start made sure of.
func (s *Server) Namespace() string { return s.namespace }

// UIURL returns the address of the web UI, or "" where none was asked for.
func (s *Server) UIURL() string {
	if s.ui == nil {
		return ""
	}
	return s.ui.url
}

// Stop ends the UI and the server and gives the database file free. It takes
// about a second. Stop the workers first. A second call changes nothing and
// returns what the first one did.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) shutdown() error {
	var err error
	if s.ui != nil {
		s.ui.stop()
	}
	if s.temporal != nil {
		s.silence()
		err = s.temporal.Stop()
	}
	if s.db != nil {
		err = errors.Join(err, s.db.close())
	}
	return err
}
