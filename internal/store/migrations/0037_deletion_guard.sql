-- How many deletions within an hour go through without a question. Null: the
-- default, a share of the mapped contacts. 0: any number.
ALTER TABLE connection ADD COLUMN deletion_guard integer CHECK (deletion_guard >= 0);

-- The deletions of mapped contacts that were heard of lately, and those that
-- wait until a person has decided about them.
CREATE TABLE due_deletion (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    state         text        NOT NULL CHECK (state IN ('due', 'waiting', 'approved', 'done')),
    heard_at      timestamptz NOT NULL DEFAULT now(),
    waiting_since timestamptz,
    PRIMARY KEY (connection_id, contact_id),
    CHECK ((state = 'waiting') <= (waiting_since IS NOT NULL))
);

CREATE INDEX due_deletion_heard ON due_deletion (connection_id, heard_at);
CREATE INDEX due_deletion_waiting ON due_deletion (connection_id, contact_id) WHERE state = 'waiting';

ALTER TABLE contact_ledger
    DROP CONSTRAINT contact_ledger_state_check,
    ADD CONSTRAINT contact_ledger_state_check CHECK (state IN ('', 'mapped', 'awaiting_email', 'not_shared', 'parked',
        'do_not_track', 'erased', 'missing', 'deleted', 'merged_away', 'awaiting_approval'));
