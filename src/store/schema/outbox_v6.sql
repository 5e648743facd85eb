-- outbox.db, version 6: the folder knows where it belongs, alarms are state, and what fails again and again waits longer each
-- time, over a restart too.

-- A name for this data that no copy of another folder has. A copy of this one has it too, until `adopt --copy`.
INSERT INTO facts (name, value) VALUES ('data_id', lower(hex(randomblob(16))));

-- What needs a person and still stands. An alarm goes when its cause does; OK only notes that it was seen.
CREATE TABLE alarms (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so that a screen can tell one from the next
    cause    TEXT NOT NULL UNIQUE,              -- what it is about: 'foreign', 'token', 'document 7'
    since_ms INTEGER NOT NULL,                  -- wall clock
    what     TEXT NOT NULL,                     -- in words, for a person
    seen     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The books of a document that is never sent from here: it was found in a copied folder, or made for another location.
-- Its state is 'cancelled'.
ALTER TABLE operations ADD COLUMN aside TEXT;
CREATE INDEX operations_aside ON operations (aside) WHERE aside IS NOT NULL;

-- Whether a document is looked for on the service before anything of it is sent: a start found it.
ALTER TABLE operations ADD COLUMN look_first INTEGER NOT NULL DEFAULT 0;

-- Failures in a row that did not bring the operation on, although the service was there.
ALTER TABLE operations ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN fault TEXT;         -- the latest of them, in words
ALTER TABLE operations ADD COLUMN failing_ms INTEGER; -- wall clock at the first of them
ALTER TABLE operations ADD COLUMN retry_ms INTEGER;   -- wall clock at the next try, which is within an hour whatever this says
ALTER TABLE operations ADD COLUMN called INTEGER NOT NULL DEFAULT 0; -- whether a person is called because of them

-- The service's clock at or before the first request, where it was known. Readings go back to before it: `sent_ms` is by the
-- station's own clock, which may be wrong by years.
ALTER TABLE operations ADD COLUMN server_sent_ms INTEGER;

-- Documents that need a decision, fail again and again, or are being put right on the service. The query of the alarms says
-- the same condition word for word, or the index is not used.
CREATE INDEX operations_for_a_person ON operations (id)
    WHERE state = 'refused' OR stuck IS NOT NULL OR (state = 'posted' AND surplus <> '' AND doubtful) OR called;
