-- outbox.db, version 5: a parked scan keeps the code it was looked up by, for rules and patterns may change.

-- The code with its AIM prefix, for a parked scan that was looked up by another text than its bytes.
ALTER TABLE scans ADD COLUMN code TEXT;
