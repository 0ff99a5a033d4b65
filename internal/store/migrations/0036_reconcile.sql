-- A reconcile reads both sides as they are, compares them and repairs what
-- differs. It is a run of the set path: its export is staged as one, without
-- values, and its pages are applied as one.
ALTER TABLE sync_run
    DROP CONSTRAINT sync_run_kind_check,
    ADD CONSTRAINT sync_run_kind_check CHECK (kind IN ('report', 'mass', 'retry', 'reconcile')),
    DROP CONSTRAINT sync_run_dry_check,
    ADD CONSTRAINT sync_run_dry_check CHECK (kind IN ('mass', 'reconcile') OR NOT dry_run);

-- How far a reconcile has come: what it lists in HubSpot, and from which record
-- id it goes on.
CREATE TABLE reconcile (
    run_id      bigint  NOT NULL PRIMARY KEY REFERENCES sync_run (id) ON DELETE CASCADE,
    step        text    NOT NULL DEFAULT 'live' CHECK (step IN ('live', 'archived', 'listed', 'compared')),
    list_after  text    NOT NULL DEFAULT '',
    contacts    bigint  NOT NULL DEFAULT 0, -- live ones that were listed
    archived    bigint  NOT NULL DEFAULT 0, -- that were listed
    pairs       bigint  NOT NULL DEFAULT 0, -- mapped contacts that were compared
    page_rows   bigint  NOT NULL DEFAULT 0  -- participants whose values are needed to repair
);

-- A contact as HubSpot showed it, and whom it was mapped to then: keyed hashes,
-- never a value. Gone when the run ends.
CREATE TABLE reconcile_contact (
    run_id        bigint      NOT NULL REFERENCES sync_run (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    presence      text        NOT NULL CHECK (presence IN ('live', 'archived', 'merged', 'missing')),
    created_at    timestamptz,          -- null: not shown
    updated_at    timestamptz,
    read_at       timestamptz NOT NULL, -- by this database's clock, before it was read
    contact_hash  bytea       NOT NULL,
    email_hash    bytea,
    named_hash    bytea,                -- of the participant that its ids name
    half_pair     boolean     NOT NULL, -- only one of the two ids is there
    shared_hash   bytea,
    inputs_hash   bytea,                -- of what it would send to the participant that it is mapped to
    plain_inputs_hash bytea,            -- the same without name and email
    has_inputs    boolean     NOT NULL,
    mapped_hash   bytea,                -- of the participant that it is mapped to
    PRIMARY KEY (run_id, contact_id)
);

-- What differs, and what became of it. Gone when the run ends; the counts stay.
CREATE TABLE reconcile_finding (
    run_id     bigint      NOT NULL REFERENCES sync_run (id) ON DELETE CASCADE,
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    class      text        NOT NULL CHECK (class <> ''),
    repair     text        NOT NULL CHECK (repair <> ''),
    contact_id text        NOT NULL, -- empty: the subject is the staged participant
    ordinal    bigint,               -- of the staged participant
    hinted_at  timestamptz,
    outcome    text        CHECK (outcome IN ('repaired', 'parked', 'guarded', 'waiting', 'foretold')),
    PRIMARY KEY (run_id, id),
    CHECK (contact_id <> '' OR ordinal IS NOT NULL)
);

CREATE INDEX reconcile_finding_contact ON reconcile_finding (run_id, contact_id);

-- What a reconcile found, by class, and what became of it.
CREATE TABLE reconcile_count (
    run_id  bigint NOT NULL REFERENCES sync_run (id) ON DELETE CASCADE,
    class   text   NOT NULL,
    outcome text   NOT NULL,
    n       bigint NOT NULL CHECK (n > 0),
    PRIMARY KEY (run_id, class, outcome)
);

-- When both sides of a connection were last known to agree.
CREATE TABLE agreement (
    connection_id text        NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    agreed_at     timestamptz NOT NULL,
    pairs         bigint      NOT NULL,
    repaired      bigint      NOT NULL,
    left_to_people bigint     NOT NULL -- differences that wait for a person
);
