-- Who may call the admin API. The secret is random and long, so a plain hash of
-- it keeps it.
CREATE TABLE api_token (
    id           text        NOT NULL PRIMARY KEY CHECK (id ~ '^[a-z2-7]{10}$'), -- public; the token's prefix
    name         text        NOT NULL CHECK (name <> ''),
    role         text        NOT NULL CHECK (role IN ('viewer', 'operator', 'privacy', 'admin')),
    secret_hash  bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text        NOT NULL CHECK (created_by <> ''),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz, -- to the minute
    revoked_at   timestamptz,
    CHECK (expires_at > created_at)
);

-- A name means one token at a time; a former holder's entries name the token's
-- id as well.
CREATE UNIQUE INDEX api_token_name ON api_token (name) WHERE revoked_at IS NULL;

-- Who asked for what. The entry is written before the work begins, so that
-- nothing happens without one; audit_outcome says how it ended. An entry without
-- an outcome belongs to work under way, or to a process that died.
CREATE TABLE audit_entry (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL,
    actor_kind    text        NOT NULL CHECK (actor_kind IN ('token', 'bootstrap', 'local')),
    actor         text        NOT NULL CHECK (actor <> ''), -- the token's name, or the operating system's user
    token_id      text        NOT NULL CHECK ((token_id <> '') = (actor_kind = 'token')),
    role          text        NOT NULL CHECK (role IN ('viewer', 'operator', 'privacy', 'admin')),
    operation     text        NOT NULL CHECK (operation <> ''), -- its name in the admin API
    connection_id text        NOT NULL, -- empty: of no connection. No reference: the entry outlives it
    subject       text        NOT NULL CHECK (subject ~ '^([a-z]+:[a-z0-9,-]+( [a-z]+:[a-z0-9,-]+)*)?$'), -- ids alone
    request_id    text        NOT NULL CHECK (request_id <> ''),
    remote        text        NOT NULL  -- the caller's network address; empty: this machine
);

CREATE TABLE audit_outcome (
    audit_id bigint      NOT NULL PRIMARY KEY REFERENCES audit_entry (id),
    at       timestamptz NOT NULL,
    outcome  text        NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    code     text        NOT NULL, -- of the problem; empty for done
    subject  text        NOT NULL CHECK (subject ~ '^([a-z]+:[a-z0-9,-]+( [a-z]+:[a-z0-9,-]+)*)?$') -- what came of it: ids alone
);

CREATE INDEX audit_entry_at ON audit_entry (at);
CREATE INDEX audit_outcome_at ON audit_outcome (at);

-- The database itself keeps the log append-only, the owner of the tables
-- included: rows are stamped by its clock, never changed, and only go once they
-- are 400 days old.
CREATE FUNCTION audit_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER stamp BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_stamp();
CREATE TRIGGER stamp BEFORE INSERT ON audit_outcome FOR EACH ROW EXECUTE FUNCTION audit_stamp();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_outcome FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_outcome FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
