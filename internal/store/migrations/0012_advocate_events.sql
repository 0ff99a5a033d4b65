-- The durable intake of Advocate's webhooks: that a participant was made, or an
-- export is ready, and nothing about either. Events stay a few days, against
-- duplicates and as an audit trail.
CREATE TABLE advocate_event (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    event_id      text        NOT NULL CHECK (event_id <> ''), -- the same for every delivery
    kind          text        NOT NULL CHECK (kind IN ('participant_created', 'export_completed')),
    export_id     text        NOT NULL DEFAULT '',
    received_at   timestamptz NOT NULL DEFAULT now(),
    handled_at    timestamptz,
    UNIQUE (connection_id, event_id),
    CHECK ((kind = 'export_completed') = (export_id <> ''))
);

CREATE INDEX advocate_event_waiting ON advocate_event (connection_id, kind, received_at) WHERE handled_at IS NULL;

-- Where Advocate was last told to send the connection's webhooks. With a reason
-- it refused.
CREATE TABLE advocate_subscription (
    connection_id text        NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    endpoint_url  text        NOT NULL,
    reason        text        NOT NULL DEFAULT '',
    tried_at      timestamptz NOT NULL DEFAULT now()
);
