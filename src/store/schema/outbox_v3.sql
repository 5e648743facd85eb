-- outbox.db, version 3: a document that was posted can be undone by another.

-- The operation that this one undoes by the opposite movement.
ALTER TABLE operations ADD COLUMN revokes INTEGER;
CREATE INDEX operations_revoking ON operations (revokes) WHERE revokes IS NOT NULL;
