-- One person's privacy deletion, from the moment it is heard until it is proven.
-- The row says when each step was done, and no more of the person than the
-- contact's id. It stays when the connection ends, as the connection's row does.
CREATE TABLE erasure (
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    contact_id    text        NOT NULL CHECK (contact_id <> ''),
    source        text        NOT NULL CHECK (source IN ('hubspot', 'request', 'operator')), -- request: of our own, such as a reconcile's
    requested_by  text        NOT NULL DEFAULT '' CHECK ((requested_by <> '') = (source = 'operator')),
    occurred_at   timestamptz NOT NULL, -- by the clock of whoever told
    heard_at      timestamptz NOT NULL DEFAULT now(),
    verified_at   timestamptz, -- HubSpot does not show the contact
    blocked_at    timestamptz, -- nobody makes the person again
    deleted_at    timestamptz, -- at Advocate, with do-not-track
    checked_at    timestamptz, -- both vendors were asked again, and show nobody
    forgotten_at  timestamptz, -- here; the last step
    doubted_at    timestamptz, -- HubSpot went on showing the contact: nothing was erased
    participants  integer     NOT NULL DEFAULT 0, -- deleted
    contacts      integer     NOT NULL DEFAULT 0, -- forgotten: the contact, and those merged into it
    orphaned      integer     NOT NULL DEFAULT 0, -- other contacts that lost their participant
    attempts      integer     NOT NULL DEFAULT 0, -- that failed
    problem       text        NOT NULL DEFAULT '', -- of the last attempt, without anybody's data
    tried_at      timestamptz, -- the last attempt that failed
    CHECK (forgotten_at IS NULL OR doubted_at IS NULL),
    CHECK (forgotten_at IS NULL OR (verified_at IS NOT NULL AND blocked_at IS NOT NULL AND deleted_at IS NOT NULL AND checked_at IS NOT NULL))
);

CREATE UNIQUE INDEX erasure_open ON erasure (connection_id, contact_id) WHERE forgotten_at IS NULL AND doubted_at IS NULL;
CREATE INDEX erasure_connection ON erasure (connection_id, id);

-- Whoever tells of a privacy deletion, by whichever way, has it recorded in the
-- same transaction: it becomes an erasure with the row that makes it durable.
-- The order keeps two deliveries that tell of the same people from waiting for
-- each other in a circle.
CREATE FUNCTION erasure_heard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO erasure (connection_id, contact_id, source, occurred_at)
    SELECT DISTINCT ON (h.connection_id, h.contact_id)
           h.connection_id, h.contact_id, CASE WHEN h.requested THEN 'request' ELSE 'hubspot' END, h.occurred_at
      FROM heard h
     WHERE h.kind = 'erased'
     ORDER BY h.connection_id, h.contact_id, h.id
    ON CONFLICT (connection_id, contact_id) WHERE forgotten_at IS NULL AND doubted_at IS NULL DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER erasure_heard AFTER INSERT ON inbox
    REFERENCING NEW TABLE AS heard FOR EACH STATEMENT EXECUTE FUNCTION erasure_heard();

-- What was heard before, and is not done yet.
INSERT INTO erasure (connection_id, contact_id, source, occurred_at, heard_at)
SELECT DISTINCT ON (i.connection_id, i.contact_id) i.connection_id, i.contact_id, CASE WHEN i.requested THEN 'request' ELSE 'hubspot' END, i.occurred_at, i.received_at
  FROM inbox i
  JOIN connection c ON c.id = i.connection_id AND c.status <> 'disconnected'
  LEFT JOIN contact_ledger l ON l.connection_id = i.connection_id AND l.contact_id = i.contact_id
 WHERE i.kind = 'erased' AND l.state IS DISTINCT FROM 'erased'
 ORDER BY i.connection_id, i.contact_id, i.id;
