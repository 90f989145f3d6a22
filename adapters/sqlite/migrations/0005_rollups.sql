-- What spans add up to per hour, so that analytics never scan spans. Kept by exact differences in the transaction
-- that writes the spans.
CREATE TABLE rollups (
    -- A hash of the project, hour, kind, model, provider and status.
    row INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    -- Hours since 1970 of the start.
    hour INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    -- The model or the custom kind's own word; empty for files.
    label TEXT NOT NULL,
    provider TEXT,
    status INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    cost REAL NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL
);
CREATE INDEX rollups_by_hour ON rollups (project, hour);

-- How durations are spread: 8 buckets per doubling of milliseconds.
CREATE TABLE rollup_durations (
    rollup INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    PRIMARY KEY (rollup, bucket)
) WITHOUT ROWID;
