package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// engine speaks to Docker and to compose, as an operator does.
type engine struct {
	compose []string
}

// command runs a program and returns what it prints; an error holds the rest.
func command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}

func (e engine) composed(ctx context.Context, args ...string) (string, error) {
	return command(ctx, append(append([]string{}, e.compose...), args...)...)
}

// starter runs one of the starter's commands in its container, with variables on
// top of the container's own.
func (e engine) starter(ctx context.Context, env []string, args ...string) (string, error) {
	line := []string{"exec", "-T"}
	for _, variable := range env {
		line = append(line, "-e", variable)
	}
	return e.composed(ctx, append(append(line, "starter", "starter"), args...)...)
}

// container is what Docker says of a container, as far as it is looked at.
type container struct {
	ID    string `json:"Id"`
	State struct {
		Running    bool `json:"Running"`
		Pid        int  `json:"Pid"`
		ExitCode   int  `json:"ExitCode"`
		StartedAt  string
		OOMKilled  bool
		FinishedAt string
	}
	Config struct {
		User   string
		Labels map[string]string
	}
	NetworkSettings struct {
		Ports map[string][]struct{ HostIP, HostPort string }
	}
}

func (c container) service() string { return c.Config.Labels["com.docker.compose.service"] }

// containers are those of the project, those that have ended included.
func (e engine) containers(ctx context.Context) ([]container, error) {
	ids, err := e.composed(ctx, "ps", "--all", "--quiet")
	if err != nil {
		return nil, err
	}
	return inspect(ctx, strings.Fields(ids)...)
}

func inspect(ctx context.Context, ids ...string) ([]container, error) {
	if len(ids) == 0 {
		return nil, errors.New("there is no container")
	}
	text, err := command(ctx, append([]string{"docker", "inspect"}, ids...)...)
	if err != nil {
		return nil, err
	}
	var found []container
	err = json.Unmarshal([]byte(text), &found)
	return found, err
}

// of returns the one container of a service.
func (e engine) of(ctx context.Context, service string) (container, error) {
	ids, err := e.composed(ctx, "ps", "--all", "--quiet", service)
	if err != nil {
		return container{}, err
	}
	found, err := inspect(ctx, strings.Fields(ids)...)
	if err != nil {
		return container{}, fmt.Errorf("%s: %w", service, err)
	}
	return found[0], nil
}

// logs prints what our containers said last.
func (e engine) logs(ctx context.Context, out io.Writer) {
	text, err := e.composed(ctx, "logs", "--no-color", "--tail", "60")
	fmt.Fprintln(out, text, err)
}

// down removes the system, its volumes included.
func (e engine) down(ctx context.Context) error {
	if os.Getenv("KEEP") != "" {
		return nil
	}
	_, err := e.composed(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "5")
	return err
}
