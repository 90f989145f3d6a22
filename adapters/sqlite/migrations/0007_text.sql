-- Full text of payloads and names by trigrams, which finds text inside words too. It only names candidates, which are
-- then checked on the payloads themselves, so neither positions nor texts are kept.
-- Documents: twice the id for a chunk; twice the row plus one for the name of a span and what its payload does not
-- share.
CREATE VIRTUAL TABLE text USING fts5 (
    body, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE text_terms USING fts5vocab (text, 'row');

-- How far the index has come: everything up to here is in it, except the spans that changed since.
CREATE TABLE text_progress (
    chunk INTEGER NOT NULL,
    span INTEGER NOT NULL
);
INSERT INTO text_progress VALUES (0, 0);
CREATE TABLE text_changed (row INTEGER PRIMARY KEY);
