-- How often a span changed: one that the index reads with all its changes need not be read again.
ALTER TABLE text_changed ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
