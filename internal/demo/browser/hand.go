package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	protocol "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Hand is how a person works a page.
type Hand string

// The hands. What works with all of them works for everybody.
const (
	Mouse     Hand = "mouse"
	Keys      Hand = "keyboard alone"
	NoScripts Hand = "mouse, without scripts"
)

// Use changes the hand. Scripts that a page has run already stay run.
func (tab *Tab) Use(hand Hand) {
	tab.t.Helper()
	tab.hand = hand
	call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: hand == NoScripts})
}

// Hand is the hand in use.
func (tab *Tab) Hand() Hand { return tab.hand }

// finders find an element as a person names it: a link or a button by its text, a
// field by its label. What is not visible is not there. An element whose whole
// text is the name goes before one that contains it.
const finders = `(() => {
  const text = (e) => (e.innerText || e.textContent || "").replace(/\s+/g, " ").trim();
  const best = (all, name) => all.find((e) => text(e) === name) || all.find((e) => text(e).includes(name));
  const visible = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility());
  return {
    act: (name) => best(visible("a, button, summary"), name),
    field: (name) => best(visible("label").filter((l) => l.control && !l.control.disabled), name)?.control ||
      visible("input, select, textarea").find((e) => e.getAttribute("aria-label") === name),
  };
})()`

func act(name string) string   { return fmt.Sprintf("%s.act(%q)", finders, name) }
func field(name string) string { return fmt.Sprintf("%s.field(%q)", finders, name) }

// Follow presses the link or button with a text, and waits for the page to which it
// leads. It returns the page's status.
func (tab *Tab) Follow(name string) (status int64) {
	tab.t.Helper()
	return tab.load("follow "+name, func() chromedp.Action[chromedp.Void] { return tab.press(act(name), kb.Enter) })
}

// Press presses what leads to no other page.
func (tab *Tab) Press(name string) {
	tab.t.Helper()
	tab.do("press "+name, tab.press(act(name), kb.Enter))
}

// Fill types into the field with a label, over whatever was there.
func (tab *Tab) Fill(label, text string) {
	tab.t.Helper()
	// With the keyboard, getting there is the whole way of reaching a field.
	tab.do("go to the field "+label, tab.press(field(label), ""))
	tab.do("type into "+label, chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), typed(text))
	// A browser checks what it takes: a typed line is not there before it is.
	if got := Value[string](tab, field(label)+".value"); got != text {
		tab.t.Fatalf("the field %s, on %s, holds %q, not %q", label, tab.where(), got, text)
	}
}

// typed types a text: short ones key by key, as a person does.
func typed(text string) chromedp.Action[chromedp.Void] {
	const short = 200
	if len(text) <= short && !strings.Contains(text, "\n") {
		return chromedp.KeyEvent(text)
	}
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// Choose ticks the box, or the radio button, with a label.
func (tab *Tab) Choose(label string) {
	tab.t.Helper()
	if !Value[bool](tab, field(label)+".checked") {
		tab.do("choose "+label, tab.press(field(label), " "))
	}
	if !Value[bool](tab, field(label)+".checked") {
		tab.t.Fatalf("%s, on %s, is not chosen", label, tab.where())
	}
}

// Attach gives the file field with a label a file, as the browser's own window does
// in which a person chooses one.
func (tab *Tab) Attach(label, name, content string) {
	tab.t.Helper()
	path := filepath.Join(tab.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tab.t.Fatal(err)
	}
	tab.do("choose a file for "+label, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		found, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: field(label)})
		if err != nil {
			return err
		}
		if found.Result.ObjectID == "" {
			return errNotThere
		}
		_, err = chromedp.Call(ctx, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{path}, ObjectID: found.Result.ObjectID})
		return err
	}))
}

// Submit presses Enter in the field that has the focus, and waits for the page.
func (tab *Tab) Submit() (status int64) {
	tab.t.Helper()
	return tab.load("press Enter", func() chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(kb.Enter) })
}

// Save presses a link to a file, and returns what is saved under a name.
func (tab *Tab) Save(link, name string) string {
	tab.t.Helper()
	dir := tab.t.TempDir()
	// That the file is there says nothing: the browser takes the name first, with an
	// empty file, and moves the content there later.
	var complete atomic.Bool
	ctx, cancel := context.WithCancel(tab.ctx)
	defer cancel()
	err := chromedp.ListenBrowser(ctx, func(event any) {
		if progress, ok := event.(*protocol.EventDownloadProgress); ok && progress.State == protocol.DownloadProgressStateCompleted {
			complete.Store(true)
		}
	})
	if err != nil {
		tab.t.Fatalf("listen for downloads: %v", err)
	}
	tab.do("allow downloads", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, protocol.SetDownloadBehavior, protocol.SetDownloadBehaviorParams{
			Behavior: protocol.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
			DownloadPath: dir, EventsEnabled: new(true),
		})
		return err
	}))
	tab.Press(link)
	tab.Until("save "+name, complete.Load)
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		tab.t.Fatal(err)
	}
	return string(content)
}

// load runs a step and waits until the page that it leads to is loaded.
func (tab *Tab) load(what string, step func() chromedp.Action[chromedp.Void]) (status int64) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, step())
	if err != nil {
		tab.t.Fatalf("%s, on %s: %v\n%s", what, tab.where(), err, tab.Text())
	}
	if answer == nil {
		return 0
	}
	return answer.Status
}

// press brings the hand to an element, and presses: with the mouse, or by walking
// there with the Tab key and pressing a key. No key: it only goes there.
func (tab *Tab) press(element, key string) chromedp.Action[chromedp.Void] {
	if tab.hand == Keys {
		return tab.walkAndPress(element, key)
	}
	return tab.click(element)
}

// click clicks on an element where a person would, in its middle, unless something
// else lies over it.
func (tab *Tab) click(element string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		at, err := chromedp.Evaluate[[]float64](fmt.Sprintf(`(() => {
  const e = %s;
  if (!e) return [];
  e.scrollIntoView({block: "center"});
  const r = e.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2;
  const top = document.elementFromPoint(x, y);
  return top && (e.contains(top) || top.contains(e)) ? [x, y] : [x, y, 0];
})()`, element))(ctx, t)
		switch {
		case err != nil:
			return err
		case len(at) == 0:
			return errNotThere
		case len(at) > 2:
			return errCovered
		}
		_, err = chromedp.MouseClickXY(at[0], at[1])(ctx, t)
		return err
	})
}

// walkAndPress goes to an element with the Tab key, within a group of radio buttons
// with the arrows, and presses a key there.
func (tab *Tab) walkAndPress(element, key string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		stops, err := chromedp.Evaluate[int](`document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]").length`)(ctx, t)
		if err != nil {
			return err
		}
		for step := range stops + 2 {
			stop, err := chromedp.Evaluate[string](fmt.Sprintf(`(() => {
  const wanted = %s, at = document.activeElement;
  if (!wanted) return "missing";
  if (at === wanted) return "there";
  return at.type === "radio" && at.name === wanted.name ? "group" : "";
})()`, element))(ctx, t)
			switch {
			case err != nil:
				return err
			case stop == "missing":
				return errNotThere
			case stop == "there" && key == "":
				return nil
			case stop == "there":
				_, err = chromedp.KeyEvent(key)(ctx, t)
				return err
			case stop == "group":
				_, err = chromedp.KeyEvent(kb.ArrowDown)(ctx, t)
			default:
				_, err = chromedp.KeyEvent(kb.Tab)(ctx, t)
			}
			if err != nil {
				return fmt.Errorf("step %d: %w", step, err)
			}
		}
		return errOutOfReach
	})
}

// Says fails the test unless the page shows every one of some texts.
func (tab *Tab) Says(texts ...string) {
	tab.t.Helper()
	shown := tab.Text()
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			tab.t.Fatalf("%s does not say %q:\n%s", tab.where(), text, shown)
		}
	}
}

// Text is what the page shows, but for its header and navigation.
func (tab *Tab) Text() string {
	tab.t.Helper()
	return Value[string](tab, `document.querySelector("main").innerText`)
}

// Await waits until the page says something, by itself.
func (tab *Tab) Await(text string) {
	tab.t.Helper()
	tab.Until("come to say "+text, func() bool { return strings.Contains(tab.Text(), text) })
}

// Until waits for something to hold.
func (tab *Tab) Until(what string, holds func() bool) {
	tab.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			tab.t.Fatalf("%s does not %s:\n%s", tab.where(), what, tab.Text())
		}
	}
}
