-- What happened in each minute of a connection, for the console's plots. Workers
-- add what they did; a starter samples how things stand, once a minute. Nothing
-- depends on these rows: a process that dies takes a minute of them along.
CREATE TABLE connection_minute (
    connection_id        text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    minute               timestamptz NOT NULL,
    contacts_written     bigint      NOT NULL DEFAULT 0,
    participants_written bigint      NOT NULL DEFAULT 0,
    lag_counts           bigint[]    NOT NULL DEFAULT '{0,0,0,0,0,0,0,0,0,0,0,0}', -- contacts in step, by how long it took: store.LagBounds

    sampled_at           timestamptz, -- null: the columns below are not known
    heard                bigint      NOT NULL DEFAULT 0, -- events since the last sample
    heard_until          bigint      NOT NULL DEFAULT 0, -- the inbox's latest id
    backlog              bigint      NOT NULL DEFAULT 0, -- events that wait
    calls                bigint      NOT NULL DEFAULT 0, -- HubSpot calls in the 10 s before
    parked               bigint      NOT NULL DEFAULT 0,
    drift                bigint      NOT NULL DEFAULT 0, -- what the latest reconcile left
    PRIMARY KEY (connection_id, minute)
);

CREATE INDEX connection_minute_age ON connection_minute (minute);
