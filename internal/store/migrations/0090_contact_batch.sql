-- Imports and bulk edits go by the page, and behind what somebody waits for.
ALTER TABLE inbox ADD COLUMN bulk boolean NOT NULL DEFAULT false;
CREATE INDEX inbox_lane ON inbox (connection_id, bulk, not_before, id) WHERE relayed_at IS NULL;

-- Who works on a contact right now: its own workflow, or a page of contacts. A row
-- goes when the work ends; one whose worker died lapses.
CREATE TABLE contact_lease (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    holder        text        NOT NULL CHECK (holder <> ''), -- the workflow's id
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (connection_id, contact_id)
);
