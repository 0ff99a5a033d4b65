package store

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// sealedColumn is a place where sealed text is kept.
type sealedColumn struct {
	table, key, column string
	place              func(key string) string // what the text is sealed for
}

// sealedColumns are all there are.
var sealedColumns = []sealedColumn{
	{"installation", "pepper_version", "pepper", func(version string) string {
		n, _ := strconv.Atoi(version) // of an integer column
		return versioned(pepperContext, n)
	}},
	{"connection", "id", "credentials", credentialsContext},
	{"hubspot_token", "connection_id", "tokens", tokensContext},
	{"connect_intent", "id", "wanted", intentContext},
	{"erasure", "id", "subject", subjectContext},
	{"receipt_key", "public_key", "private_key", receiptKeyContext},
	{"tracked_event", "order_id", "request", requestContext},
}

// Reseal seals anew whatever an older key has sealed, and returns how many texts
// that were. Once it returns without an error, and every process seals under the
// current key, older keys may go. It may run while work goes on, and again.
func (s *Store) Reseal(ctx context.Context) (int, error) {
	n := 0
	for _, c := range sealedColumns {
		some, err := s.reseal(ctx, c)
		n += some
		if err != nil {
			return n, wrap(err, "reseal %s.%s", c.table, c.column)
		}
	}
	return n, nil
}

func (s *Store) reseal(ctx context.Context, c sealedColumn) (n int, err error) {
	table, key, column := pgx.Identifier{c.table}.Sanitize(), pgx.Identifier{c.key}.Sanitize(), pgx.Identifier{c.column}.Sanitize()
	rows, err := s.pool.Query(ctx, "SELECT "+key+"::text, "+column+" FROM "+table+" WHERE "+column+" <> ''")
	if err != nil {
		return 0, err
	}
	type text struct {
		key    string
		sealed []byte
	}
	texts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t text, err error) {
		err = row.Scan(&t.key, &t.sealed)
		return t, err
	})
	if err != nil {
		return 0, err
	}
	for _, t := range texts {
		if s.sealer.Current(t.sealed) {
			continue
		}
		plain, err := s.sealer.Open(t.sealed, c.place(t.key))
		if err != nil {
			return n, err
		}
		// Unless somebody has replaced it meanwhile, under the current key as well.
		tag, err := s.pool.Exec(ctx, "UPDATE "+table+" SET "+column+" = $3 WHERE "+key+"::text = $1 AND "+column+" = $2",
			t.key, t.sealed, s.sealer.Seal(plain, c.place(t.key)))
		if err != nil {
			return n, err
		}
		n += int(tag.RowsAffected())
	}
	return n, nil
}
