-- What became of a change in HubSpot that a trigger matched: one row for each
-- order id, which is all that a trigger sends of it. No value of any record is
-- kept, but for the sealed request between its recording and its answer: what
-- is sent again after an unknown outcome must be the same.
CREATE TABLE tracked_event (
    id              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id   text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    trigger_id      text        NOT NULL CHECK (trigger_id <> ''),
    trigger_version integer     NOT NULL,
    object_type     text        NOT NULL CHECK (object_type IN ('contact', 'deal', 'company')),
    object_id       text        NOT NULL CHECK (object_id <> ''),
    property        text        NOT NULL, -- that changed; empty for a creation and for a form
    form            text        NOT NULL, -- that was submitted; else empty
    submission      text        NOT NULL, -- a keyed hash
    occurred_at     timestamptz NOT NULL, -- by HubSpot's clock
    order_id        text        NOT NULL CHECK (order_id <> ''),
    contact_id      text        NOT NULL, -- the customer; empty while there is none
    candidates      text[]      NOT NULL, -- contacts of the record, any of which may become the customer
    state           text        NOT NULL CHECK (state IN ('waiting', 'pending', 'sent', 'complete', 'error', 'skipped', 'reversed')),
    reversal        boolean     NOT NULL, -- it is the reversal of a complete one that is pending, sent or in error
    reason          text        NOT NULL,
    words           text        NOT NULL DEFAULT '', -- the vendor's
    request         bytea,                -- sealed
    receipt         text        NOT NULL DEFAULT '', -- by which the vendor tells its verdict
    wait_until      timestamptz,
    woken_at        timestamptz,
    poll_at         timestamptz,
    polls           integer     NOT NULL DEFAULT 0,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz,
    decided_at      timestamptz,
    UNIQUE (connection_id, order_id),
    CHECK ((state = 'pending') = (request IS NOT NULL)),
    CHECK (state IN ('waiting', 'skipped') OR contact_id <> ''),
    CHECK (state <> 'waiting' OR wait_until IS NOT NULL),
    CHECK (state <> 'sent' OR (poll_at IS NOT NULL AND receipt <> '')),
    CHECK (state <> 'reversed' OR reversal),
    CHECK (state NOT IN ('waiting', 'skipped', 'complete') OR NOT reversal)
);

CREATE INDEX tracked_event_object ON tracked_event (connection_id, object_type, object_id);
CREATE INDEX tracked_event_recent ON tracked_event (connection_id, id);
CREATE INDEX tracked_event_contact ON tracked_event (connection_id, contact_id) WHERE contact_id <> '';
CREATE INDEX tracked_event_waiting ON tracked_event (connection_id, id) WHERE state = 'waiting';
CREATE INDEX tracked_event_verdict ON tracked_event (connection_id, poll_at) WHERE state = 'sent';

-- The work that needs a person may be about one such event.
ALTER TABLE parked_item ADD COLUMN tracked_event_id bigint REFERENCES tracked_event (id) ON DELETE CASCADE;

DROP INDEX parked_item_open_contact;
CREATE UNIQUE INDEX parked_item_open_contact ON parked_item (connection_id, contact_id, cause)
    WHERE closed_at IS NULL AND contact_id <> '' AND tracked_event_id IS NULL;
CREATE UNIQUE INDEX parked_item_open_event ON parked_item (tracked_event_id)
    WHERE closed_at IS NULL AND tracked_event_id IS NOT NULL;

-- How far each form has been read: everything submitted before is dealt with.
CREATE TABLE form_cursor (
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    form          text        NOT NULL CHECK (form <> ''),
    read_to       timestamptz NOT NULL,
    polled_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, form)
);

-- The submissions since a little before then that were dealt with.
CREATE TABLE form_submission (
    connection_id text        NOT NULL,
    form          text        NOT NULL,
    submission    text        NOT NULL CHECK (submission <> ''), -- a keyed hash
    submitted_at  timestamptz NOT NULL,
    PRIMARY KEY (connection_id, form, submission),
    FOREIGN KEY (connection_id, form) REFERENCES form_cursor (connection_id, form) ON DELETE CASCADE
);
