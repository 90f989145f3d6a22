-- Full text of payloads and names by trigrams, which finds text inside words too. It only names candidates, which are
-- then checked on the payloads themselves, so neither positions nor texts are kept.
-- Documents: twice the number of a part, for it and the next ones of its chunk; twice the row of a span plus one, for
-- its name and what its payload does not share.
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
