-- What vendors refuse to a connection, capability by capability. The status sums
-- it up, for queries and for processes of the release before.
ALTER TABLE connection ADD COLUMN refusals jsonb NOT NULL DEFAULT '[]';
UPDATE connection
   SET refusals = jsonb_build_array(jsonb_build_object(
           'system', split_part(status_reason, '.', 1), 'reason', status_reason, 'since', now()))
 WHERE status = 'unauthorized';
-- Which capability a refusal was about is not known: the next call tells.
UPDATE connection SET status = 'active', status_reason = '' WHERE status = 'forbidden';
