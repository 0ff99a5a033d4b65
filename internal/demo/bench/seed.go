package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

func email(i int) string     { return fmt.Sprintf("person%d@crowd.example", i) }
func contactID(i int) string { return strconv.Itoa(firstContact + i) }

// participantID is an id as Advocate stores and returns it: a hash in hex.
func participantID(i int) string {
	sum := sha256.Sum256([]byte(email(i)))
	return hex.EncodeToString(sum[:])
}

// seedParticipants puts n people into Advocate.
func (s *system) seedParticipants(ctx context.Context, n int) error {
	people := make([]advocatetest.User, n)
	// Old enough for the reports of the last minutes to have told of them.
	joined := time.Now().Add(-24 * time.Hour).UnixMilli()
	for i := range people {
		people[i] = advocatetest.User{ID: participantID(i), DateCreated: joined, Email: email(i), FirstName: "Person", LastName: "Number" + strconv.Itoa(i)}
	}
	return s.vendors.seedParticipants(ctx, people)
}

// seedContacts puts the contacts of every step-th of n people into HubSpot,
// with the values that make gives them besides their email.
func (s *system) seedContacts(ctx context.Context, n, step int, more func(i int) map[string]string) error {
	var contacts []hubspottest.Record
	for i := 0; i < n; i += step {
		props := map[string]string{"email": email(i), "firstname": "Person", "lastname": "Number" + strconv.Itoa(i)}
		for name, value := range more(i) {
			props[name] = value
		}
		contacts = append(contacts, hubspottest.Record{ID: contactID(i), Properties: props})
	}
	return s.vendors.seedContacts(ctx, contacts)
}

// seedMapped puts n people on both sides, mapped to each other, with older
// values on the contacts than Advocate has now.
func (s *system) seedMapped(ctx context.Context, n int) error {
	if err := s.seedParticipants(ctx, n); err != nil {
		return err
	}
	err := s.seedContacts(ctx, n, 1, func(i int) map[string]string {
		return map[string]string{bridge.PropUserID: participantID(i), bridge.PropAccountID: participantID(i), bridge.PropReferralCode: "OLD" + strconv.Itoa(i)}
	})
	if err != nil {
		return err
	}
	return s.remember(ctx, n)
}

// remember makes the system's own memory of n mapped people, as years of work
// would have left it.
func (s *system) remember(ctx context.Context, n int) error {
	conn, err := pgx.Connect(ctx, s.DatabaseURL())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what was copied is committed
	for _, table := range []struct {
		name    string
		columns []string
		row     func(i int) []any
	}{
		{"mapping", []string{"connection_id", "contact_id", "account_id", "user_id", "by_email"}, func(i int) []any {
			return []any{s.ConnectionID, contactID(i), participantID(i), participantID(i), true}
		}},
		{"contact_ledger", []string{"connection_id", "contact_id", "state", "written_hash"}, func(i int) []any {
			older := sha256.Sum256([]byte(contactID(i)))
			return []any{s.ConnectionID, contactID(i), "mapped", older[:]}
		}},
	} {
		rows := pgx.CopyFromSlice(n, func(i int) ([]any, error) { return table.row(i), nil })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{table.name}, table.columns, rows); err != nil {
			return err
		}
	}
	// What autovacuum does by itself within a minute.
	_, err = conn.Exec(ctx, "VACUUM ANALYZE mapping, contact_ledger")
	return err
}
