package store

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

const (
	// updateRows and matchRows bound the rows of a page. A page of updates takes one
	// call (HubSpot docs: batch calls take at most 100 inputs). A page of matches
	// takes several: of a hundred rows, those to create and those to update would each
	// leave a call half empty.
	updateRows = 100
	matchRows  = 300
	// planChunk is how many rows are read, decided and written back at a time.
	planChunk = 5000
)

// Scalar subqueries instead of joins, so that each is looked up through its index,
// even if the planner has no statistics of the tables.
const selectUndecided = `
SELECT s.ordinal, s.email_hash IS NOT NULL, coalesce(s.date_created >= $3, false), s.row_hash,
       (SELECT pl.row_hash FROM participant_ledger pl
         WHERE pl.connection_id = $2 AND pl.identity_hash = s.identity_hash),
       (SELECT bool_and(l.written_hash IS NOT DISTINCT FROM s.shared_hash)
          FROM mapping m
          LEFT JOIN contact_ledger l ON l.connection_id = m.connection_id AND l.contact_id = m.contact_id
         WHERE m.connection_id = $2 AND m.account_id = s.account_id AND m.user_id = s.user_id),
       EXISTS (SELECT 1 FROM tombstone t
                WHERE t.connection_id = $2 AND t.key_hash IN (s.email_hash, s.identity_hash)),
       EXISTS (SELECT 1 FROM former_mapping f
                WHERE f.connection_id = $2 AND f.account_id = s.account_id AND f.user_id = s.user_id AND f.ending = 'deleted'
                  AND f.ended_at >= coalesce(s.date_created, '-infinity'))
  FROM staged_participant s
 WHERE s.run_id = $1 AND s.ordinal > $4
 ORDER BY s.ordinal
 LIMIT $5`

const updateDecided = `
UPDATE staged_participant s
   SET plan = d.plan, page = d.page, state = d.state, result = d.result
  FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::text[], $6::text[]) AS d (ordinal, plan, page, state, result)
 WHERE s.run_id = $1 AND s.ordinal = d.ordinal`

const updatePlanned = `
UPDATE sync_run
   SET state = 'planned', pages = $2, to_update = $3, to_match_or_create = $4,
       unchanged = $5, blocked = $6, no_email = $7
 WHERE id = $1`

// PlanRun decides for every staged row what to do in HubSpot, by the current rules,
// and puts the rows with something to do on pages, each of one plan. The other rows
// get their result at once. It does all or nothing, and nothing to a run that is
// planned already. fullPass distinguishes a mass sync and a retry from a report.
func (s *Store) PlanRun(ctx context.Context, runID int64, fullPass bool) (Counts, error) {
	var counts Counts
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil {
			return err
		}
		switch run.State {
		case RunStaged:
			err = planRows(ctx, tx, run, fullPass)
		case RunPlanned, RunDone:
		default:
			err = run.refused("plan")
		}
		if err == nil {
			counts, err = runCounts(ctx, tx, runID)
		}
		return err
	})
	if err != nil {
		return Counts{}, wrap(err, "plan run %d", runID)
	}
	return counts, nil
}

func planRows(ctx context.Context, tx pgx.Tx, run Run, fullPass bool) error {
	p := planner{run: run, fullPass: fullPass, pages: map[bridge.Plan]*openPage{}, counts: map[bridge.Plan]int64{}}
	if err := tx.QueryRow(ctx, `
SELECT rule_participant_created AND NOT mapped_only, rule_participant_updated AND NOT mapped_only
  FROM connection, sync_run
 WHERE connection.id = $1 AND sync_run.id = $2`, run.ConnectionID, run.ID).Scan(
		&p.rules.ParticipantCreated, &p.rules.ParticipantUpdated); err != nil {
		return err
	}
	for last := int64(0); ; {
		chunk, err := p.decideChunk(ctx, tx, last)
		if err != nil {
			return err
		}
		if len(chunk.ordinals) == 0 {
			break
		}
		if _, err := tx.Exec(ctx, updateDecided, run.ID, chunk.ordinals, chunk.plans, chunk.pages, chunk.states, chunk.results); err != nil {
			return err
		}
		last = chunk.ordinals[len(chunk.ordinals)-1]
	}
	_, err := tx.Exec(ctx, updatePlanned, run.ID, p.lastPage, p.counts[bridge.PlanUpdate], p.counts[bridge.PlanMatchOrCreate],
		p.counts[bridge.PlanUnchanged], p.counts[bridge.PlanBlocked], p.counts[bridge.PlanNoEmail])
	return err
}

// planner decides rows in the order of the export.
type planner struct {
	run      Run
	rules    bridge.Rules
	fullPass bool

	lastPage int
	pages    map[bridge.Plan]*openPage
	counts   map[bridge.Plan]int64
}

// openPage is the page that gets the next row of a plan.
type openPage struct{ number, rows int }

// decisions are the columns of updateDecided.
type decisions struct {
	ordinals []int64
	plans    []string
	pages    []*int
	states   []string
	results  []*Result
}

func (p *planner) decideChunk(ctx context.Context, tx pgx.Tx, after int64) (decisions, error) {
	var d decisions
	rows, err := tx.Query(ctx, selectUndecided, p.run.ID, p.run.ConnectionID, sinceOrNever(p.run.Since), after, planChunk)
	if err != nil {
		return d, err
	}
	var (
		ordinal            int64
		hasEmail, young    bool
		rowHash, knownHash []byte
		inStep             *bool // null: unmapped
		erased, deleted    bool
	)
	_, err = pgx.ForEachRow(rows, []any{&ordinal, &hasEmail, &young, &rowHash, &knownHash, &inStep, &erased, &deleted}, func() error {
		d.add(p, ordinal, bridge.DecideParticipant(bridge.ParticipantSnapshot{
			Mapped:    inStep != nil,
			InStep:    inStep != nil && *inStep && !p.run.Verify,
			Tombstone: erased,
			Deleted:   deleted,
			HasEmail:  hasEmail,
			New:       young && knownHash == nil,
			Handled:   bytes.Equal(knownHash, rowHash),
			Rules:     p.rules,
			FullPass:  p.fullPass,
		}))
		return nil
	})
	return d, err
}

// sinceOrNever returns nil for a run over all rows, which does not tell new rows
// apart.
func sinceOrNever(since time.Time) *time.Time {
	if since.IsZero() {
		return nil
	}
	return &since
}

func (d *decisions) add(p *planner, ordinal int64, plan bridge.Plan) {
	p.counts[plan]++
	var (
		state  = "done"
		page   *int
		result *Result
	)
	switch plan {
	case bridge.PlanUpdate, bridge.PlanMatchOrCreate:
		state, page = "planned", new(p.nextPlace(plan))
	case bridge.PlanUnchanged:
		result = new(ResultUnchanged)
	case bridge.PlanBlocked:
		result = new(ResultBlocked)
	case bridge.PlanNoEmail:
		result = new(ResultNoEmail)
	}
	d.ordinals = append(d.ordinals, ordinal)
	d.plans = append(d.plans, string(plan))
	d.pages = append(d.pages, page)
	d.states = append(d.states, state)
	d.results = append(d.results, result)
}

// nextPlace returns the page of the next row with a plan; pages count from 1.
func (p *planner) nextPlace(plan bridge.Plan) int {
	rows := updateRows
	if plan == bridge.PlanMatchOrCreate {
		rows = matchRows
	}
	open := p.pages[plan]
	if open == nil || open.rows == rows {
		p.lastPage++
		open = &openPage{number: p.lastPage}
		p.pages[plan] = open
	}
	open.rows++
	return open.number
}
