package browser

import (
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Stop is where the Tab key stops.
type Stop struct {
	Name    string `json:"name"`
	Visible bool   `json:"visible"` // within the screen, and marked as what has the focus
}

// stops are the elements at which the Tab key has to stop, in the order of the page:
// of a group of radio buttons only one, and nothing in what is folded up.
const stops = `(() => {
  const groups = new Set();
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) => {
    if (e.disabled || e.type === "hidden" || !e.checkVisibility()) return false;
    if (e.type !== "radio") return true;
    const group = e.name, checked = document.querySelector("input[type=radio][name='" + group + "']:checked");
    if (checked ? e !== checked : groups.has(group)) return false;
    groups.add(group);
    return true;
  });
})()`

// nameOf names an element for messages.
const nameOf = `((e) => (e.getAttribute("aria-label") || e.innerText || e.textContent || e.name || e.tagName).replace(/\s+/g, " ").trim() + (e.value ? " " + e.value : ""))`

// Stops lists where the Tab key has to stop on the tab's page.
func (tab *Tab) Stops() []string {
	tab.t.Helper()
	return Value[[]string](tab, stops+".map("+nameOf+")")
}

// Walk goes through the page with the Tab key, and lists where it stops.
func (tab *Tab) Walk() []Stop {
	tab.t.Helper()
	most := len(tab.Stops()) + 1
	var walked []Stop
	for range most {
		tab.do("press the Tab key", chromedp.KeyEvent(kb.Tab))
		stop := Value[*Stop](tab, `(() => {
  const e = document.activeElement, r = e.getBoundingClientRect(), style = getComputedStyle(e);
  if (e === document.body || e === document.documentElement) return null;
  const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return {name: `+nameOf+`(e), visible: marked && r.right > 0 && r.bottom > 0 && r.left < innerWidth && r.top < innerHeight};
})()`)
		if stop == nil { // past the end of the page
			break
		}
		walked = append(walked, *stop)
	}
	return walked
}
