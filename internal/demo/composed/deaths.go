package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/rollout"
)

// standinsComeBack kills the stand-ins. They keep their people in memory, so they die
// before anybody is in them.
func (c *check) standinsComeBack(ctx context.Context) error {
	if err := c.kill(ctx, "standins", func() error { return nil }); err != nil {
		return err
	}
	return c.until(ctx, "both stand-ins answer", func(ctx context.Context) (bool, error) {
		_, hubspot := c.vendors.Traffic(ctx)
		_, _, advocate := c.vendors.ParticipantByEmail(ctx, "nobody@shop.example")
		err := errors.Join(hubspot, advocate)
		return err == nil, err
	})
}

// survivesDeaths kills each container that keeps or does work while there is some for it.
func (c *check) survivesDeaths(ctx context.Context) error {
	if err := c.vendors.RepeatWithin(ctx, repeatWithin); err != nil {
		return err
	}
	for i, service := range []string{"worker", "starter", "postgres", "temporal"} {
		if err := c.kill(ctx, service, func() error {
			_, err := c.form(ctx, fmt.Sprintf("survivor%d@shop.example", i))
			return err
		}); err != nil {
			return err
		}
		if err := errors.Join(c.ready(ctx), c.inStep(ctx, fmt.Sprintf("survivor%d@shop.example", i))); err != nil {
			return err
		}
	}
	return nil
}

// repeatWithin is over what time the stand-in repeats a webhook that nobody took,
// instead of over HubSpot's day: what the starter could not store comes again then.
const repeatWithin = 20 * time.Second

// kill ends a container's first process behind Docker's back, right after some
// work was begun, and waits until the container runs again.
func (c *check) kill(ctx context.Context, service string, work func() error) error {
	before, err := c.of(ctx, service)
	if err != nil {
		return err
	}
	if err := errors.Join(work(), syscall.Kill(before.State.Pid, syscall.SIGKILL)); err != nil {
		return err
	}
	return c.until(ctx, service+" was killed, and is back", func(ctx context.Context) (bool, error) {
		now, err := c.of(ctx, service)
		return now.State.Running && now.State.Pid != before.State.Pid, err
	})
}

// The versions of the worker: that which the system was started with, and the
// next one.
const former, next = "v1", "v2"

// upgrades follows docs/operations.md: the next version beside the former, its
// promotion, the former's end.
func (c *check) upgrades(ctx context.Context) error {
	added, err := c.composed(ctx, "run", "--detach", "--no-deps", "-e", "WORKER_BUILD_ID="+next, "worker")
	if err != nil {
		return err
	}
	c.added = strings.TrimSpace(added)
	if err := c.promote(ctx, next); err != nil {
		return err
	}
	if err := c.role(ctx, former, rollout.Drained); err != nil {
		return err
	}
	if _, err := c.composed(ctx, "stop", "worker"); err != nil {
		return err
	}
	c.held("%s stopped; %s works alone", former, next)
	if _, err := c.form(ctx, "upgraded@shop.example"); err != nil {
		return err
	}
	return c.inStep(ctx, "upgraded@shop.example")
}

// promote makes a version the current one, as soon as its workers are there.
func (c *check) promote(ctx context.Context, build string) error {
	if err := c.until(ctx, build+" is promoted", func(ctx context.Context) (bool, error) {
		_, err := c.starter(ctx, nil, "temporal", "promote", build, "--deployment", stack.Deployment)
		return err == nil, err
	}); err != nil {
		return err
	}
	return c.role(ctx, build, rollout.Current)
}

// role waits until Temporal has a version in a role.
func (c *check) role(ctx context.Context, build string, want rollout.Role) error {
	return c.until(ctx, fmt.Sprintf("%s is %s", build, want), func(ctx context.Context) (bool, error) {
		text, err := c.starter(ctx, nil, "temporal", "versions", "--json", "--deployment", stack.Deployment)
		if err != nil {
			return false, err
		}
		var versions []rollout.Version
		if err := json.Unmarshal([]byte(text), &versions); err != nil {
			return false, err
		}
		return slices.ContainsFunc(versions, func(v rollout.Version) bool { return v.BuildID == build && v.Role == want }), nil
	})
}

// stops asks every process to end. One that Docker had to kill after the grace
// time has the exit code 137.
func (c *check) stops(ctx context.Context) error {
	// compose leaves alone what "run" has started.
	if _, err := command(ctx, "docker", "stop", "--time", "30", c.added); err != nil {
		return err
	}
	if _, err := c.composed(ctx, "stop"); err != nil {
		return err
	}
	all, err := c.containers(ctx)
	if err != nil {
		return err
	}
	for _, is := range all {
		if is.State.Running {
			return fmt.Errorf("%s still runs", is.service())
		}
		if slices.Contains(ours, is.service()) && is.State.ExitCode != 0 {
			return fmt.Errorf("%s ended with %d", is.service(), is.State.ExitCode)
		}
	}
	c.held("worker, starter and standins ended by themselves within the grace time")
	return nil
}
