package browser_test

import (
	"os"
	"path/filepath"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/browser"
)

// TestPictures takes the pictures of docs/console.md, where PICTURES names a folder
// for them: make pictures.
func TestPictures(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		t.Skip("set PICTURES to a folder")
	}
	s := newScene(t)
	chromium := browser.Start(t)
	tab := chromium.Tab(t, s.URL)
	s.signIn(t, tab, bridge.RoleAdmin)
	for _, p := range []struct {
		name, path string
		width      browser.Width
		scheme     browser.Scheme
	}{
		{"console-overview", "/", browser.Desktop, browser.Light},
		{"console-contact", s.path("/contacts/" + s.person), browser.Tablet, browser.Light},
		{"console-problems", s.path("/problems"), browser.Phone, browser.Dark},
		{"console-mass-sync", s.path("/mass-syncs/9002"), browser.Desktop, browser.Light},
		{"console-switch", s.path("/program/plan?program=48001&way=in_place"), browser.Desktop, browser.Dark},
	} {
		tab.At(p.width, p.scheme)
		tab.Open(p.path)
		if err := os.WriteFile(filepath.Join(dir, p.name+".png"), tab.Picture(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
