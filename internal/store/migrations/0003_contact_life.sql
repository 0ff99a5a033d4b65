ALTER TABLE inbox
    DROP CONSTRAINT inbox_kind_check,
    ADD CONSTRAINT inbox_kind_check CHECK (kind IN ('created', 'updated', 'deleted', 'erased', 'restored', 'merged', 'resync'));

CREATE INDEX inbox_contact ON inbox (connection_id, contact_id, id);

-- by_email: the participant was found, or made, by the contact's own email, so
-- both are one person. Otherwise somebody wrote its ids onto the contact.
ALTER TABLE mapping ADD COLUMN by_email boolean NOT NULL DEFAULT false;

ALTER TABLE contact_ledger
    ADD COLUMN email_hash bytea, -- keyed; by which the person is recognised once the contact is gone
    DROP CONSTRAINT contact_ledger_state_check,
    ADD CONSTRAINT contact_ledger_state_check CHECK (state IN ('', 'mapped', 'awaiting_email', 'not_shared', 'parked',
        'do_not_track', 'erased', 'missing', 'deleted', 'merged_away'));

-- What a contact was mapped to before, for as long as the contact may be
-- restored or erased.
CREATE TABLE former_mapping (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    account_id    text        NOT NULL CHECK (account_id <> ''),
    user_id       text        NOT NULL CHECK (user_id <> ''),
    by_email      boolean     NOT NULL,
    ending        text        NOT NULL CHECK (ending IN ('deleted', 'unmapped', 'merged', 'remapped')),
    ended_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, contact_id, account_id, user_id)
);

CREATE INDEX former_mapping_participant ON former_mapping (connection_id, account_id, user_id);

-- A retry looks at single participants again: it has no export, and several may
-- be under way.
ALTER TABLE sync_run
    DROP CONSTRAINT sync_run_kind_check,
    ADD CONSTRAINT sync_run_kind_check CHECK (kind IN ('report', 'mass', 'retry'));

DROP INDEX sync_run_unfinished;
CREATE UNIQUE INDEX sync_run_unfinished ON sync_run (connection_id, kind) WHERE finished_at IS NULL AND kind <> 'retry';

ALTER TABLE parked_item ADD COLUMN retry_run bigint REFERENCES sync_run (id) ON DELETE SET NULL;

CREATE INDEX parked_item_retry_run ON parked_item (retry_run) WHERE retry_run IS NOT NULL;

-- Both ids are blank in the row of a person who was erased after the export.
ALTER TABLE staged_participant
    DROP CONSTRAINT staged_participant_account_id_check,
    DROP CONSTRAINT staged_participant_user_id_check,
    ADD CONSTRAINT staged_participant_identity_check CHECK ((account_id = '') = (user_id = ''));
