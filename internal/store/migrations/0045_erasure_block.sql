-- Whoever is to be erased is blocked from the moment it is heard: the tombstones
-- stand at once, and are provisional until HubSpot bears the privacy deletion out.
ALTER TABLE tombstone ADD COLUMN provisional boolean NOT NULL DEFAULT false;

-- Which tombstones an erasure that is not verified yet asked for. Two erasures
-- may ask for the same one; it is lifted with the last of them.
CREATE TABLE erasure_block (
    connection_id text  NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text  NOT NULL CHECK (contact_id <> ''),
    key_hash      bytea NOT NULL,
    PRIMARY KEY (connection_id, contact_id, key_hash)
);

CREATE INDEX erasure_block_key ON erasure_block (connection_id, key_hash);

-- Emails of a contact beside its primary one, as keyed hashes: the person may
-- come back under any of them.
CREATE TABLE contact_email (
    connection_id text  NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text  NOT NULL CHECK (contact_id <> ''),
    email_hash    bytea NOT NULL,
    PRIMARY KEY (connection_id, contact_id, email_hash)
);

-- An erasure finds participants that had one of the person's emails.
CREATE INDEX former_mapping_email ON former_mapping (connection_id, email_hash) WHERE email_hash IS NOT NULL;
