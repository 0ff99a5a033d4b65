-- Every query finds its rows through an index, however many connections there
-- are. A connection that reports every minute leaves ten thousand runs a week.
CREATE INDEX sync_run_connection ON sync_run (connection_id, kind, id);
CREATE INDEX sync_run_open ON sync_run (connection_id, id) WHERE finished_at IS NULL;
CREATE INDEX sync_run_export ON sync_run (connection_id, export_id);
CREATE INDEX sync_run_finished ON sync_run (finished_at);

-- The open items are listed and counted; the closed ones must still be found by
-- an erasure, and by housekeeping.
CREATE INDEX parked_item_open ON parked_item (connection_id, id) WHERE closed_at IS NULL;
CREATE INDEX parked_item_contact ON parked_item (connection_id, contact_id);
CREATE INDEX parked_item_participant ON parked_item (connection_id, account_id, user_id);
CREATE INDEX parked_item_event ON parked_item (tracked_event_id) WHERE tracked_event_id IS NOT NULL;
CREATE INDEX parked_item_closed ON parked_item (closed_at) WHERE closed_at IS NOT NULL;

CREATE INDEX tracked_event_decided ON tracked_event (decided_at);
CREATE INDEX tracked_event_unsettled ON tracked_event (connection_id, state) WHERE state IN ('waiting', 'pending', 'sent', 'error');

CREATE INDEX inbox_relayed ON inbox (relayed_at) WHERE relayed_at IS NOT NULL;
CREATE INDEX object_inbox_relayed ON object_inbox (relayed_at) WHERE relayed_at IS NOT NULL;
CREATE INDEX advocate_event_received ON advocate_event (received_at);

CREATE INDEX former_mapping_ended ON former_mapping (ended_at);
CREATE INDEX contact_ledger_gone ON contact_ledger (decided_at)
    WHERE email_hash IS NOT NULL AND state IN ('deleted', 'merged_away');

-- A row that goes looks for those that refer to it.
CREATE INDEX program_switch_refresh ON program_switch (refresh_run) WHERE refresh_run IS NOT NULL;
CREATE INDEX connect_intent_connection ON connect_intent (connection_id) WHERE connection_id IS NOT NULL;
