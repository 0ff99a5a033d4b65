-- A reconcile asks nobody again about what a person has discarded.
CREATE INDEX parked_item_discarded ON parked_item (connection_id, contact_id, cause) WHERE outcome = 'discarded';
