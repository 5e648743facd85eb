-- goods.db, version 2: bills of materials, and the unit in which a good is used up.

ALTER TABLE goods ADD COLUMN write_off_unit TEXT; -- NULL if not told
ALTER TABLE goods ADD COLUMN per_sale_unit TEXT;  -- decimal; write-off units in one sale unit, likewise
ALTER TABLE next_goods ADD COLUMN write_off_unit TEXT;
ALTER TABLE next_goods ADD COLUMN per_sale_unit TEXT;

-- The cards as the server tells them; an amount is in the unit beside it, in millionths.
CREATE TABLE cards (
    card_id INTEGER PRIMARY KEY,
    title   TEXT NOT NULL
) STRICT;
CREATE TABLE materials (
    card_id    INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    good_id    INTEGER NOT NULL,
    storage_id INTEGER, -- NULL if not told
    amount     INTEGER NOT NULL,
    unit       TEXT NOT NULL,
    PRIMARY KEY (card_id, number)
) STRICT, WITHOUT ROWID;

-- No good has its second unit yet: all of them are read anew, and a reading under way begins again.
DELETE FROM progress WHERE name IN ('full_at', 'next_begun_at', 'next_page');
DELETE FROM next_goods;
DELETE FROM next_keys;
