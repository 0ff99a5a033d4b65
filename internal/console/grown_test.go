package console_test

import "testing"

// grow gives the site's connection what gathers in a year: so many mapped contacts,
// and the rest in proportion to a million.
func (s *site) grow(t *testing.T, contacts int) {
	t.Helper()
	share := func(of int) int { return max(1, of*contacts/1_000_000) }
	for _, seed := range []struct {
		rows      int
		statement string
	}{
		{contacts, `INSERT INTO mapping (connection_id, contact_id, account_id, user_id, email_hash)
		 SELECT $1, n, 'a' || n, 'u' || n, sha256(n::text::bytea) FROM generate_series(1, $2::int) AS n`},
		{contacts, `INSERT INTO contact_ledger (connection_id, contact_id, state, email_hash)
		 SELECT $1, n, 'mapped', sha256(n::text::bytea) FROM generate_series(1, $2::int) AS n`},
		{contacts / 5, `INSERT INTO contact_ledger (connection_id, contact_id, state, reason)
		 SELECT $1, '9' || lpad(n::text, 9, '0'), 'not_shared', 'rule_off' FROM generate_series(1, $2::int) AS n`},
		{share(10_000), `INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words)
		 SELECT $1, n, 'a', 'u', (ARRAY['half_pair','unknown_pair','code_dropped','refused_by_hubspot'])[1 + n % 4], 'correct it', 'a word of the vendor' FROM generate_series(1, $2::int) AS n`},
		{share(100_000), `INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words, closed_at, outcome)
		 SELECT $1, n, 'a', 'u', 'half_pair', 'correct it', '', now(), 'resolved' FROM generate_series(1, $2::int) AS n`},
		{0, "ALTER TABLE audit_entry DISABLE TRIGGER stamp"}, // which would have all of it happen now
		{share(500_000), `INSERT INTO audit_entry (at, actor_kind, actor, token_id, role, operation, connection_id, subject, request_id, remote)
		 SELECT now() - n * interval '1 minute', 'token', CASE n % 20 WHEN 0 THEN 'marie' ELSE 'script' || n % 20 END, 'abcdefghij', 'operator',
		        CASE n % 10 WHEN 0 THEN 'resyncContact' ELSE 'retryParked' END, $1, 'contact:' || n, 'r', '' FROM generate_series($2::int, 1, -1) AS n`},
		{0, "ALTER TABLE audit_entry ENABLE TRIGGER stamp"},
		{share(500_000), `INSERT INTO audit_outcome (audit_id, at, outcome, code, subject) SELECT id, at, 'done', '', '' FROM audit_entry WHERE connection_id = $1 LIMIT $2`},
		{2 * 24 * 60, `INSERT INTO connection_minute (connection_id, minute, sampled_at, heard, contacts_written, participants_written, backlog, calls, parked, mapped)
		 SELECT $1, date_trunc('minute', now()) - n * interval '1 minute', now(), n % 977, n % 613, n % 211, n % 89, n % 110, 10000, $2 FROM generate_series(1, $2::int) AS n`},
		{336, `INSERT INTO connection_hour (connection_id, hour, heard, contacts_written, participants_written, lag_counts, backlog, calls, parked, drift)
		 SELECT $1, date_trunc('hour', now()) - n * interval '1 hour', n * 97, n * 613, n * 211, '{9,9,9,9,9,9,9,9,9,9,9,9}', n % 89, n % 110, 10000, n % 7 FROM generate_series(1, $2::int) AS n`},
		{share(500_000), `INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, relayed_at)
		 SELECT $1, n, 'updated', 'email', now(), n, false, CASE WHEN n % 5 > 0 THEN now() END FROM generate_series(1, $2::int) AS n`},
		{share(500_000), `INSERT INTO contact_decision (connection_id, contact_id, decided_at, state, reason)
		 SELECT $1, n, now() - n * interval '1 second', 'mapped', '' FROM generate_series(1, $2::int) AS n`},
		{share(300_000), `INSERT INTO tracked_event (connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission, occurred_at,
		        order_id, contact_id, candidates, state, reversal, reason, receipt, poll_at, decided_at)
		 SELECT $1, 'won-' || n % 7, 1, 'deal', n, 'dealstage', '', '', now(), 'o' || n, n, '{}', CASE WHEN n % 1000 = 0 THEN 'sent' WHEN n % 5 = 0 THEN 'skipped' ELSE 'complete' END,
		        false, '', 'r', now(), now() FROM generate_series(1, $2::int) AS n`},
		{share(5_000), `INSERT INTO erasure (connection_id, contact_id, source, occurred_at, verified_at, blocked_at, deleted_at, checked_at, forgotten_at)
		 SELECT $1, n, 'hubspot', now(), now(), now(), now(), now(), CASE WHEN n % 100 > 0 THEN now() END FROM generate_series(1, $2::int) AS n`},
		{share(20_000), `INSERT INTO tombstone (connection_id, key_hash) SELECT $1, sha256(n::text::bytea) FROM generate_series(1, $2::int) AS n`},
		{1_000, `INSERT INTO due_deletion (connection_id, contact_id, state, waiting_since) SELECT $1, n, 'waiting', now() FROM generate_series(1, $2::int) AS n`},
		{share(20_000), `INSERT INTO sync_run (connection_id, kind, state, program, since, export_id, exported_at, finished_at)
		 SELECT $1, 'report', 'done', 'p', now(), 'e' || n, now(), now() FROM generate_series(1, $2::int) AS n`},
		{20, `INSERT INTO sync_run (connection_id, kind, state, program, dry_run, exported_at, finished_at, total, unchanged)
		 SELECT $1, 'mass', 'done', 'p', n % 2 = 0, now(), now(), 1000000, 1000000 FROM generate_series(1, $2::int) AS n`},
	} {
		args := []any{s.Connection.ID, seed.rows}
		if seed.rows == 0 {
			args = nil
		}
		s.Exec(t, seed.statement, args...)
	}
	s.Exec(t, "VACUUM ANALYZE")
}
