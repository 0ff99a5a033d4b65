-- The durable intake of what triggers watch: that something happened to a
-- record, never a value. An inbox of its own, so that contacts never wait
-- behind a burst of deals.
CREATE TABLE object_inbox (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    object_type   text        NOT NULL CHECK (object_type IN ('contact', 'deal', 'company')),
    object_id     text        NOT NULL CHECK (object_id <> ''),
    kind          text        NOT NULL CHECK (kind IN ('created', 'changed', 'recheck')),
    property      text        NOT NULL CHECK ((property <> '') = (kind = 'changed')),
    occurred_at   timestamptz NOT NULL,
    dedupe_key    text        NOT NULL CHECK (dedupe_key <> ''),
    received_at   timestamptz NOT NULL DEFAULT now(),
    relayed_at    timestamptz,
    attempts      integer     NOT NULL DEFAULT 0,
    not_before    timestamptz NOT NULL DEFAULT now(), -- later than received_at once a relay failed
    UNIQUE (connection_id, dedupe_key)
);

CREATE INDEX object_inbox_waiting ON object_inbox (connection_id, not_before, id) WHERE relayed_at IS NULL;
