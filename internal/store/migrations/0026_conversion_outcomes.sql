-- Whether a conversion counts is known only once impact.com has said so. What
-- was sent without an answer is kept, sealed, after it was given up too: it can
-- only be asked again by sending the same.
ALTER TABLE tracked_event
    ADD COLUMN unanswered integer NOT NULL DEFAULT 0 CHECK (unanswered >= 0), -- times it was sent, or its verdict asked for, without an answer that counts
    ADD COLUMN held_at timestamptz, -- pending: when the account at impact.com refused us
    DROP CONSTRAINT tracked_event_check,
    ADD CONSTRAINT tracked_event_request CHECK (CASE state WHEN 'pending' THEN request IS NOT NULL WHEN 'error' THEN true ELSE request IS NULL END);

CREATE INDEX tracked_event_unanswered ON tracked_event (connection_id, wait_until) WHERE state = 'error' AND request IS NOT NULL;

-- While the account refuses us, nothing is sent for the connection. Contacts have
-- nothing to do with it and go on.
ALTER TABLE connection
    ADD COLUMN impact_refused_at timestamptz, -- of the last refusal
    ADD COLUMN impact_refusal text NOT NULL DEFAULT ''; -- the vendor's, without personal data
