-- How many privacy deletions within an hour that nothing bears out are acted on
-- without a question. Null: the default. 0: any number.
ALTER TABLE connection ADD COLUMN erasure_guard integer CHECK (erasure_guard >= 0);

-- The guard of deletions in numbers also knows the privacy deletions that nothing
-- bears out: a reconcile inferred them, or HubSpot goes on showing the contact.
ALTER TABLE due_deletion ADD COLUMN kind text NOT NULL DEFAULT 'deletion' CHECK (kind IN ('deletion', 'inferred', 'doubted'));
