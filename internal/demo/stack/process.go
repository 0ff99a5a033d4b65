package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/sethvargo/go-retry"
)

// process is one of our real binaries, running as production runs it.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
	err  error         // how it ended; valid after done
}

// launch starts a binary and returns once its readiness endpoint says yes, or
// at once where it has none.
func launch(ctx context.Context, name, binary string, args, env []string, log io.Writer, ready string) (*process, error) {
	// It outlives the context of its start: stop and kill end it, in order.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	said := &lastWords{}
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = log, io.MultiWriter(log, said)
	p.cmd.SysProcAttr = childAttributes()
	started := make(chan error, 1)
	go p.own(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if ready == "" {
		return p, nil
	}
	if err := p.await(ctx, ready); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not become ready: %w\n%s", name, err, said), p.kill())
	}
	return p, nil
}

// lastWords keeps the end of what a process prints, for when it fails.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(p []byte) (int, error) {
	const enough = 2048
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-enough):]
	return len(p), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}

// own starts the process and waits for its end on one thread: the kernel ends
// a child with the thread that started it, which must not be retired before.
func (p *process) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

func (p *process) await(ctx context.Context, url string) error {
	backoff := retry.WithMaxDuration(5*time.Minute, retry.NewConstant(50*time.Millisecond))
	return retry.Do(ctx, backoff, func(ctx context.Context) error {
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %w", p.err)
		default:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return retry.RetryableError(err)
		}
		if err := resp.Body.Close(); err != nil {
			return retry.RetryableError(err)
		}
		if resp.StatusCode != http.StatusOK {
			return retry.RetryableError(fmt.Errorf("%s answers %s", url, resp.Status))
		}
		return nil
	})
}

// stop asks the process to end in good order and waits until it has.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// kill ends the process at once, in the middle of whatever it is doing.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}
