package store

import (
	"context"
	"time"
)

// RuleEffects counts the contacts and participants that the sharing rules concern.
type RuleEffects struct {
	MappedContacts  int64
	ContactsKeptOut int64   // contacts without a participant because a rule was off
	Counted         Counted // of both

	// ParticipantsKeptOut is how many participants had no contact because a rule was
	// off or the person was erased, at the last mass sync or dry run; CountedAt is
	// zero if there was none.
	ParticipantsKeptOut int64
	CountedAt           time.Time
}

var selectRuleEffects = `
SELECT` + fewOf("mapping m WHERE m.connection_id = c.id") + `,
      ` + fewOf("contact_ledger l WHERE l.connection_id = c.id AND l.state = 'not_shared' AND l.reason = 'rule_off'") + `,
       s.counted_at, s.mapped, s.kept_out,
       coalesce(r.blocked, 0), coalesce(r.finished_at, '0001-01-01Z')
  FROM (SELECT $1::text AS id) c` + lastSample + `
  LEFT JOIN LATERAL (SELECT blocked, finished_at FROM sync_run
                      WHERE connection_id = $1 AND kind = 'mass' AND state = 'done'
                      ORDER BY id DESC LIMIT 1) r ON true`

// RuleEffects counts the contacts and participants that a connection's sharing
// rules concern.
func (s *Store) RuleEffects(ctx context.Context, connectionID string) (e RuleEffects, err error) {
	var mapped, keptOut sampled
	err = s.pool.QueryRow(ctx, selectRuleEffects, connectionID).
		Scan(&e.MappedContacts, &e.ContactsKeptOut, &mapped.at, &mapped.n, &keptOut.n, &e.ParticipantsKeptOut, &e.CountedAt)
	keptOut.at = mapped.at
	e.MappedContacts, e.ContactsKeptOut = e.Counted.of(e.MappedContacts, mapped), e.Counted.of(e.ContactsKeptOut, keptOut)
	return e, wrap(err, "rule_effects of %s", connectionID)
}
