-- Work to be done after the answer; taken under a lease, so that a worker that dies loses nothing.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org BLOB NOT NULL,
    project BLOB NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    -- Changes with every lease; a stale one is refused.
    token INTEGER NOT NULL DEFAULT 0,
    -- When the lease runs out; NULL while nobody holds the job.
    leased_until INTEGER,
    -- 1 when no tries are left.
    dead INTEGER NOT NULL DEFAULT 0,
    error TEXT
);
CREATE INDEX jobs_due ON jobs (kind, ifnull(leased_until, run_at)) WHERE dead = 0;
CREATE INDEX jobs_dead ON jobs (kind) WHERE dead = 1;
