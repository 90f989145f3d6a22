-- Traces carry what their spans add up to, so that a page of traces reads no span.
CREATE TABLE traces (
    row INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    -- How strongly the name belongs to the trace.
    name_rank INTEGER NOT NULL,
    -- The name in lower case where that is more than ASCII lower case.
    name_folded TEXT,
    tags TEXT,
    -- The tags in lower case, likewise.
    tags_folded TEXT,
    session_id TEXT,
    metadata TEXT,
    machine_id TEXT,
    -- All times are microseconds since 1970.
    started_at INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    running INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    llm_calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    first_start INTEGER,
    last_end INTEGER,
    models TEXT
);
CREATE UNIQUE INDEX traces_by_id ON traces (project, id);
-- What lists filter and sort by, so that they scan something narrow.
CREATE INDEX traces_by_totals ON traces (
    project, started_at, cost, input_tokens, output_tokens, first_start, last_end, spans, running, failed, id
);
-- Names and tags are searched for text in them, which reads all there are.
CREATE INDEX traces_by_name ON traces (project, name) WHERE name IS NOT NULL;
CREATE INDEX traces_by_tags ON traces (project, tags) WHERE tags IS NOT NULL;
-- What sessions add up, so that grouping reads nothing else.
CREATE INDEX traces_by_session ON traces (
    project, session_id, started_at, cost, input_tokens, output_tokens, first_start, last_end, spans, running, failed
) WHERE session_id IS NOT NULL;
