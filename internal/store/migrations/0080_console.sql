-- Who is signed in to the console. The token is hashed, so that whoever reads
-- the table cannot use it; data names who signed in, and with what.
CREATE TABLE console_session (
    token_hash text        NOT NULL PRIMARY KEY,
    data       bytea       NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX console_session_expiry ON console_session (expires_at);

-- A person signs in to the console through an identity provider, with no token.
ALTER TABLE audit_entry
    DROP CONSTRAINT audit_entry_actor_kind_check,
    ADD CONSTRAINT audit_entry_actor_kind_check CHECK (actor_kind IN ('token', 'bootstrap', 'local', 'person'));

-- The console lists open items by cause, and finds contacts by the keyed hash of
-- an email.
CREATE INDEX parked_item_open_cause ON parked_item (connection_id, cause, id) WHERE closed_at IS NULL;
