-- outbox.db, version 4: a kit's scan books several goods in several operations.

-- What such a scan booked where. Its row in the journal has their sum, and neither good nor operation.
CREATE TABLE scan_parts (
    operation_id INTEGER NOT NULL,
    scan_id      INTEGER NOT NULL REFERENCES scans (id),
    good_id      INTEGER NOT NULL,
    quantity     INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (operation_id, scan_id, good_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scan_parts_of_scan ON scan_parts (scan_id);
