-- What was decided about a contact, and why, for as long as the inbox keeps what
-- was heard of it: the ledger has the last decision alone.
CREATE TABLE contact_decision (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    decided_at    timestamptz NOT NULL,
    state         text        NOT NULL,
    reason        text        NOT NULL
);

CREATE INDEX contact_decision_contact ON contact_decision (connection_id, contact_id, id);
CREATE INDEX contact_decision_age ON contact_decision (decided_at);
