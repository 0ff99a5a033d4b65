package browser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Tab is a tab with cookies of its own. Its methods fail the test instead of
// returning errors. It serves one goroutine.
type Tab struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // chromedp's contexts are its tabs
	origin string          // of the pages, such as http://127.0.0.1:8080
	hand   Hand

	mu         sync.Mutex
	complaints []string
	bytes      int64
}

// Tab opens a tab for the pages of an origin. Any request to another origin is a
// complaint.
func (b *Browser) Tab(t *testing.T, origin string) *Tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	tab := &Tab{t: t, ctx: ctx, origin: origin, hand: Mouse}
	if err := chromedp.Listen(ctx, tab.heard); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	// Each page is loaded as by somebody who comes for the first time.
	call(tab, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	tab.At(Desktop, Light)
	return tab
}

// heard takes what the browser tells of the tab.
func (tab *Tab) heard(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, tab.origin+"/") {
			tab.complain("a request to %s", e.Request.URL)
		}
	case *network.EventLoadingFinished:
		tab.bytes += int64(e.EncodedDataLength)
	case *runtime.EventExceptionThrown:
		tab.complain("a script failed: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		tab.complain("a script wrote to the console: %s", e.Type)
	case *log.EventEntryAdded:
		// That a page was answered with 403 or 422 is what the page itself says.
		refused := e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "responded with a status of 4")
		if !refused && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			tab.complain("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	}
}

func (tab *Tab) complain(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(tab.complaints, text) {
		tab.complaints = append(tab.complaints, text)
	}
}

// Complaints returns what a browser's developer tools complain of since the last
// call: requests to elsewhere, errors, and violations of the page's own policy.
func (tab *Tab) Complaints() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	found := tab.complaints
	tab.complaints = nil
	return found
}

// Bytes returns how many bytes the tab has received since the last call, headers
// included.
func (tab *Tab) Bytes() int64 {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	n := tab.bytes
	tab.bytes = 0
	return n
}

// do runs steps of chromedp, or fails the test.
func (tab *Tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tab.t.Fatalf("%s, on %s: %v", what, tab.where(), err)
	}
}

// call sends one command of the browser's protocol.
func call[P, R any](tab *Tab, command cdp.Command[P, R], params P) {
	tab.t.Helper()
	tab.do(fmt.Sprintf("%T", params), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	}))
}

// Value is what an expression of JavaScript is on the page. A promise is awaited.
func Value[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatalf("%.80s, on %s: %v", expression, tab.where(), err)
	}
	return v
}

// where is the page that the tab shows, for messages.
func (tab *Tab) where() string {
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	where, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "a page that does not answer"
	}
	return strings.TrimPrefix(where, tab.origin)
}

// Path is the address that the tab shows, without its origin.
func (tab *Tab) Path() string {
	tab.t.Helper()
	return Value[string](tab, "location.pathname + location.search")
}

// Open opens a page by its path, as if it were typed into the address bar, and
// waits until it is loaded.
func (tab *Tab) Open(path string) {
	tab.t.Helper()
	tab.do("open "+path, chromedp.Navigate(tab.origin+path))
}

// Why a hand cannot do what it was asked for.
var (
	errNotThere   = errors.New("it is not on the page")
	errCovered    = errors.New("something lies over it")
	errOutOfReach = errors.New("the Tab key does not get there")
)

// Width is how wide a screen is, in CSS pixels.
type Width int64

// The widths that the pages are looked at with.
const (
	Phone   Width = 390
	Tablet  Width = 820
	Desktop Width = 1280
)

// Scheme is the colours that a person prefers.
type Scheme string

// Both colour schemes.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// At gives the tab another screen.
func (tab *Tab) At(width Width, scheme Scheme) {
	tab.t.Helper()
	height := int64(800)
	call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: height, DeviceScaleFactor: 1, Mobile: width == Phone,
	})
	call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: string(scheme)}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// Picture is what the tab's screen shows, as a PNG.
func (tab *Tab) Picture() []byte {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tab.t.Fatalf("take a picture of %s: %v", tab.where(), err)
	}
	return picture
}
