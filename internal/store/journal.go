package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Journal is the installation's position in HubSpot's webhooks journal.
type Journal struct {
	Offset string    // of the last file whose events are in the inbox; empty: read from the earliest file
	Until  time.Time // everything published before is in the inbox, or left to a reconcile; zero: nothing was read yet

	State  bridge.JournalState
	Reason string // of the state
	Since  time.Time
}

const journalColumns = "read_offset, coalesce(read_until, '0001-01-01Z'), state, reason, state_since"

func scanJournal(row pgx.Row) (j Journal, err error) {
	err = row.Scan(&j.Offset, &j.Until, &j.State, &j.Reason, &j.Since)
	return j, err
}

// Journal returns the installation's position.
func (s *Store) Journal(ctx context.Context) (Journal, error) {
	j, err := scanJournal(s.pool.QueryRow(ctx, "SELECT "+journalColumns+" FROM journal"))
	return j, wrap(err, "journal")
}

// ClaimJournal makes a process the only reader of the journal for the time of a
// lease, or extends its lease. It returns a not_found error while another process
// is the reader.
func (s *Store) ClaimJournal(ctx context.Context, holder string, lease time.Duration) (Journal, error) {
	j, err := scanJournal(s.pool.QueryRow(ctx, `
UPDATE journal SET holder = $1, held_until = clock_timestamp() + $2::interval
 WHERE holder = $1 OR held_until < clock_timestamp()
RETURNING `+journalColumns, holder, lease))
	return j, wrap(err, "claim_journal")
}

// ReleaseJournal ends a process's lease, so that another process need not wait
// until it expires.
func (s *Store) ReleaseJournal(ctx context.Context, holder string) error {
	_, err := s.pool.Exec(ctx, "UPDATE journal SET holder = '', held_until = '-infinity' WHERE holder = $1", holder)
	return wrap(err, "release_journal")
}

// AdvanceJournal records that everything up to a file is in the inbox. If the
// process is no longer the reader, it changes nothing and returns a not_found
// error.
func (s *Store) AdvanceJournal(ctx context.Context, holder, offset string, until time.Time) error {
	return s.moveJournal(ctx, s.pool, holder, offset, until, "advance_journal")
}

// RestartJournal moves the position to the earliest file, or past a file that
// cannot be read, and records a gap, which asks for a reconcile of every portal
// that the journal covers. If the process is no longer the reader, it changes
// nothing and returns a not_found error.
func (s *Store) RestartJournal(ctx context.Context, holder, offset string, until time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := s.moveJournal(ctx, tx, holder, offset, until, "restart_journal"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE journal_portal SET gap_at = clock_timestamp() WHERE subscribed_at IS NOT NULL")
		return wrap(err, "restart_journal")
	})
}

func (s *Store) moveJournal(ctx context.Context, q queryer, holder, offset string, until time.Time, op string) error {
	tag, err := q.Exec(ctx, `
UPDATE journal SET read_offset = $2, read_until = greatest(read_until, $3::timestamptz)
 WHERE holder = $1 AND held_until > clock_timestamp()`, holder, offset, until)
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	return wrap(err, "%s", op)
}

// NoteJournalState stores the state of the reader, and why. If the state has not
// changed, its time stays.
func (s *Store) NoteJournalState(ctx context.Context, holder string, state bridge.JournalState, reason string) error {
	_, err := s.pool.Exec(ctx, `
UPDATE journal SET state_since = CASE state WHEN $2 THEN state_since ELSE clock_timestamp() END, state = $2, reason = $3
 WHERE holder = $1 AND (state, reason) IS DISTINCT FROM ($2, $3)`, holder, string(state), storable(reason))
	return wrap(err, "note_journal_state")
}

// JournalPortal is a portal that the journal covers, or should cover.
type JournalPortal struct {
	PortalID     int64
	SubscribedAt time.Time // since when the journal covers it; zero: it does not
	Problem      string    // why the journal does not cover it
	GapAt        time.Time // end of the gap; zero: there is none, or a reconcile has started since
}

const portalColumns = "portal_id, coalesce(subscribed_at, '0001-01-01Z'), problem, coalesce(gap_at, '0001-01-01Z')"

// JournalPortals returns all portals that the journal covers, or should cover.
func (s *Store) JournalPortals(ctx context.Context) ([]JournalPortal, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+portalColumns+" FROM journal_portal ORDER BY portal_id")
	if err != nil {
		return nil, wrap(err, "journal_portals")
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[JournalPortal])
	return all, wrap(err, "journal_portals")
}

// NoteJournalPortal records that the journal covers a portal, or with a problem
// that it does not. gap says that coverage was interrupted: what happened meanwhile
// is left to a reconcile.
func (s *Store) NoteJournalPortal(ctx context.Context, portalID int64, problem string, gap bool) error {
	_, err := s.pool.Exec(ctx, `
INSERT INTO journal_portal AS p (portal_id, subscribed_at, problem)
VALUES ($1, CASE $2 WHEN '' THEN clock_timestamp() END, $2)
ON CONFLICT (portal_id) DO UPDATE
   SET subscribed_at = CASE $2 WHEN '' THEN coalesce(p.subscribed_at, excluded.subscribed_at) END, problem = $2,
       gap_at = CASE WHEN $3 THEN clock_timestamp() ELSE p.gap_at END`, portalID, storable(problem), gap)
	return wrap(err, "note_journal_portal %d", portalID)
}

// ForgetJournalPortal records that the journal no longer covers a portal, and need
// not.
func (s *Store) ForgetJournalPortal(ctx context.Context, portalID int64) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM journal_portal WHERE portal_id = $1", portalID)
	return wrap(err, "forget_journal_portal %d", portalID)
}

// CloseJournalGap records that a reconcile of a portal has started after its gap. A
// gap that was recorded since stays.
func (s *Store) CloseJournalGap(ctx context.Context, p JournalPortal) error {
	_, err := s.pool.Exec(ctx, "UPDATE journal_portal SET gap_at = NULL WHERE portal_id = $1 AND gap_at = $2", p.PortalID, p.GapAt)
	return wrap(err, "close_journal_gap of portal %d", p.PortalID)
}

// HeldParticipant is a participant that a contact is or was mapped to.
type HeldParticipant struct {
	bridge.Identity
	EndedAt time.Time // zero: still mapped
}

// ParticipantsEver returns the participants that contacts of a connection are or
// were mapped to. A contact that was never mapped is left out.
func (s *Store) ParticipantsEver(ctx context.Context, connectionID string, contactIDs []string) (map[string][]HeldParticipant, error) {
	ever := make(map[string][]HeldParticipant, len(contactIDs))
	if len(contactIDs) == 0 {
		return ever, nil
	}
	rows, err := s.pool.Query(ctx, `
SELECT contact_id, account_id, user_id, ended_at FROM former_mapping WHERE connection_id = $1 AND contact_id = ANY ($2)
 UNION ALL
SELECT contact_id, account_id, user_id, '0001-01-01Z' FROM mapping WHERE connection_id = $1 AND contact_id = ANY ($2)`, connectionID, contactIDs)
	if err != nil {
		return nil, wrap(err, "participants_ever in %s", connectionID)
	}
	var contact string
	var held HeldParticipant
	_, err = pgx.ForEachRow(rows, []any{&contact, &held.AccountID, &held.UserID, &held.EndedAt}, func() error {
		ever[contact] = append(ever[contact], held)
		return nil
	})
	return ever, wrap(err, "participants_ever in %s", connectionID)
}
