-- A tenant is a small number inside the file, so that every row and index that names it stays narrow.
-- The counts answer "how much is there" without a scan.
CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    org BLOB NOT NULL,
    project BLOB NOT NULL,
    traces INTEGER NOT NULL DEFAULT 0,
    spans INTEGER NOT NULL DEFAULT 0,
    UNIQUE (org, project)
);
