-- outbox.db, version 9: what is done while the station scans costs by what it changes, never by the length of the history.

-- The highest number of an operation that was pruned: a number is never given twice.
ALTER TABLE totals ADD COLUMN operations_to INTEGER NOT NULL DEFAULT 0;

-- Closed operations by state, and the parked scans: how many, and their units. Kept by the triggers below, whoever writes.
CREATE TABLE standing (
    what  TEXT PRIMARY KEY, -- a state but 'open', or 'parked'
    count INTEGER NOT NULL,
    units INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO standing (what, count, units) VALUES ('queued', 0, 0), ('sending', 0, 0), ('uncertain', 0, 0), ('posted', 0, 0),
    ('refused', 0, 0), ('cancelled', 0, 0), ('parked', 0, 0);
UPDATE standing SET count = found.count, units = found.units
    FROM (SELECT state, count(*) AS count, sum(units) AS units FROM operations GROUP BY state) AS found
    WHERE found.state = standing.what;
UPDATE standing SET (count, units) = (SELECT count(*), coalesce(sum(quantity), 0) FROM scans
                                      WHERE outcome = 'unknown' AND undone_by IS NULL)
    WHERE what = 'parked';

-- Open operations are few, and not counted here: the scan that opens one writes a page less.
CREATE TRIGGER operations_begin AFTER INSERT ON operations WHEN new.state <> 'open' BEGIN
    UPDATE standing SET count = count + 1, units = units + new.units WHERE what = new.state;
END;
CREATE TRIGGER operations_move AFTER UPDATE OF state, units ON operations
    WHEN old.state <> new.state OR old.units <> new.units BEGIN
    UPDATE standing SET count = count - 1, units = units - old.units WHERE what = old.state;
    UPDATE standing SET count = count + 1, units = units + new.units WHERE what = new.state;
END;
CREATE TRIGGER operations_end AFTER DELETE ON operations WHEN old.state <> 'open' BEGIN
    UPDATE standing SET count = count - 1, units = units - old.units WHERE what = old.state;
END;
CREATE TRIGGER scans_park AFTER INSERT ON scans WHEN new.outcome = 'unknown' AND new.undone_by IS NULL BEGIN
    UPDATE standing SET count = count + 1, units = units + coalesce(new.quantity, 0) WHERE what = 'parked';
END;
CREATE TRIGGER scans_unpark AFTER UPDATE OF outcome, undone_by, quantity ON scans
    WHEN old.outcome = 'unknown' AND old.undone_by IS NULL BEGIN
    UPDATE standing SET count = count - 1, units = units - coalesce(old.quantity, 0) WHERE what = 'parked';
END;
CREATE TRIGGER scans_repark AFTER UPDATE OF outcome, undone_by, quantity ON scans
    WHEN new.outcome = 'unknown' AND new.undone_by IS NULL BEGIN
    UPDATE standing SET count = count + 1, units = units + coalesce(new.quantity, 0) WHERE what = 'parked';
END;
CREATE TRIGGER scans_forget AFTER DELETE ON scans WHEN old.outcome = 'unknown' AND old.undone_by IS NULL BEGIN
    UPDATE standing SET count = count - 1, units = units - coalesce(old.quantity, 0) WHERE what = 'parked';
END;

-- Pruning asks of a frame whether a document is dated by it.
CREATE INDEX operations_of_first_scan ON operations (first_scan);
-- The queries on these say their conditions word for word, or the indexes are not used.
CREATE INDEX operations_under_way ON operations (id) WHERE state IN ('queued', 'sending', 'uncertain');
CREATE INDEX operations_unsent ON operations (first_scan)
    WHERE state IN ('open', 'queued') AND create_date IS NULL AND revokes IS NULL;
DROP INDEX operations_for_a_person;
CREATE INDEX operations_for_a_person ON operations (id)
    WHERE state = 'refused' OR stuck IS NOT NULL OR refusal IS NOT NULL
       OR (state = 'posted' AND surplus <> '' AND doubtful) OR called;
-- In the order of the agenda, so that its first rows are found without the others.
DROP INDEX operations_on_agenda;
CREATE INDEX operations_on_agenda ON operations
    (state IN ('posted', 'refused'), stuck IS NOT NULL, failures > 0, coalesce(retry_ms, 0), id)
    WHERE state IN ('queued', 'sending', 'uncertain')
       OR (surplus <> '' AND state IN ('posted', 'refused'))
       OR (doubtful AND late_checks < 2 AND state IN ('posted', 'refused'));
