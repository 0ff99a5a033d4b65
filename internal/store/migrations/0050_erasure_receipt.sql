-- What a receipt of an erasure tells, and what it is signed with.

-- The first key is made with the installation. The newest one whose private half
-- can be opened signs; the public halves of all of them stay, so that every
-- receipt can be verified for as long as the database exists.
CREATE TABLE receipt_key (
    public_key  text        NOT NULL PRIMARY KEY CHECK (length(public_key) = 43), -- Ed25519, in base64url
    private_key bytea       NOT NULL, -- sealed; empty: it cannot be opened any more
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- What both vendors answered when they were asked again, after the deletion.
ALTER TABLE erasure
    ADD COLUMN hubspot_answer  text    NOT NULL DEFAULT '' CHECK (hubspot_answer IN ('', 'not_found', 'archived', 'merged', 'shown')),
    ADD COLUMN advocate_answer text    NOT NULL DEFAULT '' CHECK (advocate_answer IN ('', 'not_found', 'do_not_track')),
    ADD COLUMN advocate_asked  integer NOT NULL DEFAULT 0; -- identities that Advocate was asked for

-- Orders at impact.com that name an erased person, or may: nobody but impact.com
-- can change them. They belong to the contact, so that a second erasure of it
-- tells of them as well. Like the erasure, they outlive the connection.
CREATE TABLE erasure_order (
    connection_id text NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text NOT NULL CHECK (contact_id <> ''),
    order_id      text NOT NULL CHECK (order_id <> ''),
    PRIMARY KEY (connection_id, contact_id, order_id)
);

-- What counts at impact.com stays counted, under its order id alone: it names no
-- customer any more, and nothing changes it but the vendor's verdict.
ALTER TABLE tracked_event
    ADD COLUMN forgotten_at timestamptz, -- its customer was erased
    DROP CONSTRAINT tracked_event_check1,
    ADD CONSTRAINT tracked_event_customer CHECK (state IN ('waiting', 'skipped') OR contact_id <> '' OR forgotten_at IS NOT NULL);
