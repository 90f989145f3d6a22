-- Spans without their input and output, which lists never read.
CREATE TABLE spans (
    row INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    -- The row of the trace.
    trace INTEGER NOT NULL,
    id TEXT NOT NULL,
    parent_id TEXT,
    name TEXT NOT NULL,
    -- The name in lower case where that is more than ASCII lower case.
    name_folded TEXT,
    -- 0 llm_call, 1 custom, 2 fs_read, 3 fs_write.
    kind INTEGER NOT NULL,
    -- The model, the custom kind's own word, or the path.
    label TEXT NOT NULL,
    provider TEXT,
    -- 0 running, 1 completed, 2 failed.
    status INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost REAL,
    -- 1 when the client named the cost, 0 when it was estimated.
    cost_given INTEGER,
    version INTEGER NOT NULL,
    -- What has no column, as JSON.
    detail TEXT
);
CREATE INDEX spans_by_id ON spans (project, id);
CREATE INDEX spans_by_trace ON spans (trace);
CREATE INDEX spans_by_start ON spans (project, started_at);
-- Few spans run and some fail; both are asked for by the newest.
CREATE INDEX spans_failed ON spans (project, started_at) WHERE status = 2;
CREATE INDEX spans_running ON spans (project, started_at) WHERE status = 0;
