package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
)

// ours are the services that are made from our own images.
var ours = []string{"worker", "starter", "standins"}

// starts brings everything up and waits until our processes are ready.
func (c *check) starts(ctx context.Context) error {
	if _, err := c.composed(ctx, "up", "--detach", "--no-build"); err != nil {
		return err
	}
	return c.ready(ctx)
}

// ready waits for both processes, over the ports that are published.
func (c *check) ready(ctx context.Context) error {
	for name, url := range map[string]string{"starter": "http://127.0.0.1:8080/readyz", "worker": "http://127.0.0.1:8081/readyz"} {
		if err := c.until(ctx, name+" is ready", func(ctx context.Context) (bool, error) { return answers(ctx, url) }); err != nil {
			return err
		}
	}
	return nil
}

func answers(ctx context.Context, url string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}

// isConfined looks at the containers as the kernel has them, not at what the
// compose file asked for.
func (c *check) isConfined(ctx context.Context) error {
	all, err := c.containers(ctx)
	if err != nil {
		return err
	}
	for _, is := range all {
		for port, at := range is.NetworkSettings.Ports {
			for _, binding := range at {
				if ip := net.ParseIP(binding.HostIP); ip == nil || !ip.IsLoopback() {
					return fmt.Errorf("%s: port %s is published on %q, beyond this machine", is.service(), port, binding.HostIP)
				}
			}
		}
		if !slices.Contains(ours, is.service()) {
			continue
		}
		if err := confined(is); err != nil {
			return fmt.Errorf("%s: %w", is.service(), err)
		}
		c.held("%s: not root, no capabilities, none to be gained, nothing to write to", is.service())
	}
	c.held("%d containers publish on 127.0.0.1 alone", len(all))
	return nil
}

// confined reads what the kernel knows of a container's first process.
func confined(is container) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", is.State.Pid))
	if err != nil {
		return err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	var errs []error
	for name, want := range map[string]string{
		"Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532", "NoNewPrivs": "1", "Seccomp": "2",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
	} {
		if fields[name] != want {
			errs = append(errs, fmt.Errorf("the process has %s %q, want %q", name, fields[name], want))
		}
	}
	return errors.Join(append(errs, readOnly(is.State.Pid))...)
}

// none is the kernel's way to write an empty set of capabilities.
const none = "0000000000000000"

// docker matches what Docker mounts into every container: devices and cgroups, which
// belong to root, /dev/shm, which is memory, and files such as /etc/hosts, which
// belong to root too.
var docker = regexp.MustCompile(`^/(dev|sys|proc|etc)(/|$)`)

// readOnly reports a file system that a process can write to and that holds more
// than the kernel's own devices and files.
func readOnly(pid int) error {
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line) // device, place, type, options
		if len(f) < 4 || slices.Contains([]string{"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"}, f[2]) {
			continue
		}
		if slices.Contains(strings.Split(f[3], ","), "rw") && !docker.MatchString(f[1]) {
			errs = append(errs, fmt.Errorf("%s can be written to", f[1]))
		}
	}
	return errors.Join(errs...)
}
