-- What was heard of a contact when its work was parked: times, never values. A
-- retry acts on it, and so does whatever is heard of the contact next.
ALTER TABLE parked_item ADD COLUMN hints jsonb NOT NULL DEFAULT '{}';

-- Contacts that wait for the participant that another contact has.
CREATE INDEX parked_item_taken ON parked_item (connection_id, account_id, user_id)
    WHERE closed_at IS NULL AND contact_id <> '' AND account_id <> '';

-- Our own requests to sync a contact. However often a contact is asked for, one
-- row of each kind waits.
ALTER TABLE inbox ADD COLUMN requested boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX inbox_requested ON inbox (connection_id, contact_id, kind) WHERE requested AND relayed_at IS NULL;

-- removed: Advocate's staff deleted the participant.
ALTER TABLE former_mapping
    DROP CONSTRAINT former_mapping_ending_check,
    ADD CONSTRAINT former_mapping_ending_check CHECK (ending IN ('deleted', 'unmapped', 'merged', 'remapped', 'removed'));
