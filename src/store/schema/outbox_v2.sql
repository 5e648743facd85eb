-- outbox.db, version 2: the counts follow the journal by and by, so that a scan's commit changes a page less.

-- The journal's row up to which the counts hold every frame.
ALTER TABLE totals ADD COLUMN counted_to INTEGER NOT NULL DEFAULT 0;
UPDATE totals SET counted_to = (SELECT coalesce(max(id), 0) FROM scans);

-- What the counts do not hold yet: one row.
CREATE VIEW uncounted AS
    SELECT count(*) FILTER (WHERE outcome = 'booked')  AS new_booked,
           count(*) FILTER (WHERE outcome = 'unknown') AS new_unknown,
           count(*) FILTER (WHERE outcome = 'refused') AS new_refused,
           count(*) FILTER (WHERE outcome = 'control') AS new_control,
           count(*) FILTER (WHERE outcome = 'lookup')  AS new_lookup,
           coalesce(sum(quantity) FILTER (WHERE outcome = 'booked'), 0) AS new_units_booked,
           max(id) AS last
    FROM scans WHERE id > (SELECT counted_to FROM totals);
