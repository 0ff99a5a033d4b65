package console

import (
	"time"

	"advocatesync/internal/api"
	"advocatesync/internal/operator"
)

// quantity is a number on a page. What does not answer is unknown, and what was
// counted a while ago says so.
type quantity struct {
	Known bool
	N     int64  // to be compared with zero, and shown as Text
	Text  string // "1,234", "more than 10,000"
	Age   string // "counted 4 min 2 s ago"; empty: now
}

// sampledBeyond is how many rows of a kind the API counts as it is asked.
const sampledBeyond = 10_000

func quantityOf(n int64, age api.CountsAge, now time.Time) quantity {
	q := quantity{Known: true, N: n, Text: count(n)}
	switch {
	case n < sampledBeyond:
	case n == sampledBeyond && age.AtLeast:
		q.Text = "more than " + q.Text
	case n > sampledBeyond && !age.SampledAt.IsZero():
		q.Age = "counted " + shortDuration(now.Sub(age.SampledAt)) + " ago"
	}
	return q
}

// Of is the quantity with the word for what it counts.
func (q quantity) Of(one, many string) string {
	switch {
	case !q.Known:
		return "an unknown number of " + many
	case q.N == 1:
		return "1 " + one
	case q.Age != "":
		return q.Text + " " + many + " (" + q.Age + ")"
	default:
		return q.Text + " " + many
	}
}

// quantities are the numbers of a connection's status.
type quantities struct {
	Contacts, Items, Events, Deletions quantity
	Calls                              quantity
}

func quantitiesOf(s api.ConnectionStatus, now time.Time) quantities {
	var q quantities
	if !unknownPart(s, operator.PartCounts) {
		q.Contacts, q.Items, q.Events = quantityOf(s.MappedContacts, s.CountsAge, now), quantityOf(s.ParkedItems, s.CountsAge, now), quantityOf(s.WaitingEvents, s.CountsAge, now)
		q.Calls = quantityOf(int64(s.HubSpotCalls), api.CountsAge{}, now)
	}
	if !unknownPart(s, operator.PartDeletions) {
		q.Deletions = quantityOf(s.DeletionsWaiting, api.CountsAge{}, now)
	}
	return q
}

// partNames are the parts of a status for people.
var partNames = map[operator.StatusPart]string{
	operator.PartCounts:    "the numbers of contacts, problems, events and calls",
	operator.PartStuck:     "whether work is stuck",
	operator.PartSchedule:  "the schedule of reports, which Temporal keeps",
	operator.PartAgreement: "whether both sides agree",
	operator.PartDeletions: "the deletions that wait",
	operator.PartJournal:   "the journal",
	operator.PartImpact:    "the account at impact.com",
	operator.PartMassSync:  "the latest mass sync",
}

func unknownWords(s api.ConnectionStatus) []string {
	var names []string
	for _, part := range s.Unknown {
		names = append(names, partNames[part])
	}
	return names
}
