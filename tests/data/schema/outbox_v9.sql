-- outbox.db of version 9 as the program left it, schema and rows: as version 8, and then operations up to 12 that were pruned.
-- Frozen: whatever reads a later version must read this one first.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE alarms (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so that a screen can tell one from the next
    cause    TEXT NOT NULL UNIQUE,              -- what it is about: 'foreign', 'token', 'document 7'
    since_ms INTEGER NOT NULL,                  -- wall clock
    what     TEXT NOT NULL,                     -- in words, for a person
    seen     INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "alarms" VALUES(3,'document 7',1790000077000,'document 7 is refused: The good is archived',1);
CREATE TABLE assignments (
    key     TEXT PRIMARY KEY,
    good_id INTEGER NOT NULL
, factor INTEGER NOT NULL DEFAULT 1, wall_ms INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO "assignments" VALUES('g14006381333938',123456,12,1790000076500);
INSERT INTO "assignments" VALUES('tHOUSE-7',123457,1,NULL);
CREATE TABLE boots (
    id      INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE -- /proc/sys/kernel/random/boot_id
) STRICT;
INSERT INTO "boots" VALUES(1,'6f1d8a2e-0c54-4e0f-9a8e-2f4e7f0b5a11');
INSERT INTO "boots" VALUES(2,'b07c7a43-51e2-4b8f-8a55-0d6f6f3d9c22');
CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    wall_ms      INTEGER NOT NULL,
    operation_id INTEGER,
    what         TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(31,1790000070000,4,'closed by code');
INSERT INTO "events" VALUES(32,1790000071000,4,'sending the document with its lines');
INSERT INTO "events" VALUES(33,1790000071500,4,'the server answered: document 7001');
INSERT INTO "events" VALUES(34,1790000074000,6,'sending the document with its lines');
INSERT INTO "events" VALUES(35,1790000077000,NULL,'a word that concerns no operation');
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('data_id','5f2d6a1c9b3e4d70a8c1f0e2b4d69718');
INSERT INTO "facts" VALUES('data_location','4564');
INSERT INTO "facts" VALUES('data_machine','device-tree:0011223344556677 mac:8899aabbccddeeff');
INSERT INTO "facts" VALUES('data_service','https://api.alteg.io/api/v1');
INSERT INTO "facts" VALUES('data_station','dock-1');
INSERT INTO "facts" VALUES('mode','write-off');
INSERT INTO "facts" VALUES('time_zone','America/New_York');
CREATE TABLE lines (
    operation_id   INTEGER NOT NULL REFERENCES operations (id),
    number         INTEGER NOT NULL CHECK (number BETWEEN 1 AND 65535),
    good_id        INTEGER NOT NULL,
    title          TEXT NOT NULL,
    barcode        TEXT NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    price          TEXT NOT NULL, -- decimal
    transaction_id INTEGER,
    refusal        TEXT,
    PRIMARY KEY (operation_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "lines" VALUES(4,1,123456,'Shampoo 1','4006381333931',1000000,'5',9001,NULL);
INSERT INTO "lines" VALUES(4,2,123457,'Comb','9521234000013',12000000,'0.9',9002,NULL);
INSERT INTO "lines" VALUES(5,1,123456,'Shampoo 1','4006381333931',2500000,'5',NULL,NULL);
INSERT INTO "lines" VALUES(6,1,123457,'Comb','9521234000013',1000000,'0.9',NULL,NULL);
INSERT INTO "lines" VALUES(7,1,123456,'Shampoo 1','4006381333931',5000000,'5',NULL,'The good is archived');
INSERT INTO "lines" VALUES(8,1,123456,'Shampoo 1','4006381333931',6000000,'5',NULL,NULL);
INSERT INTO "lines" VALUES(9,1,123456,'Shampoo 1','4006381333931',4000000,'5',NULL,NULL);
INSERT INTO "lines" VALUES(9,2,123457,'Comb','$SP.KIT-410.C',2000000,'0.9',NULL,NULL);
INSERT INTO "lines" VALUES(10,1,123456,'Shampoo 1','$SP.KIT-410.C',150000,'5',NULL,NULL);
CREATE TABLE operations (
    id          INTEGER PRIMARY KEY,
    marker      TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL CHECK (kind IN ('receipt', 'write-off')),
    storage_id  INTEGER NOT NULL,
    state       TEXT NOT NULL
                CHECK (state IN ('open', 'queued', 'sending', 'uncertain', 'posted', 'refused', 'cancelled')),
    first_scan  INTEGER NOT NULL, -- journal row; its time is the document's
    closed_ms   INTEGER,          -- wall clock
    units       INTEGER NOT NULL DEFAULT 0, -- of all lines; set when it closes
    create_date TEXT,             -- as sent: fixed before the first request, so that a repeat says the same
    sent_ms     INTEGER,          -- wall clock before the first request; readings go back to before it
    step        TEXT,             -- the request not settled: 'operation', 'document', 'line N'
    document_id INTEGER,
    piecewise   INTEGER NOT NULL DEFAULT 0,
    absences    INTEGER NOT NULL DEFAULT 0,
    refusal     TEXT,
    doubtful    INTEGER NOT NULL DEFAULT 0,
    late_checks INTEGER NOT NULL DEFAULT 0,
    surplus     TEXT NOT NULL DEFAULT '', -- what must go on the server: 't123' a line, 'd45' a document, blank-separated
    stuck       TEXT,
    split_from  INTEGER           -- the operation whose refused lines these are
, revokes INTEGER, aside TEXT, look_first INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, fault TEXT, failing_ms INTEGER, retry_ms INTEGER, called INTEGER NOT NULL DEFAULT 0, server_sent_ms INTEGER) STRICT;
INSERT INTO "operations" VALUES(4,'#sp:dock-1:01K5N0000000000000000000A4#','receipt',91271,'posted',11,1790000070000,13000000,'2026-09-21T10:14:20-04:00',1790000071000,NULL,7001,0,0,NULL,0,0,'',NULL,NULL,NULL,NULL,0,0,NULL,NULL,NULL,0,NULL);
INSERT INTO "operations" VALUES(5,'#sp:dock-1:01K5N0000000000000000000A5#','write-off',91271,'queued',17,1790000072000,2500000,NULL,NULL,NULL,NULL,0,0,NULL,0,0,'',NULL,NULL,NULL,NULL,1,0,NULL,NULL,NULL,0,NULL);
INSERT INTO "operations" VALUES(6,'#sp:dock-1:01K5N0000000000000000000A6#','write-off',91271,'uncertain',18,1790000073000,1000000,'2026-09-21T10:14:27-04:00',1790000074000,'operation',NULL,0,1,NULL,1,0,'',NULL,NULL,NULL,NULL,0,5,'get an answer: the service failed (status 500)',1790000080000,1790000700000,1,1790000073500);
INSERT INTO "operations" VALUES(7,'#sp:dock-1:01K5N0000000000000000000A7#','receipt',91272,'refused',19,1790000075000,5000000,NULL,NULL,NULL,NULL,0,0,NULL,0,0,'',NULL,4,NULL,NULL,0,0,NULL,NULL,NULL,0,NULL);
INSERT INTO "operations" VALUES(8,'#sp:dock-1:01K5N0000000000000000000A8#','write-off',91271,'cancelled',20,1790000076000,6000000,NULL,NULL,NULL,NULL,0,0,NULL,0,0,'',NULL,NULL,NULL,'location 77 at https://api.alteg.io/api/v1',0,0,NULL,NULL,NULL,0,NULL);
INSERT INTO "operations" VALUES(9,'#sp:dock-1:01K5N0000000000000000000A9#','write-off',91271,'open',23,NULL,0,NULL,NULL,NULL,NULL,0,0,NULL,0,0,'',NULL,NULL,NULL,NULL,1,0,NULL,NULL,NULL,0,NULL);
INSERT INTO "operations" VALUES(10,'#sp:dock-1:01K5N0000000000000000000AA#','write-off',91272,'open',26,NULL,0,NULL,NULL,NULL,NULL,0,0,NULL,0,0,'',NULL,NULL,NULL,NULL,0,0,NULL,NULL,NULL,0,NULL);
CREATE TABLE scan_parts (
    operation_id INTEGER NOT NULL,
    scan_id      INTEGER NOT NULL REFERENCES scans (id),
    good_id      INTEGER NOT NULL,
    quantity     INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (operation_id, scan_id, good_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "scan_parts" VALUES(9,26,123457,2000000);
INSERT INTO "scan_parts" VALUES(10,26,123456,150000);
CREATE TABLE scans (
    id           INTEGER PRIMARY KEY,
    scanner      TEXT NOT NULL,
    raw          BLOB NOT NULL,
    boot         INTEGER NOT NULL REFERENCES boots (id),
    boot_ms      INTEGER NOT NULL,
    wall_ms      INTEGER NOT NULL,
    clock        TEXT NOT NULL CHECK (clock IN ('untrusted', 'trusted', 'repaired', 'estimated')),
    outcome      TEXT NOT NULL CHECK (outcome IN ('booked', 'unknown', 'refused', 'control', 'lookup')),
    detail       TEXT,    -- why it was refused, or which control code it was
    barcode      TEXT,    -- the code without its AIM prefix, for a scan that was looked up
    kind         TEXT,    -- 'receipt' or 'write-off', for a scan that is booked or parked
    storage_id   INTEGER, -- likewise
    quantity     INTEGER, -- likewise
    good_id      INTEGER, -- for a scan that is booked
    operation_id INTEGER, -- likewise
    undone_by    INTEGER  -- the journal row of the UNDO that took this scan back
, code TEXT, read_as TEXT, lot TEXT, expiry TEXT, serial TEXT, times INTEGER, words TEXT) STRICT;
INSERT INTO "scans" VALUES(11,'dock',X'34303036333831333333393331',1,60000,1790000060000,'trusted','booked',NULL,'4006381333931','receipt',91271,1000000,123456,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(12,'dock',X'39353231323334303030303133',1,61000,1790000061000,'trusted','booked',NULL,'9521234000013','receipt',91271,12000000,123457,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(13,'dock',X'39353231323334303030303133',1,62000,1790000062000,'repaired','booked',NULL,'9521234000013','receipt',91271,2000000,123457,4,14,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(14,'dock',X'2453502E554E444F2E4D',1,63000,1790000063000,'trusted','control','UNDO',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(15,'dock',X'4C415445522D31',1,64000,1790000064000,'trusted','unknown',NULL,'LATER-1','write-off',91271,3000000,NULL,NULL,NULL,NULL,'tLATER-1',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(16,'dock',X'FF',1,65000,1790000065000,'estimated','refused','not-utf8',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(17,'dock',X'34303036333831333333393331',1,66000,1790000066000,'trusted','booked',NULL,'4006381333931','write-off',91271,2500000,123456,5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(18,'dock',X'39353231323334303030303133',1,67000,1790000067000,'trusted','booked',NULL,'9521234000013','write-off',91271,1000000,123457,6,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(19,'dock',X'34303036333831333333393331',1,68000,1790000068000,'trusted','booked',NULL,'4006381333931','receipt',91272,5000000,123456,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(20,'dock',X'34303036333831333333393331',1,69000,1790000069000,'trusted','booked',NULL,'4006381333931','write-off',91271,6000000,123456,8,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(21,'dock',X'2453502E43414E43454C2E58',1,70000,1790000070000,'trusted','control','CANCEL',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(22,'dock',X'5348454C462D313241',1,71000,1790000071000,'trusted','lookup',NULL,'SHELF-12A',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(23,'dock',X'34303036333831333333393331',2,5000,86400000,'untrusted','booked',NULL,'4006381333931','write-off',91271,4000000,123456,9,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(24,'dock',X'5348454C462D313241',2,6000,86401000,'untrusted','lookup',NULL,'SHELF-12A',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(25,'dock',X'FF',2,7000,86402000,'untrusted','refused','not-utf8',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(26,'dock',X'2453502E4B49542D3431302E43',2,8000,86403000,'untrusted','booked',NULL,'$SP.KIT-410.C','write-off',91271,2150000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(27,'dock',X'2453502E4B49542D3431312E41',2,9000,86404000,'untrusted','unknown',NULL,'$SP.KIT-411.A','write-off',91271,2000000,NULL,NULL,NULL,NULL,'t$SP.KIT-411.A',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(28,'dock',X'425D41304C415445522D32',2,10000,86405000,'untrusted','unknown',NULL,'LATER-2','write-off',91271,1500000,NULL,NULL,NULL,']A0LATER-2','tLATER-2',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(29,'dock',X'5D45303031323334353538',2,11000,86406000,'untrusted','unknown',NULL,'01234558','write-off',91271,1000000,NULL,NULL,NULL,NULL,'g00012345000058',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "scans" VALUES(30,'dock',X'5D643230313039353036303030313334333532313732363132333132313030',2,12000,86407000,'untrusted','unknown',NULL,'0109506000134352172612312100','write-off',91271,1000000,NULL,NULL,NULL,NULL,'g09506000134352',NULL,'261231','00',NULL,NULL);
INSERT INTO "scans" VALUES(31,'dock',X'4C415445522D33',2,13000,86408000,'trusted','unknown',NULL,'LATER-3','receipt',91271,5000000,NULL,NULL,32,NULL,'tLATER-3',NULL,NULL,NULL,5,NULL);
INSERT INTO "scans" VALUES(32,'dock',X'2453502E554E444F2E33',2,14000,86409000,'trusted','control','UNDO',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'taken back: 5 LATER-3, which was parked');
CREATE TABLE standing (
    what  TEXT PRIMARY KEY, -- a state but 'open', or 'parked'
    count INTEGER NOT NULL,
    units INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "standing" VALUES('cancelled',1,6000000);
INSERT INTO "standing" VALUES('parked',5,8500000);
INSERT INTO "standing" VALUES('posted',1,13000000);
INSERT INTO "standing" VALUES('queued',1,2500000);
INSERT INTO "standing" VALUES('refused',1,5000000);
INSERT INTO "standing" VALUES('sending',0,0);
INSERT INTO "standing" VALUES('uncertain',1,1000000);
CREATE TABLE totals (
    one               INTEGER PRIMARY KEY CHECK (one = 1),
    booked            INTEGER NOT NULL DEFAULT 0,
    undone            INTEGER NOT NULL DEFAULT 0,
    unknown           INTEGER NOT NULL DEFAULT 0,
    refused           INTEGER NOT NULL DEFAULT 0,
    control           INTEGER NOT NULL DEFAULT 0,
    lookup            INTEGER NOT NULL DEFAULT 0,
    units_booked      INTEGER NOT NULL DEFAULT 0,
    units_undone      INTEGER NOT NULL DEFAULT 0,
    pruned_posted     INTEGER NOT NULL DEFAULT 0, -- operations
    pruned_cancelled  INTEGER NOT NULL DEFAULT 0,
    units_pruned_posted    INTEGER NOT NULL DEFAULT 0,
    units_pruned_cancelled INTEGER NOT NULL DEFAULT 0
, counted_to INTEGER NOT NULL DEFAULT 0, operations_to INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "totals" VALUES(1,18,2,1,1,2,1,54500000,2000000,3,1,20000000,1000000,23,12);
CREATE INDEX scans_of_untrusted_clock ON scans (boot) WHERE clock = 'untrusted';
CREATE UNIQUE INDEX operations_open ON operations (kind, storage_id) WHERE state = 'open';
CREATE INDEX operations_of_document ON operations (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX events_of_operation ON events (operation_id);
CREATE INDEX scan_parts_of_scan ON scan_parts (scan_id);
CREATE VIEW uncounted AS
    SELECT count(*) FILTER (WHERE outcome = 'booked')  AS new_booked,
           count(*) FILTER (WHERE outcome = 'unknown') AS new_unknown,
           count(*) FILTER (WHERE outcome = 'refused') AS new_refused,
           count(*) FILTER (WHERE outcome = 'control') AS new_control,
           count(*) FILTER (WHERE outcome = 'lookup')  AS new_lookup,
           coalesce(sum(quantity) FILTER (WHERE outcome = 'booked'), 0) AS new_units_booked,
           max(id) AS last
    FROM scans WHERE id > (SELECT counted_to FROM totals);
CREATE INDEX operations_revoking ON operations (revokes) WHERE revokes IS NOT NULL;
CREATE INDEX operations_aside ON operations (aside) WHERE aside IS NOT NULL;
CREATE INDEX scans_parked ON scans (read_as) WHERE outcome = 'unknown';
CREATE INDEX scans_of_unit ON scans (read_as, serial) WHERE serial IS NOT NULL;
CREATE INDEX scans_of_label ON scans (operation_id)
    WHERE lot IS NOT NULL OR expiry IS NOT NULL OR serial IS NOT NULL;
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
CREATE INDEX operations_of_first_scan ON operations (first_scan);
CREATE INDEX operations_under_way ON operations (id) WHERE state IN ('queued', 'sending', 'uncertain');
CREATE INDEX operations_unsent ON operations (first_scan)
    WHERE state IN ('open', 'queued') AND create_date IS NULL AND revokes IS NULL;
CREATE INDEX operations_for_a_person ON operations (id)
    WHERE state = 'refused' OR stuck IS NOT NULL OR refusal IS NOT NULL
       OR (state = 'posted' AND surplus <> '' AND doubtful) OR called;
CREATE INDEX operations_on_agenda ON operations
    (state IN ('posted', 'refused'), stuck IS NOT NULL, failures > 0, coalesce(retry_ms, 0), id)
    WHERE state IN ('queued', 'sending', 'uncertain')
       OR (surplus <> '' AND state IN ('posted', 'refused'))
       OR (doubtful AND late_checks < 2 AND state IN ('posted', 'refused'));
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('alarms',3);
COMMIT;
PRAGMA user_version = 9;
