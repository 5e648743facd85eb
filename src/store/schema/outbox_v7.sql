-- outbox.db, version 7: a parked code is known by how it was read, and a label's lot, date and serial number are kept.

-- How the code was read, for a parked scan and for one with a serial number: its keys, as `Barcode::identity` writes them.
-- Rows from before have none until the agent, which alone can read a code, has filled them in at its start.
ALTER TABLE scans ADD COLUMN read_as TEXT;
ALTER TABLE scans ADD COLUMN lot TEXT;    -- AI 10 of the label
ALTER TABLE scans ADD COLUMN expiry TEXT; -- AI 17 of the label, YYMMDD; day 00 is the end of the month
ALTER TABLE scans ADD COLUMN serial TEXT; -- AI 21 of the label

DROP INDEX scans_parked;
CREATE INDEX scans_parked ON scans (read_as) WHERE outcome = 'unknown';
-- One unit, scanned again.
CREATE INDEX scans_of_unit ON scans (read_as, serial) WHERE serial IS NOT NULL;
-- What the labels of a document said; the query on them has these words.
CREATE INDEX scans_of_label ON scans (operation_id)
    WHERE lot IS NOT NULL OR expiry IS NOT NULL OR serial IS NOT NULL;

-- Sale units that one scan of the code is, and when a person said so; NULL: before this version.
ALTER TABLE assignments ADD COLUMN factor INTEGER NOT NULL DEFAULT 1;
ALTER TABLE assignments ADD COLUMN wall_ms INTEGER;
-- Blanks around a code are no part of it any more.
UPDATE OR IGNORE assignments SET key = 't' || trim(substr(key, 2)) WHERE key LIKE 't%' AND trim(substr(key, 2)) <> '';
