-- Tells the planner once what the tables look like when they are large: a project is nearly everything, an id nearly
-- nothing. Left to guess, it takes both for equally good.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('spans', 'spans_by_id', '1000000 1000000 1'),
    ('spans', 'spans_by_trace', '1000000 10'),
    ('spans', 'spans_by_start', '1000000 1000000 2'),
    ('spans', 'spans_failed', '20000 20000 2'),
    ('spans', 'spans_running', '1000 1000 2'),
    ('traces', 'traces_by_id', '100000 100000 1'),
    ('traces', 'traces_by_totals', '100000 100000 2 2 2 2 1 1 1 1 1 1'),
    ('traces', 'traces_by_name', '100000 100000 100'),
    ('traces', 'traces_by_tags', '100000 100000 10'),
    ('traces', 'traces_by_session', '50000 50000 5 1 1 1 1 1 1 1 1 1'),
    ('chunk_traces', 'chunk_traces', '1000000 10 1'),
    ('chunk_traces', 'chunk_traces_by_chunk', '1000000 2'),
    ('rollups', 'rollups_by_hour', '10000 10000 20');
