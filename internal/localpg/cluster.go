// Package localpg runs a private PostgreSQL cluster from the binaries that are
// installed on the machine, so that the demo and the tests need no database to
// be set up and leave none behind.
//
// A cluster listens on a free loopback port, asks for a password of its own
// and dies with the process that started it: on Linux whatever kills that
// process, elsewhere only through Stop. PostgreSQL refuses to run as root; a
// root process therefore runs it as the user postgres, or nobody.
//
// The package is for Unix systems and for data nobody would miss. Production
// gets a DATABASE_URL.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "app"
	loopback  = "127.0.0.1"

	startTimeout = 3 * time.Minute  // includes crash recovery after Crash; the machine may be busy
	stopTimeout  = 20 * time.Second // includes the checkpoint of a fast shutdown
)

// Options says how to run a cluster. The zero value is a throw-away cluster.
type Options struct {
	// Dir keeps the cluster in this directory, made where missing and used by
	// nothing else. A cluster that is in it already is started again. Empty
	// means a temporary directory, removed by Stop.
	Dir string
	// Durable waits for the disk at every commit. Without it a crash of the
	// machine (not of PostgreSQL) may destroy the cluster, and everything that
	// writes is several times faster.
	Durable bool
	// ManyDatabases is for hundreds of databases that live for seconds each, as
	// those of tests do. Autovacuum visits every database once in its naptime, each
	// time with a new process; with the default of a minute that took a tenth of the
	// CPU.
	ManyDatabases bool
}

// Cluster is a PostgreSQL cluster that belongs to this process.
type Cluster struct {
	home     *home
	durable  bool
	crowded  bool
	server   string // path of the postgres executable
	account  account
	password string
	port     int

	mu      sync.Mutex
	process *process // nil while the cluster is down
}

// Installed returns nil if Start can find PostgreSQL on this machine, and
// otherwise ErrNotInstalled with the command that installs it.
func Installed() error {
	_, err := find(os.Getenv("PATH"), knownDirs)
	return err
}

// Start makes the cluster, unless Dir holds one, and returns once it accepts
// connections. The error is ErrNotInstalled, with the command that helps, on a
// machine without PostgreSQL. Stop must be called on the cluster returned.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	found, err := find(os.Getenv("PATH"), knownDirs)
	if err != nil {
		return nil, err
	}
	runAs, err := unprivileged()
	if err != nil {
		return nil, fmt.Errorf("localpg: %w", err)
	}
	h, err := openHome(opts.Dir, runAs)
	if err != nil {
		return nil, fmt.Errorf("localpg: %w", err)
	}
	c := &Cluster{home: h, durable: opts.Durable, crowded: opts.ManyDatabases, server: found.postgres, account: runAs}
	if err := c.start(ctx, found.initdb); err != nil {
		return nil, errors.Join(fmt.Errorf("localpg: %w", err), c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, initdb string) error {
	var err error
	if c.password, err = c.home.initialize(ctx, initdb, c.account, c.durable); err != nil {
		return err
	}
	if c.port, err = freePort(ctx); err != nil {
		return err
	}
	return c.Restart(ctx)
}

// DSN returns the connection string of a database as the cluster's superuser,
// "postgres://app:…@127.0.0.1:5433/orders?sslmode=disable". The database
// "postgres" always exists.
func (c *Cluster) DSN(database string) string {
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(c.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

// CreateDatabase makes a database as a copy of template, to which nobody may be
// connected meanwhile. An empty template means an empty database.
func (c *Cluster) CreateDatabase(ctx context.Context, name, template string) error {
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("localpg: create database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }() // the statement's own error says all there is to say
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		statement += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("localpg: create database %s: %w", name, err)
	}
	return nil
}

// Client returns the path of one of PostgreSQL's client programs, such as pg_dump,
// of the installation that a cluster runs.
func Client(name string) (string, error) {
	b, err := find(os.Getenv("PATH"), knownDirs)
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(b.postgres), name)
	if !executable(path) {
		return "", fmt.Errorf("localpg: there is no %s beside %s: %w", name, b.postgres, ErrNotInstalled)
	}
	return path, nil
}

// Stop ends the cluster, cutting off whoever is connected, and removes a
// temporary directory. It may be called again and after Crash.
func (c *Cluster) Stop() error {
	// PostgreSQL's "fast" shutdown: roll back, checkpoint, exit.
	return errors.Join(c.end(syscall.SIGINT), c.home.close())
}

// Crash ends the cluster as a failure would: without a checkpoint, in the
// middle of whatever it was doing. What was committed is recovered by Restart.
func (c *Cluster) Crash() error {
	// PostgreSQL's "immediate" shutdown. Killing the postmaster outright would
	// leave its children behind, holding on to the shared memory that the next
	// one needs.
	return c.end(syscall.SIGQUIT)
}

func (c *Cluster) end(how syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil
	}
	err := c.process.end(how, stopTimeout)
	c.process = nil
	if err != nil {
		return fmt.Errorf("localpg: %w", err)
	}
	return nil
}

// Restart starts a cluster that Crash ended, on the same files and port, and
// returns once it accepts connections.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return errors.New("localpg: the cluster is running")
	}
	log, err := os.OpenFile(c.home.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("localpg: %w", err)
	}
	defer func() { _ = log.Close() }() // PostgreSQL has a descriptor of its own
	p, err := launch(c.command(log))
	if err != nil {
		return fmt.Errorf("localpg: %w", err)
	}
	if err := c.awaitReady(ctx, p); err != nil {
		return errors.Join(fmt.Errorf("localpg: %w", err), p.end(syscall.SIGQUIT, stopTimeout))
	}
	c.process = p
	return nil
}

// arguments are the settings of the server. Everything else is PostgreSQL's
// default.
func (c *Cluster) arguments() []string {
	args := []string{
		"-D", c.home.data(),
		"-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=" + loopback,
		"-c", "unix_socket_directories=", // no files outside of the cluster's directory
		"-c", "max_connections=200", // test packages open a pool per test
		"-c", "timezone=UTC",
	}
	if !c.durable {
		args = append(args,
			// Commits still reach the operating system one by one, so that a crash
			// of PostgreSQL alone loses nothing: hence synchronous_commit stays on.
			"-c", "fsync=off", "-c", "full_page_writes=off",
			// The planner guesses high where a table was never analysed, as in a new
			// database, and compiling such a query takes longer than running it: up to
			// 100 ms for each of a reconcile's.
			"-c", "jit=off")
	}
	if c.crowded {
		args = append(args, "-c", "autovacuum_naptime=10min")
	}
	return args
}

// awaitReady polls until p takes connections; PostgreSQL has no other way to
// say so. The password makes sure that it is p and not a stranger on its port.
func (c *Cluster) awaitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.done:
			return fmt.Errorf("PostgreSQL ended while starting:\n%s", c.home.logTail())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready: %w (last: %w)", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// freePort returns a loopback port on which nobody listens right now.
func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.Join(fmt.Errorf("listener has no TCP address: %s", ln.Addr()), ln.Close())
	}
	return addr.Port, ln.Close()
}
