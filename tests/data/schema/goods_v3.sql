-- goods.db of version 3 as the program left it: as version 2, with the prices at which two of the goods are sold.
-- Frozen: whatever reads a later version must read this one first.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE cards (
    card_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL
) STRICT;
INSERT INTO "cards" VALUES(410,'Hair wash');
INSERT INTO "cards" VALUES(411,'Half told');
CREATE TABLE "goods" (
    good_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    barcode TEXT NOT NULL,
    unit    TEXT NOT NULL,
    price   TEXT NOT NULL
, write_off_unit TEXT, per_sale_unit TEXT, sale_price TEXT) STRICT;
INSERT INTO "goods" VALUES(123456,'Shampoo 1','4006381333931','pc','5','ml','100','8.5');
INSERT INTO "goods" VALUES(123457,'Comb','9521234000013','pc','0.9','pc','1',NULL);
INSERT INTO "goods" VALUES(123458,'Coffee beans','SHELF-12A','kg','11.75',NULL,NULL,'20');
CREATE TABLE "keys" (
    key     TEXT NOT NULL,
    good_id INTEGER NOT NULL,
    PRIMARY KEY (key, good_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "keys" VALUES('g04006381333931',123456);
INSERT INTO "keys" VALUES('g09521234000013',123457);
INSERT INTO "keys" VALUES('tSHELF-12A',123458);
CREATE TABLE materials (
    card_id    INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    good_id    INTEGER NOT NULL,
    storage_id INTEGER, -- NULL if not told
    amount     INTEGER NOT NULL,
    unit       TEXT NOT NULL,
    PRIMARY KEY (card_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "materials" VALUES(410,1,123457,91271,2000000,'pc');
INSERT INTO "materials" VALUES(410,2,123456,91272,15000000,'ml');
INSERT INTO "materials" VALUES(411,1,123456,NULL,1000000,'');
CREATE TABLE "next_goods" (
    good_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    barcode TEXT NOT NULL,
    unit    TEXT NOT NULL,
    price   TEXT NOT NULL -- decimal
, write_off_unit TEXT, per_sale_unit TEXT, sale_price TEXT) STRICT;
INSERT INTO "next_goods" VALUES(123456,'Shampoo 1','4006381333931','pc','5','ml','100','8.5');
CREATE TABLE "next_keys" (
    key     TEXT NOT NULL,
    good_id INTEGER NOT NULL,
    PRIMARY KEY (key, good_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "next_keys" VALUES('g04006381333931',123456);
CREATE TABLE progress (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "progress" VALUES('full_at',1790000000000);
INSERT INTO "progress" VALUES('next_begun_at',1790086400000);
INSERT INTO "progress" VALUES('next_page',2);
INSERT INTO "progress" VALUES('synced_at',1790000300000);
COMMIT;
PRAGMA user_version = 3;
