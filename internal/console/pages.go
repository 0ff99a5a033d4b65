package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// files are the templates, the style sheet and the script.
//
//go:embed templates/*.html static/*
var files embed.FS

// pages are the parsed templates: one set for each page, over what all share.
type pages struct {
	prefix string // of the public address's path, which a proxy in front takes off
	sets   map[string]*template.Template
}

// shared are the templates that every page can use.
var shared = []string{"templates/layout.html", "templates/parts.html"}

func parsePages(prefix string) (*pages, error) {
	names, err := files.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	p := &pages{prefix: prefix, sets: map[string]*template.Template{}}
	base, err := template.New("").Funcs(p.functions()).ParseFS(files, shared...)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for _, file := range names {
		name := path.Join("templates", file.Name())
		set, err := base.Clone()
		if err == nil {
			set, err = set.ParseFS(files, name)
		}
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		p.sets[strings.TrimSuffix(file.Name(), ".html")] = set
	}
	return p, nil
}

// render writes one template of a page's set.
func (p *pages) render(w io.Writer, page, name string, view any) error {
	set, ok := p.sets[page]
	if !ok {
		return fmt.Errorf("console: there is no page %s", page)
	}
	return set.ExecuteTemplate(w, name, view)
}

func (p *pages) functions() template.FuncMap {
	return template.FuncMap{
		"href": p.href, "hrefAll": func(parts []any) string { return p.href(parts...) }, "under": func(path string) string { return p.prefix + path }, "link": p.link, "homeLink": p.homeLink, "asset": p.asset, "when": newMoment, "count": count, "duration": shortDuration, "sentence": sentence, "outcome": outcomeOf, "operation": operationWords, "subject": subjectOf, "spaced": func(name any) string { return strings.ReplaceAll(fmt.Sprint(name), "_", " ") },
		"plural": plural, "percent": percent, "seconds": func(n int64) string { return shortDuration(time.Duration(n) * time.Second) },
	}
}

// href is the address of a page: its parts are joined with slashes, each escaped.
func (p *pages) href(parts ...any) string {
	var b strings.Builder
	b.WriteString(p.prefix)
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(fmt.Sprint(part)))
	}
	if len(parts) == 0 {
		b.WriteString("/")
	}
	return b.String()
}

// navLink is a link of the navigation.
type navLink struct {
	Text, Address string
	Current       bool // the page, or one below it
}

// link is a link of the navigation; path is the page that it stands on. It is
// current there, below, and on pages that belong to it.
func (p *pages) link(path, text, address string, belonging ...string) navLink {
	path = p.prefix + path
	link := navLink{Text: text, Address: address, Current: slices.Contains(belonging, path)}
	link.Current = link.Current || path == address || strings.HasPrefix(path, address+"/")
	return link
}

// homeLink is a link to a page that others lie below without being part of it.
func (p *pages) homeLink(path, text, address string) navLink {
	return navLink{Text: text, Address: address, Current: p.prefix+path == address}
}

// asset is the address of a file in static/, which changes with its content.
func (p *pages) asset(name string) (string, error) {
	content, err := files.ReadFile("static/" + name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return p.prefix + "/static/" + name + "?v=" + hex.EncodeToString(sum[:6]), nil
}

// moment is a time as a page shows it: in UTC, until the script puts the reader's
// own zone.
type moment struct {
	ISO  string
	Text string
}

func newMoment(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	return moment{ISO: t.Format(time.RFC3339), Text: t.Format("2 Jan 2006 15:04:05 MST")}
}

// count is a number with separators between thousands, which do not break.
func count(n any) string {
	text := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return sign + text
}

// plural is a number with the word for it.
func plural(n any, one, many string) string {
	if fmt.Sprint(n) == "1" {
		return "1 " + one
	}
	return count(n) + " " + many
}

// percent is a part of a whole, from 0 to 100.
func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return min(100, part*100/whole)
}

// shortDuration is how long something takes, with two units at most.
func shortDuration(d time.Duration) string {
	const day = 24 * time.Hour
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	}
}

// aboutDuration is an estimate of how long something takes.
func aboutDuration(seconds int64) string {
	if seconds < 1 {
		return "less than a second"
	}
	return "about " + shortDuration(time.Duration(seconds)*time.Second)
}

// lowerStart is a name in the middle of a sentence.
func lowerStart(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToLower(first)) + text[size:]
}

// sentenceStart is a text with a capital in front, unless a name that has none is
// there, such as a property's.
func sentenceStart(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if name, _, _ := strings.Cut(text, " "); size == 0 || name == "impact.com" || strings.Contains(name, "_") {
		return text
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

// sentence is a text of the operator's as a page says it: with the console's places
// instead of commands, a capital in front and a full stop at its end.
func sentence(text string) string {
	text = sentenceStart(plain(strings.TrimSpace(text)))
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".?!") {
		text += "."
	}
	return text
}
