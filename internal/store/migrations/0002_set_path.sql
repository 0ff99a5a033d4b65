-- One pass from Advocate to HubSpot. The counts follow the staged rows and stay
-- when those are deleted.
CREATE TABLE sync_run (
    id                 bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id      text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    kind               text        NOT NULL CHECK (kind IN ('report', 'mass')),
    state              text        NOT NULL DEFAULT 'requested'
                                   CHECK (state IN ('requested', 'staged', 'planned', 'done', 'aborted')),
    program            text        NOT NULL CHECK (program <> ''),
    since              timestamptz, -- only rows created or updated since then; null: all rows
    export_id          text        NOT NULL DEFAULT '',
    exported_at        timestamptz, -- the export's own time: the next watermark
    reason             text        NOT NULL DEFAULT '',
    pages              integer     NOT NULL DEFAULT 0,
    total              bigint      NOT NULL DEFAULT 0,
    to_update          bigint      NOT NULL DEFAULT 0,
    to_match_or_create bigint      NOT NULL DEFAULT 0,
    created            bigint      NOT NULL DEFAULT 0,
    matched            bigint      NOT NULL DEFAULT 0,
    updated            bigint      NOT NULL DEFAULT 0,
    unchanged          bigint      NOT NULL DEFAULT 0,
    blocked            bigint      NOT NULL DEFAULT 0,
    no_email           bigint      NOT NULL DEFAULT 0,
    parked             bigint      NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now(),
    finished_at        timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'aborted'))),
    CHECK (state IN ('requested', 'aborted') OR exported_at IS NOT NULL),
    CHECK ((kind = 'report') = (since IS NOT NULL))
);

CREATE UNIQUE INDEX sync_run_unfinished ON sync_run (connection_id, kind) WHERE finished_at IS NULL;

-- The rows of a run's export: personal data, gone when the run ends. Rows are
-- updated some three times each, mostly in place (hence the fill factor).
CREATE TABLE staged_participant (
    run_id          bigint      NOT NULL REFERENCES sync_run (id) ON DELETE CASCADE,
    ordinal         bigint      NOT NULL,
    account_id      text        NOT NULL CHECK (account_id <> ''),
    user_id         text        NOT NULL CHECK (user_id <> ''),
    email           text        NOT NULL,
    first_name      text        NOT NULL,
    last_name       text        NOT NULL,
    referral_code   text        NOT NULL,
    share_link      text        NOT NULL,
    contact_id_hint text        NOT NULL,
    date_created    timestamptz,
    row_hash        bytea       NOT NULL,
    shared_hash     bytea       NOT NULL,
    email_hash      bytea, -- null: no email
    identity_hash   bytea       NOT NULL,
    plan            text        CHECK (plan IN ('unchanged', 'update', 'match_or_create', 'blocked', 'no_email')),
    page            integer     CHECK (page >= 1),
    state           text        NOT NULL DEFAULT 'staged'
                                CHECK (state IN ('staged', 'planned', 'sending', 'done', 'parked')),
    result          text        CHECK (result IN ('created', 'matched', 'updated', 'unchanged', 'blocked', 'no_email', 'parked')),
    PRIMARY KEY (run_id, ordinal),
    CHECK ((state = 'staged') = (plan IS NULL)),
    CHECK ((state IN ('done', 'parked')) = (result IS NOT NULL)),
    CHECK ((state = 'parked') = (result IS NOT DISTINCT FROM 'parked')),
    CHECK (state NOT IN ('planned', 'sending') OR page IS NOT NULL)
) WITH (fillfactor = 70);

CREATE INDEX staged_participant_page ON staged_participant (run_id, page) WHERE page IS NOT NULL;

-- What every participant looked like when we last handled it, by keyed hashes
-- alone.
CREATE TABLE participant_ledger (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    identity_hash bytea       NOT NULL,
    row_hash      bytea       NOT NULL,
    handled_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, identity_hash)
);
