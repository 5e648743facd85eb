-- goods.db, version 1: a copy of the location's goods table. It may be deleted at any time; it fills again.

CREATE TABLE goods (
    good_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    barcode TEXT NOT NULL,
    unit    TEXT NOT NULL,
    price   TEXT NOT NULL -- decimal
) STRICT;

-- Every key under which a good is found. Two goods may share one.
CREATE TABLE keys (
    key     TEXT NOT NULL,
    good_id INTEGER NOT NULL,
    PRIMARY KEY (key, good_id)
) STRICT, WITHOUT ROWID;

-- A full reading collects here and replaces the tables above in one transaction.
CREATE TABLE next_goods (
    good_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    barcode TEXT NOT NULL,
    unit    TEXT NOT NULL,
    price   TEXT NOT NULL
) STRICT;
CREATE TABLE next_keys (
    key     TEXT NOT NULL,
    good_id INTEGER NOT NULL,
    PRIMARY KEY (key, good_id)
) STRICT, WITHOUT ROWID;

-- How far the readings are: names are those of the store's goods module.
CREATE TABLE progress (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
