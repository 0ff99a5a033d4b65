package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// JournalInbox stores the journal's events, and knows the mappings.
type JournalInbox interface {
	Inbox
	// ParticipantsEver returns the participants that contacts are or were mapped to. A
	// contact that was never mapped is left out.
	ParticipantsEver(ctx context.Context, connectionID string, contactIDs []string) (map[string][]store.HeldParticipant, error)
}

// JournalConfig configures a Journal. Every field is required.
type JournalConfig struct {
	Inbox       JournalInbox
	Triggers    Triggers
	Wake        func() // called after events were stored; must not block
	WakeObjects func() // likewise, for those that triggers watch
	Metrics     prometheus.Registerer
	Now         func() time.Time
}

// Journal stores the events of HubSpot's journal as the Handler stores those of
// webhooks: the same events under the same keys.
//
// The journal does not say who made a change. An event that may be our own write is
// dropped as an echo, because it brings no news. Triggers hear of contacts by
// webhooks only: we write contacts ourselves, and what a trigger sends is
// irreversible.
type Journal struct {
	parser parser
	sink   *sink
	known  JournalInbox
	events *prometheus.CounterVec
}

// NewJournal returns a Journal and registers its metrics.
func NewJournal(cfg JournalConfig) *Journal {
	return &Journal{
		parser: parser{now: cfg.Now}, known: cfg.Inbox,
		sink: newSink(cfg.Inbox, cfg.Triggers, cfg.Wake, cfg.WakeObjects, cfg.Now),
		events: promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_journal_events_total",
			Help: "Events of HubSpot's journal taken in, by what became of them: duplicates were heard by webhook before, accepted ones were not.",
		}, []string{"disposition"}),
	}
}

// Take stores the rows of a journal file. Rows that cannot be read are counted and
// left out, and so are those of portals without a connection. After an error the
// same rows can be taken again; each counts once.
func (j *Journal) Take(ctx context.Context, rows []json.RawMessage) error {
	var events []parsed
	var heard []journalRow
	for _, raw := range rows {
		row, fault := readRow(raw)
		if fault != "" {
			events = append(events, parsed{becomes: fault})
			continue
		}
		heard = append(heard, row)
	}
	ours, err := j.ours(ctx, heard)
	if err != nil {
		return err
	}
	for i, row := range heard {
		if ours[i] {
			events = append(events, parsed{becomes: Echo})
			continue
		}
		for _, wire := range row.events() {
			events = append(events, j.reduce(row, wire))
		}
	}
	tally, err := j.sink.store(ctx, events)
	if err != nil {
		return err
	}
	for disposition, n := range tally {
		j.events.WithLabelValues(string(disposition)).Add(float64(n))
	}
	return nil
}

// reduce hides from triggers what may be our own write, and events without an exact
// time: under another time than the webhook's they would count as another change.
func (j *Journal) reduce(row journalRow, wire wireEvent) parsed {
	p := j.parser.reduce(wire)
	if p.object != nil && (p.object.objectType == bridge.ObjectContact || !row.exact) {
		p.object = nil
	}
	return p
}

// ours reports which rows may be echoes of our own writes.
func (j *Journal) ours(ctx context.Context, rows []journalRow) ([]bool, error) {
	asked := map[int64][]string{}
	for _, row := range rows {
		if row.mayBeOurs() {
			asked[row.portalID] = append(asked[row.portalID], row.objectID)
		}
	}
	ever := map[int64]map[string][]store.HeldParticipant{}
	for portalID, contacts := range asked {
		known, err := j.sink.portals.find(ctx, portalID)
		if bridge.KindOf(err) == bridge.NotFound {
			continue
		}
		if err == nil {
			ever[portalID], err = j.known.ParticipantsEver(ctx, known.connection, contacts)
		}
		if err != nil {
			return nil, fmt.Errorf("tell our own writes in portal %d: %w", portalID, err)
		}
	}
	ours := make([]bool, len(rows))
	for i, row := range rows {
		ours[i] = row.mayBeOurs() && row.ours(ever[row.portalID][row.objectID])
	}
	return ours, nil
}
