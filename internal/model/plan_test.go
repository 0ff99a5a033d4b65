package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

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
	addEmail // to those that a contact has
	wipeIDs
	remap
	archive
	restore
	erase
	forgeErasure // which did not happen
	mergeContacts
	join
	rename
	readdress
	newCode
	removeByStaff
	winDeal     // of a contact
	moveDeal    // to another stage
	loseAnswer  // of the vendor call that it interrupts
	failCall    // which it interrupts
	die         // as the worker does, at the call that it interrupts
	refuseCall  // which it interrupts: too many, not now, out of order
	outage      // of a vendor, for the next calls to it
	poison      // a contact, whose batches HubSpot fails to take while the run is under way
	failExport  // the next one, which ends badly or never
	spoilExport // a row of the next one, which cannot be read
	ninetyDays  // pass since anybody was deleted
	deliver
	live
	track // a deal, for its triggers
	round // of the triggers' polling
	report
	quiet
	redeliver // some of what was told before, as new events
	loseNews  // for good: nobody ever tells
	reconcile
	massSync
	pauseMass // which is under way; it goes on after some hours
	cancelMass
	switchProgram
	setRules
	pauseConnection // until it is resumed, at the latest when a quiet moment is awaited
	resumeConnection
	importContacts // some at once
	page           // of the contacts that were created, changed or deleted as some of many
)

var verbNames = map[verb]string{
	create: "create", form: "form", setEmail: "setEmail", setCode: "setCode", setCookie: "setCookie", setName: "setName", addEmail: "addEmail",
	wipeIDs: "wipeIDs", remap: "remap", archive: "archive", restore: "restore", erase: "erase", forgeErasure: "forgeErasure", mergeContacts: "mergeContacts",
	join: "join", rename: "rename", readdress: "readdress", newCode: "newCode", removeByStaff: "removeByStaff",
	loseAnswer: "loseAnswer", failCall: "failCall", refuseCall: "refuseCall", redeliver: "redeliver", loseNews: "loseNews", reconcile: "reconcile", massSync: "massSync", pauseMass: "pauseMass", cancelMass: "cancelMass", switchProgram: "switchProgram", setRules: "setRules",
	winDeal: "winDeal", moveDeal: "moveDeal", die: "die", track: "track", round: "round",
	importContacts: "importContacts", page: "page",
	pauseConnection: "pauseConnection", resumeConnection: "resumeConnection",
	outage: "outage", poison: "poison", failExport: "failExport", spoilExport: "spoilExport",
	ninetyDays: "ninetyDays", deliver: "deliver", live: "live", report: "report", quiet: "quiet",
}

// step is one thing that happens. a, b and c choose among what there is at that
// moment, modulo its number, so that any three numbers mean something.
type step struct {
	do      verb
	a, b, c int
	during  []interruption // lives and runs only
}

// interruption is something that happens while a life or a run is under way.
type interruption struct {
	call int // before its n-th call to a vendor, from 1; 0: while it waits for time to pass
	step step
}

// plan is one sequence, and what holds during it.
type plan struct {
	rules bridge.Rules
	lag   int  // how many reads do not show a new contact yet
	pii   bool // mapped contacts share name and email, too
	steps []step
}

// String shows a plan as the Go literal that runs it again.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan{%#v, %d, %t, []step{\n", p.rules, p.lag, p.pii)
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
		form, setCode, setCookie, setName, addEmail, wipeIDs, forgeErasure, rename, readdress, removeByStaff, ninetyDays, setRules,
		winDeal, moveDeal, pauseConnection, resumeConnection)
	// What may interrupt; a life may also be lived while another one waits.
	interrupting = append(append(often(1, byPeople...), often(5, live, deliver)...), often(2, loseAnswer, failCall, die, refuseCall, report, pauseMass, cancelMass, outage, poison)...)
	anything     = append(append(often(1, byPeople...), often(6, deliver, live)...), append(often(3, report, quiet), winDeal, track, round, failExport, spoilExport, redeliver, massSync, switchProgram, loseNews, reconcile)...)
)

// mostSteps is how long a sequence is at most, without what interrupts it.
const mostSteps = 36

// drawPlan draws the plan of one sequence: the same in every run.
func drawPlan(seed uint64, number int) plan {
	d := drawing{rand.New(rand.NewPCG(seed, uint64(number)))}
	interrupted := d.IntN(2) == 0
	p := plan{rules: bridge.DefaultRules, steps: make([]step, 2+d.IntN(mostSteps-1))}
	drawn := anything
	if *pages {
		drawn = append(slices.Clone(anything), often(3, importContacts, page)...)
	}
	for i := range p.steps {
		p.steps[i] = d.step(drawn)
		if interrupted && slices.Contains([]verb{live, track, round, report, massSync, switchProgram, reconcile}, p.steps[i].do) {
			p.steps[i].during = d.interruptions()
		}
	}
	if d.IntN(4) == 0 {
		p.lag = d.IntN(4)
	}
	if d.IntN(8) == 0 {
		p.rules = rulesOf(d.IntN(16))
	}
	p.pii = d.IntN(8) == 0
	return p
}

// drawing draws the parts of a plan.
type drawing struct{ *rand.Rand }

func (d drawing) step(verbs []verb) step {
	return step{do: verbs[d.IntN(len(verbs))], a: d.IntN(8), b: d.IntN(8), c: d.IntN(8)}
}

func (d drawing) interruptions() []interruption {
	all := make([]interruption, d.IntN(4))
	for i := range all {
		all[i] = interruption{call: d.IntN(9), step: d.step(interrupting)}
	}
	return all
}

// rulesOf is one of the sixteen ways to set the sharing rules; 15 is the default.
func rulesOf(n int) bridge.Rules {
	return bridge.Rules{
		ParticipantCreated: n&1 != 0, ParticipantUpdated: n&2 != 0, ContactCreated: n&4 != 0, ContactUpdated: n&8 != 0,
	}
}
