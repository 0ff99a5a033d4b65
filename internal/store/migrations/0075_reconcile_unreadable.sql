-- A contact that HubSpot lists in a form that cannot be read is neither live nor
-- missing: a reconcile concludes nothing from it.
ALTER TABLE reconcile_contact DROP CONSTRAINT reconcile_contact_presence_check;
ALTER TABLE reconcile_contact ADD CONSTRAINT reconcile_contact_presence_check
      CHECK (presence IN ('live', 'archived', 'merged', 'missing', 'unreadable'));
