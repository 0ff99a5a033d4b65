-- The rules by which HubSpot changes become conversions. A definition that
-- counts for nothing any more is disabled, never deleted: what was sent refers
-- to it.
CREATE TABLE trigger_definition (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    trigger_id    text        NOT NULL CHECK (trigger_id ~ '^[a-z][a-z0-9-]{0,39}$'),
    version       integer     NOT NULL CHECK (version > 0), -- the one that counts
    enabled       boolean     NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, trigger_id)
);

-- Every version that was applied: what the operator wrote, and the types that
-- the portal's properties had then, without which it cannot be compiled again.
CREATE TABLE trigger_version (
    connection_id text        NOT NULL,
    trigger_id    text        NOT NULL,
    version       integer     NOT NULL CHECK (version > 0),
    source        text        NOT NULL CHECK (source <> ''),
    schema        jsonb       NOT NULL,
    applied_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, trigger_id, version),
    FOREIGN KEY (connection_id, trigger_id) REFERENCES trigger_definition (connection_id, trigger_id) ON DELETE CASCADE
);
