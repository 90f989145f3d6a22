-- Work to be done after the answer; taken under a lease, so that a worker that dies loses nothing.
CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id uuid NOT NULL,
    project_id uuid NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    run_at timestamptz NOT NULL,
    -- When it may be taken: `run_at`, or the end of the lease while a worker holds it.
    due_at timestamptz NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    -- Changes with every lease; a stale one is refused.
    token bigint NOT NULL DEFAULT 0,
    leased boolean NOT NULL DEFAULT false,
    -- Whether no tries are left.
    dead boolean NOT NULL DEFAULT false,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_due ON jobs (kind, due_at, id) WHERE NOT dead;
CREATE INDEX jobs_dead ON jobs (kind, id) WHERE dead;
