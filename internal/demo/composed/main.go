// Command composed checks, from outside, the system that docker-compose.yml
// describes: it starts it, looks at how its containers are confined, lives
// through a story with both stand-ins, kills every container, brings a new
// version of the worker into work, and stops it. It knows nothing but published
// ports and what Docker says of its containers.
//
// The environment holds what the compose file asks for; COMPOSE is the command
// to use, "docker compose" if it is empty. It runs as root, since it kills
// processes in containers as the kernel would, behind Docker's back.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"advocatesync/internal/demo/seed"
)

// patience is how long a step may take on a busy machine. Nothing is timed.
const patience = 4 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "composed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	command := strings.Fields(os.Getenv("COMPOSE"))
	if len(command) == 0 {
		command = []string{"docker", "compose"}
	}
	c := &check{
		engine:  engine{compose: append(command, "--profile", "standins")},
		out:     out,
		vendors: seed.Vendors{HubSpot: "http://127.0.0.1:9090", Advocate: "http://127.0.0.1:9091"},
	}
	defer func() {
		if err != nil {
			c.logs(context.WithoutCancel(ctx), os.Stderr)
		}
		// Also after an interrupt: nothing is to be left behind.
		err = errors.Join(err, c.down(context.WithoutCancel(ctx)))
	}()
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"It starts, and asks for nothing but the environment that the file names.", c.starts},
		{"Nothing listens beyond this machine, and our processes may do nothing but their work.", c.isConfined},
		{"The stand-ins die before anybody is in them.", c.standinsComeBack},
		{"A portal is joined to a tenant.", c.connects},
		{"The story of the demo.", c.tellsTheStory},
		{"Every other container dies once, while there is work.", c.survivesDeaths},
		{"A new version of the worker takes over.", c.upgrades},
		{"It stops by itself when it is asked to.", c.stops},
	} {
		fmt.Fprintf(out, "\n%s\n", step.title)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\nThe composed system held.")
	return nil
}

// check carries the running system from step to step.
type check struct {
	engine

	out     io.Writer
	vendors seed.Vendors
	added   string // the container of the worker's next version
}

func (c *check) held(format string, values ...any) {
	fmt.Fprintf(c.out, "  ✓ "+format+"\n", values...)
}

// until waits for a condition, and says that it holds.
func (c *check) until(ctx context.Context, what string, holds func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := holds(ctx)
		if ok && err == nil {
			c.held("%s", what)
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not within %s: %s", patience, what), last)
		case <-tick.C:
		}
	}
}
