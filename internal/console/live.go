package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A live stream looks as often for news, ends after a while for the browser to
// connect again, and counts among so many of the process. A write that takes
// longer than writeTime means that nobody reads.
const (
	liveEvery  = time.Second
	liveFor    = 10 * time.Minute
	maxStreams = 200
	writeTime  = 10 * time.Second
)

// live is a stream of server-sent events: a region of a page, whenever it changes.
type live struct {
	page   string // whose template "region" is the region
	region func(context.Context) (view viewOf, ended bool, err error)
}

func (l live) write(c *Console, v *visit, w http.ResponseWriter) error {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		return refusal(http.StatusServiceUnavailable, "unavailable", "Too many pages follow live work. Reload to see where it stands.")
	}
	ctx, cancel := context.WithTimeout(v.ctx(), liveFor)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies pass each event on at once
	var last string
	ticks := time.NewTicker(liveEvery)
	defer ticks.Stop()
	for {
		html, ended, err := l.render(ctx, c, v)
		if err != nil {
			return nil // the stream has begun: the browser connects again, and reloading tells what is wrong
		}
		if html != last {
			last = html
			if !send(w, "region", html) {
				return nil
			}
		}
		if ended {
			send(w, "end", "")
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.stopping:
			return nil
		case <-ticks.C:
		}
	}
}

// render is the region as it is now. Whoever's token has ended sees no more.
func (l live) render(ctx context.Context, c *Console, v *visit) (html string, ended bool, err error) {
	if _, err := c.access.Resume(ctx, v.caller); err != nil {
		return "", true, err
	}
	view, ended, err := l.region(ctx)
	if err != nil {
		return "", false, err
	}
	view.setScope(v)
	var out bytes.Buffer
	err = c.pages.render(&out, l.page, "region", view)
	return out.String(), ended, err
}

// send writes one event; false: nobody reads.
func send(w http.ResponseWriter, event, data string) bool {
	controller := http.NewResponseController(w)
	if controller.SetWriteDeadline(time.Now().Add(writeTime)) != nil { // the connection's own clock
		return false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "event: %s\n", event)
	for line := range strings.SplitSeq(data, "\n") {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteString("\n")
	_, err := w.Write([]byte(b.String()))
	return err == nil && controller.Flush() == nil
}
