-- The console says whom a rule would touch, which it counts on every look.
CREATE INDEX contact_ledger_rule_off ON contact_ledger (connection_id) WHERE state = 'not_shared' AND reason = 'rule_off';
