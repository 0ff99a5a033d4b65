-- Which contact another one lives on under, as HubSpot told or showed it.
-- HubSpot forgets it when the survivor is erased; we must not, for a merge makes
-- both one person.
CREATE TABLE merged_contact (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    heir_id       text        NOT NULL CHECK (heir_id <> '' AND heir_id <> contact_id),
    merged_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, contact_id)
);

CREATE INDEX merged_contact_heir ON merged_contact (connection_id, heir_id);

-- Keyed; of the participant's email when it was mapped. Once the participant is
-- gone nobody else can tell it, and an erasure has to find it. Null: it has none.
ALTER TABLE mapping ADD COLUMN email_hash bytea;
ALTER TABLE former_mapping ADD COLUMN email_hash bytea;
