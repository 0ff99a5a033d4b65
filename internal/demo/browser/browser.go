// Package browser drives a real browser over pages that a test serves: Debian's
// Chromium in CI, on other machines whatever Chromium or Chrome is installed.
//
// A [Tab] does what a person does (open, click, type, press keys) and waits for
// what the page does next. Meanwhile it records what a person with the developer
// tools open would see: requests to elsewhere, errors, and what the page's own
// Content-Security-Policy forbids.
package browser

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long any step may take on a loaded machine. No test measures it.
const patience = 3 * time.Minute

// Browser is a running browser without a window. It ends with its test.
type Browser struct{ ctx context.Context }

// Start starts the browser. A machine without one fails the test: a console that
// nobody has looked at must not pass for one that was.
func Start(t *testing.T) *Browser {
	t.Helper()
	path, err := executable()
	if err != nil {
		t.Fatal("no browser is installed: install Chromium (apt-get install chromium), or name one in BROWSER")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.WSURLReadTimeout(patience),
		// It has no business of its own with the network.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("lang", "en-GB"), chromedp.Flag("hide-scrollbars", true), chromedp.DisableGPU,
	)
	if os.Getuid() == 0 { // Chromium's sandbox needs an ordinary user
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx: ctx}
}

// executable finds the browser that BROWSER names, or one by its usual names.
func executable() (path string, err error) {
	names := []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	}
	if named := os.Getenv("BROWSER"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}
