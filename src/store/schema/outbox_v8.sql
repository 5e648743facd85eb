-- outbox.db, version 8: a scan's row keeps how often it counts and what a person was told.

-- How often a product scan counts what its code says, by QTY before it or LAST after it.
ALTER TABLE scans ADD COLUMN times INTEGER;
-- What a command came to, in words, where its name does not say it.
ALTER TABLE scans ADD COLUMN words TEXT;
