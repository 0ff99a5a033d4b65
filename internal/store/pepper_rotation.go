package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
)

// hashedTable names the columns of a table that hold hashes of the Hasher.
type hashedTable struct {
	table   string
	columns []string
	where   string // of which rows; empty: of all
}

// hashedTables are all there are. A test holds them against the schema.
var hashedTables = []hashedTable{
	{"tombstone", []string{"key_hash"}, ""},
	{"erasure_block", []string{"key_hash"}, ""},
	{"mapping", []string{"email_hash"}, ""},
	{"former_mapping", []string{"email_hash"}, ""},
	{"contact_email", []string{"email_hash"}, ""},
	{"contact_ledger", []string{"email_hash", "sent_hash", "written_hash"}, ""},
	{"participant_ledger", []string{"identity_hash", "row_hash"}, ""},
	{"staged_participant", []string{"email_hash", "identity_hash", "row_hash", "shared_hash"}, ""},
	{"reconcile_contact", []string{"contact_hash", "email_hash", "inputs_hash", "plain_inputs_hash", "mapped_hash", "named_hash", "shared_hash"}, ""},
	{"reconcile_email", []string{"email_hash"}, ""},
	// As hexadecimal text. An item's user id is a hash where it stands for a row or
	// a submission that cannot be read.
	{"form_submission", []string{"submission"}, ""},
	{"tracked_event", []string{"submission"}, ""},
	{"parked_item", []string{"user_id"}, "account_id IN ('" + bridge.RowSubject + "', '" + bridge.SubmissionSubject + "')"},
}

// hashesPerPage is how many rows are carried over at a time.
const hashesPerPage = 5000

// OpenAlone is Open for work that nobody else may do anything beside. It has a
// single connection.
func OpenAlone(ctx context.Context, dsn string, sealer *seal.Sealer) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err) // pgx blanks out the password
	}
	config.MaxConns, config.MinConns, config.MinIdleConns = 1, 0, 0
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap(err, "open")
	}
	s := &Store{
		pools: pools{pool, pool, pool}, pool: pool, begin: bulkTx,
		sealer: sealer, fence: new(pepperFence), pageTurns: make(chan struct{}, 1),
	}
	if err := s.prepare(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// PepperRotation says what became of a rotation.
type PepperRotation struct {
	Version int   // of the pepper, from 1
	Rows    int64 // whose hashes were carried over
}

// RotatePepper has all keyed hashes made under one more pepper from now on, and
// carries over what is stored, tombstones included, in one transaction. The key, of
// seal.KeySize bytes, opens all peppers when the encryption key is lost; an earlier
// recovery key opens nothing any more.
//
// A process that goes on with the former pepper would let erased people in. So it
// refuses, as a conflict, while anybody else is connected who may write here. The
// store has to be from OpenAlone.
func (s *Store) RotatePepper(ctx context.Context, recoveryKey []byte) (r PepperRotation, err error) {
	recovery, err := seal.NewSealer(recoveryKey)
	if err != nil {
		return r, err
	}
	earlier, err := s.peppers(ctx)
	if err != nil {
		return r, err
	}
	all := append(slices.Clone(earlier), newPepper())
	hasher, err := seal.NewHasher(all...)
	if err != nil {
		return r, err
	}
	r.Version = len(all)
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		// Whoever connects waits here, and is told afterwards.
		if _, err := tx.Exec(ctx, "LOCK TABLE installation IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		if err := refuseCompany(ctx, tx); err != nil {
			return err
		}
		for _, t := range hashedTables {
			n, err := t.carryOver(ctx, tx, hasher, len(earlier))
			if err != nil {
				return fmt.Errorf("%s: %w", t.table, err)
			}
			r.Rows += n
		}
		return replacePeppers(ctx, tx, all, len(earlier), s.sealer, recovery)
	})
	if err != nil {
		return PepperRotation{}, wrap(err, "rotate_pepper")
	}
	return r, s.hashUnder(all)
}

// replacePeppers stores the peppers in place of so many earlier ones.
func replacePeppers(ctx context.Context, tx pgx.Tx, all peppers, earlier int, sealer, recovery *seal.Sealer) error {
	tag, err := tx.Exec(ctx, `
UPDATE installation SET pepper = $1, pepper_recovery = $2, pepper_version = $3, pepper_rotated_at = now() WHERE pepper_version = $4`,
		all.sealed(sealer, pepperContext), recoverable(all, recovery), len(all), earlier)
	if err == nil && tag.RowsAffected() == 0 {
		err = &bridge.Error{Kind: bridge.Conflict, System: bridge.SystemStore, Op: "store.rotate_pepper", Err: errRotated}
	}
	return err
}

// Others are sessions of this user, and of any that may write what our processes
// write; but not those with which a hosting service looks after its databases.
const selectCompany = `
SELECT count(*), coalesce(string_agg(DISTINCT a.usename || ' at ' || coalesce(host(a.client_addr), 'this machine'), ', '), '')
  FROM pg_stat_activity a
  JOIN pg_roles r ON r.oid = a.usesysid
 WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
   AND (a.usename = current_user OR NOT r.rolsuper AND has_table_privilege(a.usesysid, 'installation', 'UPDATE'))`

// refuseCompany fails while others are connected.
func refuseCompany(ctx context.Context, tx pgx.Tx) error {
	var n int
	var from string
	if err := tx.QueryRow(ctx, selectCompany).Scan(&n, &from); err != nil || n == 0 {
		return err
	}
	return &bridge.Error{Kind: bridge.Conflict, System: bridge.SystemStore, Op: "store.rotate_pepper", Code: "IN_USE",
		Err: fmt.Errorf("others are connected to the database (sessions: %d; %s): stop all workers, starters and poolers first", n, from)}
}

// carryOver turns every hash of a table into that of the hasher's last version. It
// reads rows by their place: nobody else may move them meanwhile. The hashes are made
// here, not by the server, whose log may hold what statements are given.
func (t hashedTable) carryOver(ctx context.Context, tx pgx.Tx, hasher *seal.Hasher, from int) (n int64, err error) {
	columns, err := t.describe(ctx, tx)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "DECLARE "+t.cursor()+" CURSOR FOR "+t.selectHashes(columns)); err != nil {
		return 0, err
	}
	update := t.updateHashes(columns)
	for {
		places, hashes, err := t.nextPage(ctx, tx)
		if err != nil {
			return n, err
		}
		if len(places) == 0 {
			_, err := tx.Exec(ctx, "CLOSE "+t.cursor())
			return n, err
		}
		args := []any{places}
		for _, column := range hashes {
			for i, hash := range column {
				column[i] = hasher.Carry(hash, from)
			}
			args = append(args, column)
		}
		tag, err := tx.Exec(ctx, update, args...)
		if err != nil {
			return n, err
		}
		n += tag.RowsAffected()
	}
}

// cursor is a name of its own for each table, since what a FETCH returns is remembered
// by the statement.
func (t hashedTable) cursor() string { return "carried_" + t.table }

// hashedColumn is a column of hashes, as bytes or as hexadecimal text.
type hashedColumn struct {
	name string
	text bool
}

func (t hashedTable) describe(ctx context.Context, tx pgx.Tx) ([]hashedColumn, error) {
	if _, err := tx.Exec(ctx, "LOCK TABLE "+t.table+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
SELECT attname::text, atttypid = 'text'::regtype FROM pg_attribute
 WHERE attrelid = $1::regclass AND attname = ANY ($2) ORDER BY attnum`, t.table, t.columns)
	if err != nil {
		return nil, err
	}
	columns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c hashedColumn, err error) {
		err = row.Scan(&c.name, &c.text)
		return c, err
	})
	if err == nil && len(columns) != len(t.columns) {
		err = errors.New("a column of hashes is missing")
	}
	return columns, err
}

// Text that is no hash, such as the empty one, is left as it is.
func (t hashedTable) selectHashes(columns []hashedColumn) string {
	list := []string{"ctid::text"}
	for _, c := range columns {
		if c.text {
			list = append(list, fmt.Sprintf("CASE WHEN %[1]s ~ '^[0-9a-f]{64}$' THEN decode(%[1]s, 'hex') END", c.name))
		} else {
			list = append(list, c.name)
		}
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM " + t.table
	if t.where != "" {
		query += " WHERE " + t.where
	}
	return query
}

func (t hashedTable) updateHashes(columns []hashedColumn) string {
	var set, arrays, names []string
	for i, c := range columns {
		hash := "h." + c.name
		if c.text {
			hash = "encode(" + hash + ", 'hex')"
		}
		set = append(set, fmt.Sprintf("%s = coalesce(%s, t.%s)", c.name, hash, c.name))
		arrays = append(arrays, fmt.Sprintf("$%d::bytea[]", i+2))
		names = append(names, c.name)
	}
	return fmt.Sprintf("UPDATE %s AS t SET %s FROM unnest($1::text[]::tid[], %s) AS h (place, %s) WHERE t.ctid = h.place",
		t.table, strings.Join(set, ", "), strings.Join(arrays, ", "), strings.Join(names, ", "))
}

// nextPage returns the places of rows, and their hashes by column.
func (t hashedTable) nextPage(ctx context.Context, tx pgx.Tx) (places []string, hashes [][][]byte, err error) {
	rows, err := tx.Query(ctx, fmt.Sprintf("FETCH %d FROM %s", hashesPerPage, t.cursor()))
	if err != nil {
		return nil, nil, err
	}
	hashes = make([][][]byte, len(t.columns))
	row := make([][]byte, len(t.columns))
	var place string
	into := []any{&place}
	for i := range row {
		into = append(into, &row[i])
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		places = append(places, place)
		for i := range row {
			hashes[i] = append(hashes[i], slices.Clone(row[i]))
		}
		return nil
	})
	return places, hashes, err
}
