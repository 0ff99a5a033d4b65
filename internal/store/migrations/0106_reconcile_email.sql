-- The additional emails of the live contacts that a reconcile lists, as keyed hashes:
-- a person who was erased is recognised by each of them. Gone when the run ends.
CREATE TABLE reconcile_email (
    run_id     bigint NOT NULL REFERENCES sync_run (id) ON DELETE CASCADE,
    contact_id text   NOT NULL CHECK (contact_id <> ''),
    email_hash bytea  NOT NULL,
    PRIMARY KEY (run_id, contact_id, email_hash)
);
