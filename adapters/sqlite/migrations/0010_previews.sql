-- A trace shows the beginning of the first user message of its root, else of its earliest model call. The spans that
-- may come to be shown keep theirs, so that a trace can be added up anew. What was written before has none.
ALTER TABLE spans ADD COLUMN preview TEXT;
-- The text and where it is from, as JSON.
ALTER TABLE traces ADD COLUMN preview TEXT;
