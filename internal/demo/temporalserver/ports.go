package temporalserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// port is a loopback port that is ours, held by a listener until it is
// released to the service that will listen on it.
type port struct {
	number int
	held   net.Listener
}

func (p *port) address() string { return net.JoinHostPort(loopback, strconv.Itoa(p.number)) }

// release gives the port to whoever listens next. It may be called twice.
func (p *port) release() {
	if p.held != nil {
		_ = p.held.Close() // a listener without connections has nothing to lose
		p.held = nil
	}
}

// ports are the addresses of the parts of one server. The probe matters: the
// Temporal server panics, and its UI exits the process, on a port that is taken.
type ports struct {
	frontend, history, matching, worker, ui port
}

// reserve takes hold of every port the server will listen on. All are held at
// once, so that no two parts are given the same free one.
func reserve(ctx context.Context, opts Options) (*ports, error) {
	p := new(ports)
	wanted := []struct {
		port   *port
		number int
		what   string
	}{
		{&p.frontend, opts.Port, "frontend"},
		{&p.history, 0, "history service"},
		{&p.matching, 0, "matching service"},
		{&p.worker, 0, "worker service"},
	}
	if opts.UI {
		wanted = append(wanted, struct {
			port   *port
			number int
			what   string
		}{&p.ui, opts.UIPort, "web UI"})
	}
	for _, w := range wanted {
		if err := w.port.hold(ctx, w.number); err != nil {
			p.release()
			return nil, fmt.Errorf("port for the %s: %w", w.what, err)
		}
	}
	return p, nil
}

func (p *port) hold(ctx context.Context, number int) error {
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(number)))
	if err != nil {
		return err
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return errors.Join(fmt.Errorf("listener has no TCP address: %s", ln.Addr()), ln.Close())
	}
	p.number, p.held = addr.Port, ln
	return nil
}

// services are the ports on which the server itself listens.
func (p *ports) services() []*port { return []*port{&p.frontend, &p.history, &p.matching, &p.worker} }

func (p *ports) releaseServices() {
	for _, s := range p.services() {
		s.release()
	}
}

func (p *ports) release() {
	p.releaseServices()
	p.ui.release()
}
