package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Person names somebody to erase by what an operator knows, which needs no contact.
// Either field may be empty.
type Person struct {
	Email    string          `json:"email,omitempty"` // as bridge.NormalEmail returns it
	Identity bridge.Identity `json:"identity"`
}

// Identities are those that the person has, or would get.
func (p Person) Identities() []bridge.Identity {
	var ids []bridge.Identity
	if p.Identity.Complete() {
		ids = append(ids, p.Identity)
	}
	if p.Email != "" {
		ids = append(ids, bridge.Identity{AccountID: p.Email, UserID: p.Email})
	}
	return ids
}

// personPrefix stands in place of a contact's id, which has digits alone.
const personPrefix = "person-"

// OfPerson reports whether the erasure is of somebody without a contact.
func (e ErasureRecord) OfPerson() bool { return strings.HasPrefix(e.ContactID, personPrefix) }

func subjectContext(id string) string { return "erasure/subject/" + id }

// RequestPersonErasure records that an operator asks for a person's erasure and
// blocks the person, in one transaction. Whoever calls it attempts the erasure.
func (s *Store) RequestPersonErasure(ctx context.Context, connectionID string, p Person, by string, at time.Time) (e ErasureRecord, err error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return e, wrap(err, "request_person_erasure in %s", connectionID)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `
INSERT INTO erasure (connection_id, contact_id, source, requested_by, occurred_at, blocked_at) VALUES ($1, $2, 'operator', $3, $4, now())
RETURNING id`, connectionID, personPrefix+strings.ToLower(rand.Text()[:12]), by, at).Scan(&id)
		if err != nil {
			return err
		}
		sealed := s.sealer.Seal(plain, subjectContext(strconv.FormatInt(id, 10)))
		if _, err := tx.Exec(ctx, "UPDATE erasure SET subject = $2 WHERE id = $1", id, sealed); err != nil {
			return err
		}
		if err := addTombstones(ctx, tx, connectionID, s.personKeys(p)); err != nil {
			return err
		}
		e, err = oneErasure(ctx, tx, " WHERE id = $1", id)
		return err
	})
	return e, wrap(err, "request_person_erasure in %s", connectionID)
}

func (s *Store) personKeys(p Person) (keys [][]byte) {
	if p.Email != "" {
		keys = append(keys, s.hasher.Email(p.Email))
	}
	for _, id := range p.Identities() {
		keys = append(keys, s.hasher.Identity(id))
	}
	return keys
}

// ErasurePerson returns whom an open erasure without a contact is about; it is
// not_found where that was lost, or the erasure is done.
func (s *Store) ErasurePerson(ctx context.Context, id int64) (p Person, err error) {
	var sealed []byte
	err = s.pool.QueryRow(ctx, "SELECT subject FROM erasure WHERE id = $1 AND subject IS NOT NULL", id).Scan(&sealed)
	if err == nil {
		sealed, err = s.sealer.Open(sealed, subjectContext(strconv.FormatInt(id, 10)))
	}
	if err == nil {
		err = json.Unmarshal(sealed, &p)
	}
	return p, wrap(err, "erasure_person of erasure %d", id)
}

const finishPersonErasure = `
UPDATE erasure
   SET subject = NULL, verified_at = coalesce(verified_at, now()), deleted_at = coalesce(deleted_at, now()), checked_at = now(), forgotten_at = now(),
       hubspot_answer = $2, advocate_answer = $3, advocate_asked = $4, participants = participants + $5, orphaned = $6, problem = ''
 WHERE id = $1 AND` + openErasure

// FinishPersonErasure forgets a person without a contact, as Erase does, once
// nobody is left in Advocate. It may be repeated.
func (s *Store) FinishPersonErasure(ctx context.Context, id int64, e Erasure, c ErasureCheck) error {
	e.ContactIDs = []string{}
	orphaned, err := s.Erase(ctx, e)
	if err != nil {
		return err
	}
	_, err = s.pool.Exec(ctx, finishPersonErasure, id, c.HubSpot, c.Advocate, c.Identities, e.Deleted, len(orphaned))
	return wrap(err, "finish_person_erasure of erasure %d", id)
}

// DuePersonErasures returns the open erasures without a contact that are to be
// attempted again: not within a minute of the first attempt, then with pauses that
// grow with their age, up to longest.
func (s *Store) DuePersonErasures(ctx context.Context, longest time.Duration) ([]ErasureRecord, error) {
	rows, err := s.pool.Query(ctx, selectErasure+`
 WHERE contact_id LIKE '`+personPrefix+`%' AND`+openErasure+`
   AND coalesce(tried_at, heard_at) < now() - greatest(interval '1 minute', least($1, now() - heard_at))
 ORDER BY id`, longest)
	if err != nil {
		return nil, wrap(err, "due_person_erasures")
	}
	all, err := pgx.CollectRows(rows, scanErasure)
	return all, wrap(err, "due_person_erasures")
}
