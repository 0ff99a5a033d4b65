-- What belongs to the installation as a whole. The pepper of all keyed hashes
-- is sealed under ENCRYPTION_KEY.
CREATE TABLE installation (
    only_row   boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
    pepper     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE connection (
    id                       text        NOT NULL PRIMARY KEY CHECK (id ~ '^c[a-z2-7]{9}$'),
    portal_id                bigint      NOT NULL UNIQUE CHECK (portal_id > 0),
    tenant                   text        NOT NULL CHECK (tenant <> ''),
    program                  text        NOT NULL CHECK (program <> ''),
    rule_participant_created boolean     NOT NULL,
    rule_participant_updated boolean     NOT NULL,
    rule_contact_created     boolean     NOT NULL,
    rule_contact_updated     boolean     NOT NULL,
    share_pii_updates        boolean     NOT NULL,
    contact_id_field         text        NOT NULL CHECK (contact_id_field <> ''),
    status                   text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'unauthorized')),
    status_reason            text        NOT NULL DEFAULT '',
    report_watermark         timestamptz,
    credentials              bytea       NOT NULL, -- sealed
    credentials_revision     integer     NOT NULL DEFAULT 1,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now()
);

-- The durable intake of HubSpot's webhooks: that something happened to a
-- contact, never a value. Relayed rows stay a few days, against duplicates and
-- as an audit trail. Echoes of our own writes are born relayed.
CREATE TABLE inbox (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    kind          text        NOT NULL CHECK (kind IN ('created', 'updated')),
    property      text        NOT NULL,
    occurred_at   timestamptz NOT NULL,
    dedupe_key    text        NOT NULL CHECK (dedupe_key <> ''),
    echo          boolean     NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    relayed_at    timestamptz,
    attempts      integer     NOT NULL DEFAULT 0,
    not_before    timestamptz NOT NULL DEFAULT now(), -- later than received_at once a relay failed
    UNIQUE (connection_id, dedupe_key),
    CHECK (NOT echo OR relayed_at IS NOT NULL)
);

CREATE INDEX inbox_unrelayed ON inbox (not_before, id) WHERE relayed_at IS NULL;

-- Contact and participant are one person. Two contacts may share a participant,
-- so its side is not unique.
CREATE TABLE mapping (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    account_id    text        NOT NULL CHECK (account_id <> ''),
    user_id       text        NOT NULL CHECK (user_id <> ''),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, contact_id)
);

CREATE INDEX mapping_participant ON mapping (connection_id, account_id, user_id);

-- The last decision about a contact, and keyed hashes of what each side last
-- took from us. It outlives the mapping and exists for contacts without one.
CREATE TABLE contact_ledger (
    connection_id  text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id     text        NOT NULL CHECK (contact_id <> ''),
    state          text        NOT NULL CHECK (state IN ('', 'mapped', 'awaiting_email', 'not_shared', 'parked',
                                                         'do_not_track', 'erased', 'missing')),
    reason         text        NOT NULL DEFAULT '',
    awaited_as_new boolean     NOT NULL DEFAULT false,
    sent_hash      bytea,
    written_hash   bytea,
    decided_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, contact_id)
);

-- A person was erased for privacy. One row per key by which the person could
-- come back (email, participant ids, contact id), hashed.
CREATE TABLE tombstone (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    key_hash      bytea       NOT NULL,
    do_not_track  boolean     NOT NULL DEFAULT true,
    erased_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, key_hash)
);

-- Work that needs a person. The subject is a contact, or a participant that has
-- no contact yet; one open item per subject and cause.
CREATE TABLE parked_item (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL,
    account_id    text        NOT NULL,
    user_id       text        NOT NULL,
    cause         text        NOT NULL CHECK (cause <> ''),
    advice        text        NOT NULL,
    words         text        NOT NULL,
    parked_at     timestamptz NOT NULL DEFAULT now(),
    closed_at     timestamptz,
    outcome       text        CHECK (outcome IN ('resolved', 'retried', 'discarded')),
    CHECK (contact_id <> '' OR (account_id <> '' AND user_id <> '')),
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
);

CREATE UNIQUE INDEX parked_item_open_contact ON parked_item (connection_id, contact_id, cause)
    WHERE closed_at IS NULL AND contact_id <> '';
CREATE UNIQUE INDEX parked_item_open_participant ON parked_item (connection_id, account_id, user_id, cause)
    WHERE closed_at IS NULL AND contact_id = '';

-- The budget of HubSpot calls of one portal, shared by all workers. 'epoch'
-- means never.
CREATE TABLE budget (
    portal_id          bigint        NOT NULL PRIMARY KEY,
    granted            timestamptz[] NOT NULL DEFAULT '{}', -- ascending; older than the window: forgotten
    paused_until       timestamptz   NOT NULL DEFAULT 'epoch',
    live_waiting_until timestamptz   NOT NULL DEFAULT 'epoch',
    bulk_next_at       timestamptz   NOT NULL DEFAULT 'epoch'
);
