package model

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"advocatesync/internal/bridge"
)

// verb is one kind of thing that happens.
type verb int

// What people do in HubSpot, what people do in Advocate, and what time brings:
// events arrive, lives are lived, reports run.
const (
	create verb = iota
	form
	setEmail
	setCode
	setCookie
	setName
	wipeIDs
	remap
	archive
	restore
	erase
	mergeContacts
	join
	rename
	readdress
	newCode
	removeByStaff
	loseAnswer // of the vendor call that it interrupts
	failCall   // which it interrupts
	ninetyDays // pass since anybody was deleted
	deliver
	live
	report
	quiet
)

var verbNames = map[verb]string{
	create: "create", form: "form", setEmail: "setEmail", setCode: "setCode", setCookie: "setCookie", setName: "setName",
	wipeIDs: "wipeIDs", remap: "remap", archive: "archive", restore: "restore", erase: "erase", mergeContacts: "mergeContacts",
	join: "join", rename: "rename", readdress: "readdress", newCode: "newCode", removeByStaff: "removeByStaff",
	loseAnswer: "loseAnswer", failCall: "failCall", ninetyDays: "ninetyDays", deliver: "deliver", live: "live", report: "report", quiet: "quiet",
}

// step is one thing that happens. a, b and c choose among what there is at that
// moment, modulo its number, so that any three numbers mean something.
type step struct {
	do      verb
	a, b, c int
	during  []interruption // live and report only
}

// interruption is something that happens while a life or a report is under way.
type interruption struct {
	call int // before its n-th call to a vendor, from 1; 0: while it waits for time to pass
	step step
}

// plan is one sequence, and what holds during it.
type plan struct {
	rules bridge.Rules
	lag   int // how many reads do not show a new contact yet
	steps []step
}

// String shows a plan as the Go literal that runs it again.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan{%#v, %d, []step{\n", p.rules, p.lag)
	for _, s := range p.steps {
		fmt.Fprintf(&b, "\t%s,\n", s)
	}
	b.WriteString("}}")
	return b.String()
}

func (s step) String() string {
	text := fmt.Sprintf("{%s, %d, %d, %d, ", verbNames[s.do], s.a, s.b, s.c)
	if len(s.during) == 0 {
		return text + "nil}"
	}
	inner := make([]string, len(s.during))
	for i, d := range s.during {
		inner[i] = fmt.Sprintf("{%d, step%s}", d.call, d.step)
	}
	return text + "[]interruption{" + strings.Join(inner, ", ") + "}}"
}

// often repeats a verb so that it is drawn more often than others.
func often(n int, v ...verb) []verb {
	var all []verb
	for range n {
		all = append(all, v...)
	}
	return all
}

var (
	byPeople = append(append(often(4, create, remap), often(2, archive, restore, erase, mergeContacts, setEmail, join, newCode)...),
		form, setCode, setCookie, setName, wipeIDs, rename, readdress, removeByStaff, ninetyDays)
	// What may interrupt; a life may also be lived while another one waits.
	interrupting = append(append(often(1, byPeople...), often(5, live, deliver)...), often(2, loseAnswer, failCall)...)
	anything     = append(append(often(1, byPeople...), often(6, deliver, live)...), often(3, report, quiet)...)
)

// number draws from 0 to n-1, all alike: rapid's own numbers prefer small ones,
// which would make most sequences about one contact that is created over and over.
func number(t *rapid.T, n int) int {
	bits, value := rapid.Bool(), 0
	for range 10 {
		value *= 2
		if bits.Draw(t, "bit") {
			value++
		}
	}
	return value * n >> 10
}

func drawStep(t *rapid.T, verbs []verb) step {
	return step{do: verbs[number(t, len(verbs))], a: number(t, 8), b: number(t, 8), c: number(t, 8)}
}

func plans(interrupted bool) *rapid.Generator[plan] {
	interruptions := rapid.Custom(func(t *rapid.T) interruption {
		return interruption{call: number(t, 9), step: drawStep(t, interrupting)}
	})
	steps := rapid.Custom(func(t *rapid.T) step {
		s := drawStep(t, anything)
		if interrupted && (s.do == live || s.do == report) {
			s.during = rapid.SliceOfN(interruptions, 0, 3).Draw(t, "during")
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) plan {
		least := 2 + 6*number(t, 5)
		p := plan{rules: bridge.DefaultRules, steps: rapid.SliceOfN(steps, least, 40).Draw(t, "steps")}
		if number(t, 4) == 3 {
			p.lag = number(t, 4)
		}
		if number(t, 8) == 7 {
			p.rules = bridge.Rules{
				ParticipantCreated: number(t, 2) == 1, ParticipantUpdated: number(t, 2) == 1,
				ContactCreated: number(t, 2) == 1, ContactUpdated: number(t, 2) == 1,
			}
		}
		return p
	})
}
