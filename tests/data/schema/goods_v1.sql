-- goods.db of version 1 as the program left it after a full reading, which swaps the tables, with the next one
-- under way. Frozen: whatever reads a later version must read this one first.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "next_goods" (
    good_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    barcode TEXT NOT NULL,
    unit    TEXT NOT NULL,
    price   TEXT NOT NULL -- decimal
) STRICT;
INSERT INTO next_goods VALUES(123456,'Shampoo 1','4006381333931','pc','5');
CREATE TABLE IF NOT EXISTS "next_keys" (
    key     TEXT NOT NULL,
    good_id INTEGER NOT NULL,
    PRIMARY KEY (key, good_id)
) STRICT, WITHOUT ROWID;
INSERT INTO next_keys VALUES('g04006381333931',123456);
CREATE TABLE IF NOT EXISTS "goods" (
    good_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    barcode TEXT NOT NULL,
    unit    TEXT NOT NULL,
    price   TEXT NOT NULL
) STRICT;
INSERT INTO goods VALUES(123456,'Shampoo 1','4006381333931','pc','5');
INSERT INTO goods VALUES(123457,'Comb','9521234000013','pc','0.9');
INSERT INTO goods VALUES(123458,'Coffee beans','SHELF-12A','kg','11.75');
CREATE TABLE IF NOT EXISTS "keys" (
    key     TEXT NOT NULL,
    good_id INTEGER NOT NULL,
    PRIMARY KEY (key, good_id)
) STRICT, WITHOUT ROWID;
INSERT INTO keys VALUES('g04006381333931',123456);
INSERT INTO keys VALUES('g09521234000013',123457);
INSERT INTO keys VALUES('tSHELF-12A',123458);
CREATE TABLE progress (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO progress VALUES('full_at',1790000000000);
INSERT INTO progress VALUES('next_begun_at',1790086400000);
INSERT INTO progress VALUES('next_page',2);
INSERT INTO progress VALUES('synced_at',1790000300000);
COMMIT;
PRAGMA user_version = 1;
