-- While a connection is switching, nothing of a program is written to its
-- contacts.
ALTER TABLE connection ADD COLUMN switching boolean NOT NULL DEFAULT false;

-- One change of a connection's program. With a reason it is, or will be,
-- refused: the former program stays.
CREATE TABLE program_switch (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    from_program  text        NOT NULL CHECK (from_program <> ''),
    to_program    text        NOT NULL CHECK (to_program <> '' AND to_program <> from_program),
    in_place      boolean     NOT NULL,
    mass_sync     boolean     NOT NULL,
    state         text        NOT NULL DEFAULT 'holding'
                              CHECK (state IN ('holding', 'archiving', 'creating', 'restoring', 'refreshing', 'done', 'refused')),
    reason        text        NOT NULL DEFAULT '',
    refresh_run   bigint      REFERENCES sync_run (id) ON DELETE SET NULL,
    revisited     bigint      NOT NULL DEFAULT 0, -- contacts that the refresh did not reach
    created_at    timestamptz NOT NULL DEFAULT now(),
    connected_at  timestamptz,
    finished_at   timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'refused'))),
    CHECK (state NOT IN ('restoring', 'refused') OR reason <> ''),
    CHECK (state <> 'done' OR reason = '')
);

CREATE UNIQUE INDEX program_switch_unfinished ON program_switch (connection_id) WHERE finished_at IS NULL;
CREATE INDEX program_switch_connection ON program_switch (connection_id, id);

-- What became of each property.
CREATE TABLE program_switch_property (
    switch_id  bigint      NOT NULL REFERENCES program_switch (id) ON DELETE CASCADE,
    name       text        NOT NULL CHECK (name <> ''),
    outcome    text        NOT NULL CHECK (outcome IN ('waiting', 'kept', 'in_use', 'archived', 'created', 'restored', 'refused')),
    words      text        NOT NULL DEFAULT '', -- the vendor's, where it refuses
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (switch_id, name)
);
