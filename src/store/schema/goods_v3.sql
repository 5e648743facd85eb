-- goods.db, version 3: what a good is sold for, which a label with a price in its code is worth.

ALTER TABLE goods ADD COLUMN sale_price TEXT; -- decimal; NULL if not told
ALTER TABLE next_goods ADD COLUMN sale_price TEXT;

-- No good has its price yet: all of them are read anew, and a reading under way begins again.
DELETE FROM progress WHERE name IN ('full_at', 'next_begun_at', 'next_page');
DELETE FROM next_goods;
DELETE FROM next_keys;
