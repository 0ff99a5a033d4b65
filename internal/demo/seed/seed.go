// Package seed puts many people into the stand-ins and into the system's own
// memory within seconds, for tests and benchmarks of size.
package seed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
)

// firstContact is the id of person 0's contact; the others' follow. Real ids
// are beyond 32 bits, and so are these.
const firstContact = 600_000_000_000

// Email is the email of person i.
func Email(i int) string { return fmt.Sprintf("person%d@seed.example", i) }

// ContactID is the id of person i's contact, where one was seeded.
func ContactID(i int) string { return strconv.Itoa(firstContact + i) }

// ParticipantID is both ids of person i's participant, as Advocate stores and returns it: a hash in hex.
func ParticipantID(i int) string {
	sum := sha256.Sum256([]byte(Email(i)))
	return hex.EncodeToString(sum[:])
}

// Participants puts the people from, from+1 and so on below to into Advocate.
func (v Vendors) Participants(ctx context.Context, from, to int) error {
	people := make([]advocatetest.User, to-from)
	// Old enough for the reports of the last minutes to have told of them.
	joined := time.Now().Add(-24 * time.Hour).UnixMilli()
	for k := range people {
		i := from + k
		people[k] = advocatetest.User{ID: ParticipantID(i), DateCreated: joined, Email: Email(i), FirstName: "Person", LastName: "Number" + strconv.Itoa(i)}
	}
	return v.seedParticipants(ctx, people)
}

// Contacts puts the contacts of every step-th of some people into HubSpot, with
// the values that more gives them besides email and name; nil for none.
func (v Vendors) Contacts(ctx context.Context, from, to, step int, more func(i int) map[string]string) error {
	var contacts []hubspottest.Record
	for i := from; i < to; i += step {
		props := map[string]string{"email": Email(i), "firstname": "Person", "lastname": "Number" + strconv.Itoa(i)}
		if more != nil {
			maps.Copy(props, more(i))
		}
		contacts = append(contacts, hubspottest.Record{ID: ContactID(i), Properties: props})
	}
	return v.seedContacts(ctx, contacts)
}

// Mapped puts the first n people on both sides, mapped to each other by a
// connection, with older values on the contacts than Advocate has now.
func (v Vendors) Mapped(ctx context.Context, n int, databaseURL, connectionID string) error {
	if err := v.Participants(ctx, 0, n); err != nil {
		return err
	}
	err := v.Contacts(ctx, 0, n, 1, func(i int) map[string]string {
		return map[string]string{bridge.PropUserID: ParticipantID(i), bridge.PropAccountID: ParticipantID(i), bridge.PropReferralCode: "OLD" + strconv.Itoa(i)}
	})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	return errors.Join(remember(ctx, conn, n, connectionID), conn.Close(context.WithoutCancel(ctx)))
}

// remember makes the system's own memory of n mapped people, as years of work
// would have left it.
func remember(ctx context.Context, conn *pgx.Conn, n int, connectionID string) error {
	for _, table := range []struct {
		name    string
		columns []string
		row     func(i int) []any
	}{
		{"mapping", []string{"connection_id", "contact_id", "account_id", "user_id", "by_email"}, func(i int) []any {
			return []any{connectionID, ContactID(i), ParticipantID(i), ParticipantID(i), true}
		}},
		{"contact_ledger", []string{"connection_id", "contact_id", "state", "written_hash"}, func(i int) []any {
			older := sha256.Sum256([]byte(ContactID(i)))
			return []any{connectionID, ContactID(i), "mapped", older[:]}
		}},
	} {
		rows := pgx.CopyFromSlice(n, func(i int) ([]any, error) { return table.row(i), nil })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{table.name}, table.columns, rows); err != nil {
			return err
		}
	}
	// What autovacuum does by itself within a minute.
	_, err := conn.Exec(ctx, "VACUUM ANALYZE mapping, contact_ledger")
	return err
}
