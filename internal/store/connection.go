package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// DefaultContactIDField is the participant's custom field for the contact id,
// unless a connection names another.
const DefaultContactIDField = "hubspot_contact_id"

const connectionColumns = `id, portal_id, tenant, program, switching,
       rule_participant_created, rule_participant_updated, rule_contact_created, rule_contact_updated,
       share_pii_updates, contact_id_field, status, status_reason, refusals, coalesce(paused_at, '0001-01-01Z'), created_at`

func scanConnection(row pgx.CollectableRow) (bridge.Connection, error) {
	var c bridge.Connection
	err := row.Scan(&c.ID, &c.PortalID, &c.Tenant, &c.Program, &c.Switching,
		&c.Rules.ParticipantCreated, &c.Rules.ParticipantUpdated, &c.Rules.ContactCreated, &c.Rules.ContactUpdated,
		&c.SharePIIUpdates, &c.ContactIDField, &c.Status, &c.StatusReason, &c.Refusals, &c.PausedAt, &c.CreatedAt)
	if len(c.Refusals) == 0 {
		c.Refusals = nil
	}
	if status, _ := bridge.StatusOf(c.Refusals); status == bridge.StatusMisdirected {
		c.Status = status
	}
	return c, err
}

// stored returns the status as the database stores it. Queries, and processes of
// the previous release, know one word for a stopped connection; the refusals say
// the rest.
func stored(status bridge.ConnectionStatus) bridge.ConnectionStatus {
	if status.Stopped() {
		return bridge.StatusUnauthorized
	}
	return status
}

const insertConnection = `
INSERT INTO connection (id, portal_id, tenant, program,
       rule_participant_created, rule_participant_updated, rule_contact_created, rule_contact_updated,
       share_pii_updates, contact_id_field, credentials)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (portal_id) DO NOTHING
RETURNING ` + connectionColumns

// The program of a connected portal changes only by a program switch, because the
// contacts' values have to change with it. A connection that had ended starts
// afresh under its old id.
const updateConnection = `
UPDATE connection
   SET tenant = $2,
       program = CASE status WHEN 'disconnected' THEN $3 ELSE program END,
       contact_id_field = coalesce(nullif($4, ''), contact_id_field),
       rule_participant_created = CASE status WHEN 'disconnected' THEN $5 ELSE rule_participant_created END,
       rule_participant_updated = CASE status WHEN 'disconnected' THEN $6 ELSE rule_participant_updated END,
       rule_contact_created = CASE status WHEN 'disconnected' THEN $7 ELSE rule_contact_created END,
       rule_contact_updated = CASE status WHEN 'disconnected' THEN $8 ELSE rule_contact_updated END,
       share_pii_updates = CASE status WHEN 'disconnected' THEN $9 ELSE share_pii_updates END,
       created_at = CASE status WHEN 'disconnected' THEN now() ELSE created_at END,
       status = 'active', status_reason = '', refusals = '[]', updated_at = now()
 WHERE id = $1
RETURNING ` + connectionColumns

// SaveConnection stores a connection under its portal. A new connection gets an id and the rules
// of c, so pass bridge.DefaultRules if nobody chose any. For a portal that is connected already
// it replaces the credentials, makes the connection active again, and keeps id, program, rules
// and watermark; the credentials' revision grows only if they differ, and another tenant is a
// conflict. A connection that was disconnected keeps only its id and its tombstones.
func (s *Store) SaveConnection(ctx context.Context, c bridge.Connection, cred Credentials) (bridge.Connection, error) {
	return s.saveConnection(ctx, c, cred, func(tx pgx.Tx, connectionID string) error {
		_, err := tx.Exec(ctx, "DELETE FROM hubspot_token WHERE connection_id = $1", connectionID)
		return err
	})
}

func (s *Store) saveConnection(ctx context.Context, c bridge.Connection, cred Credentials,
	putTokens func(tx pgx.Tx, connectionID string) error,
) (bridge.Connection, error) {
	var saved bridge.Connection
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var err error
		saved, err = s.createConnection(ctx, tx, c, cred)
		if errors.Is(err, pgx.ErrNoRows) { // the portal is connected
			saved, err = s.reconnect(ctx, tx, c, cred)
		}
		if err != nil {
			return err
		}
		return putTokens(tx, saved.ID)
	})
	return saved, wrap(err, "save_connection of portal %d", c.PortalID)
}

func (s *Store) createConnection(ctx context.Context, tx pgx.Tx, c bridge.Connection, cred Credentials) (bridge.Connection, error) {
	id := "c" + strings.ToLower(rand.Text()[:9])
	sealed, err := s.sealCredentials(id, cred)
	if err != nil {
		return bridge.Connection{}, err
	}
	field := c.ContactIDField
	if field == "" {
		field = DefaultContactIDField
	}
	rows, err := tx.Query(ctx, insertConnection, id, c.PortalID, c.Tenant, c.Program,
		c.Rules.ParticipantCreated, c.Rules.ParticipantUpdated, c.Rules.ContactCreated, c.Rules.ContactUpdated,
		c.SharePIIUpdates, field, sealed)
	if err != nil {
		return bridge.Connection{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanConnection)
}

func (s *Store) reconnect(ctx context.Context, tx pgx.Tx, c bridge.Connection, cred Credentials) (bridge.Connection, error) {
	var id, tenant, status string
	if err := tx.QueryRow(ctx, "SELECT id, tenant, status FROM connection WHERE portal_id = $1 FOR UPDATE", c.PortalID).Scan(&id, &tenant, &status); err != nil {
		return bridge.Connection{}, err
	}
	// All that we know of the portal's people concerns this tenant.
	if tenant != c.Tenant && status != "disconnected" {
		return bridge.Connection{}, &bridge.Error{Kind: bridge.Conflict, System: bridge.SystemStore, Op: "store.save_connection", Code: "other_tenant"}
	}
	if err := s.replaceCredentials(ctx, tx, id, cred); err != nil {
		return bridge.Connection{}, err
	}
	if _, err := tx.Exec(ctx, acceptImpact, id); err != nil { // impact.com is tried again, even with the same credentials
		return bridge.Connection{}, err
	}
	rows, err := tx.Query(ctx, updateConnection, id, c.Tenant, c.Program, c.ContactIDField,
		c.Rules.ParticipantCreated, c.Rules.ParticipantUpdated, c.Rules.ContactCreated, c.Rules.ContactUpdated, c.SharePIIUpdates)
	if err != nil {
		return bridge.Connection{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanConnection)
}

// connected excludes connections that were disconnected.
const connected = " status <> 'disconnected' "

// Connection returns one connection, or a not_found error.
func (s *Store) Connection(ctx context.Context, id string) (bridge.Connection, error) {
	c, err := s.oneConnection(ctx, "SELECT "+connectionColumns+" FROM connection WHERE id = $1 AND"+connected, id)
	return c, wrap(err, "connection %s", id)
}

// ConnectionByPortal returns the connection of a HubSpot portal, or a not_found
// error.
func (s *Store) ConnectionByPortal(ctx context.Context, portalID int64) (bridge.Connection, error) {
	c, err := s.oneConnection(ctx, "SELECT "+connectionColumns+" FROM connection WHERE portal_id = $1 AND"+connected, portalID)
	return c, wrap(err, "connection of portal %d", portalID)
}

func (s *Store) oneConnection(ctx context.Context, query string, key any) (bridge.Connection, error) {
	rows, err := s.pool.Query(ctx, query, key)
	if err != nil {
		return bridge.Connection{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanConnection)
}

// Connections returns all connections, the oldest first.
func (s *Store) Connections(ctx context.Context) ([]bridge.Connection, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+connectionColumns+" FROM connection WHERE"+connected+"ORDER BY created_at, id")
	if err != nil {
		return nil, wrap(err, "connections")
	}
	all, err := pgx.CollectRows(rows, scanConnection)
	return all, wrap(err, "connections")
}

const changeRules = `
UPDATE connection
   SET rule_participant_created = coalesce($2, rule_participant_created),
       rule_participant_updated = coalesce($3, rule_participant_updated),
       rule_contact_created = coalesce($4, rule_contact_created),
       rule_contact_updated = coalesce($5, rule_contact_updated),
       share_pii_updates = coalesce($6, share_pii_updates),
       updated_at = now()
 WHERE id = $1
RETURNING ` + connectionColumns

// ChangeRules changes some of a connection's sharing rules and returns the
// connection. Earlier decisions stay.
func (s *Store) ChangeRules(ctx context.Context, id string, r bridge.RuleChanges) (bridge.Connection, error) {
	rows, err := s.pool.Query(ctx, changeRules, id,
		r.ParticipantCreated, r.ParticipantUpdated, r.ContactCreated, r.ContactUpdated, r.SharePIIUpdates)
	if err != nil {
		return bridge.Connection{}, wrap(err, "change_rules of %s", id)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanConnection)
	return c, wrap(err, "change_rules of %s", id)
}

// RecordAnswer updates a connection's refusals after a vendor's answer, and returns the
// connection. changed reports whether the answer changed them.
func (s *Store) RecordAnswer(ctx context.Context, id string, a bridge.Answer) (c bridge.Connection, changed bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT "+connectionColumns+" FROM connection WHERE id = $1 AND"+connected+"FOR UPDATE", id)
		if err != nil {
			return err
		}
		if c, err = pgx.CollectExactlyOneRow(rows, scanConnection); err != nil {
			return err
		}
		refusals := bridge.Hear(c.Refusals, a, time.Now().UTC())
		status, reason := bridge.StatusOf(refusals)
		if changed = len(refusals) != len(c.Refusals) || status != c.Status || reason != c.StatusReason; !changed {
			return nil
		}
		c.Refusals, c.Status, c.StatusReason = refusals, status, reason
		kept, err := json.Marshal(append([]bridge.Refusal{}, refusals...))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
UPDATE connection SET refusals = $2, status = $3, status_reason = $4, updated_at = now() WHERE id = $1`, id, kept, stored(status), reason)
		return err
	})
	return c, changed, wrap(err, "record_answer of %s", id)
}

// SetPaused pauses or resumes a connection. Pausing a paused connection keeps its
// time.
func (s *Store) SetPaused(ctx context.Context, id string, paused bool) error {
	return s.updateOne(ctx, "set_paused of "+id, `
UPDATE connection SET paused_at = CASE WHEN $2 THEN coalesce(paused_at, now()) END, updated_at = now() WHERE id = $1 AND`+connected, id, paused)
}

// updateOne runs a statement that must change a row; otherwise it returns a
// not_found error.
func (s *Store) updateOne(ctx context.Context, operation, statement string, args ...any) error {
	tag, err := s.pool.Exec(ctx, statement, args...)
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	return wrap(err, "%s", operation)
}
