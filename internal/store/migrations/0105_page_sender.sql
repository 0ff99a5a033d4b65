-- Which attempt is sending a row's page. Temporal starts another one when it has heard
-- nothing of the first, which may be alive: the last to take the page has it.
ALTER TABLE staged_participant ADD COLUMN sender text;
