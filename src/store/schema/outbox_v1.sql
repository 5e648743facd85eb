-- outbox.db, version 1: everything that cannot be had again.
-- Times are milliseconds since 1970 (wall_ms) or since that boot (boot_ms); quantities are millionths of a sale unit.

-- Small facts of the station: the mode commanded last, the location's time zone.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row each time the machine was started, so that a journal row needs no 36 characters of boot id.
CREATE TABLE boots (
    id      INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE -- /proc/sys/kernel/random/boot_id
) STRICT;

-- The journal: every frame, in the order of acceptance, with its bytes. `clock` says how far wall_ms may be believed:
-- 'untrusted' as read from a clock nobody vouched for, 'trusted' vouched for at that moment, 'repaired' computed from
-- boot_ms once the clock of that boot was right, 'estimated' bounded by its neighbours where that boot never had a right clock.
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
) STRICT;

-- Parked scans are looked for after every sync; there are few of them among the many.
CREATE INDEX scans_parked ON scans (barcode) WHERE outcome = 'unknown';
CREATE INDEX scans_of_untrusted_clock ON scans (boot) WHERE clock = 'untrusted';

-- Counts since the data folder was made. They are kept, not computed, because history is pruned.
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
) STRICT;
INSERT INTO totals (one) VALUES (1);

-- Operations and how far their delivery is.
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
) STRICT;
CREATE UNIQUE INDEX operations_open ON operations (kind, storage_id) WHERE state = 'open';
-- What the deliverer has to do with. Its query says the same condition word for word, or the index is not used.
CREATE INDEX operations_on_agenda ON operations (id)
    WHERE state IN ('queued', 'sending', 'uncertain')
       OR (surplus <> '' AND state IN ('posted', 'refused'))
       OR (doubtful AND late_checks < 2 AND state IN ('posted', 'refused'));

CREATE INDEX operations_of_document ON operations (document_id) WHERE document_id IS NOT NULL;

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

-- Codes that a person gave to a good, because the server's table does not know them.
CREATE TABLE assignments (
    key     TEXT PRIMARY KEY,
    good_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The trail: what became of each operation, for the person who must explain the books.
CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    wall_ms      INTEGER NOT NULL,
    operation_id INTEGER,
    what         TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_operation ON events (operation_id);
